// SPDX-License-Identifier: MIT
#include "hashing.h"

#include <stdlib.h>

#include "digest.h"
#include "lock.h"

typedef struct Hashing {
    P11dOperation operation;
    P11dDigest digest;
    bool parts; /* C_DigestUpdate was called: C_Digest may not */
} Hashing;

static void free_hashing(P11dOperation *operation)
{
    Hashing *hashing = (Hashing *)operation;
    p11d_digest_wipe(&hashing->digest);
    free(hashing);
}

CK_RV p11d_hashing_begin(P11dInstance *instance, CK_SESSION_HANDLE session,
                         const CK_MECHANISM *mechanism)
{
    if (!mechanism)
        return p11d_session_cancel(instance, session, P11D_OPERATION_DIGEST);
    if (!p11d_session_find(instance, session))
        return CKR_SESSION_HANDLE_INVALID;
    if (!p11d_digest_supports(mechanism->mechanism))
        return CKR_MECHANISM_INVALID;
    if (mechanism->ulParameterLen > 0)
        return CKR_MECHANISM_PARAM_INVALID;
    Hashing *hashing = calloc(1, sizeof *hashing);
    if (!hashing)
        return CKR_HOST_MEMORY;
    hashing->operation.free = free_hashing;
    p11d_digest_init(&hashing->digest, mechanism->mechanism);
    return p11d_session_begin(instance, session, P11D_OPERATION_DIGEST, &hashing->operation);
}

static CK_RV take(P11dInstance *instance, CK_SESSION_HANDLE session, Hashing **hashing)
{
    P11dOperation *operation = NULL;
    const CK_RV rv = p11d_session_take(instance, session, P11D_OPERATION_DIGEST, &operation);
    *hashing = (Hashing *)operation;
    return rv;
}

/* Puts it back, or ends it. */
static CK_RV put(P11dInstance *instance, CK_SESSION_HANDLE session, Hashing *hashing, bool goes_on,
                 CK_RV rv)
{
    p11d_session_put(instance, session, P11D_OPERATION_DIGEST,
                     goes_on ? &hashing->operation : NULL);
    if (!goes_on)
        free_hashing(&hashing->operation);
    return rv;
}

/* Hashes without the lock: it may be much. */
static void add(Hashing *hashing, const CK_BYTE *data, CK_ULONG size)
{
    p11d_lock_give();
    p11d_digest_update(&hashing->digest, data, size);
    p11d_lock_take();
}

/* What both ends of an operation answer before they end it. Returns false if it goes on (or, with
 * CKR_ARGUMENTS_BAD, ends without a result). */
static bool has_room(const Hashing *hashing, const CK_BYTE *digest, CK_ULONG *size, CK_RV *rv)
{
    *rv = CKR_ARGUMENTS_BAD;
    if (!size)
        return false;
    const CK_ULONG needed = p11d_digest_size(&hashing->digest);
    *rv = digest ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    const bool fits = digest && *size >= needed;
    *size = needed;
    return fits;
}

CK_RV p11d_hashing_whole(P11dInstance *instance, CK_SESSION_HANDLE session, const CK_BYTE *data,
                         CK_ULONG size, CK_BYTE *digest, CK_ULONG *digest_size)
{
    Hashing *hashing;
    CK_RV rv = take(instance, session, &hashing);
    if (rv != CKR_OK)
        return rv;
    if (hashing->parts)
        return put(instance, session, hashing, true, CKR_OPERATION_ACTIVE);
    if (!data && size > 0)
        return put(instance, session, hashing, false, CKR_ARGUMENTS_BAD);
    if (!has_room(hashing, digest, digest_size, &rv))
        return put(instance, session, hashing, rv != CKR_ARGUMENTS_BAD, rv);
    add(hashing, data, size);
    p11d_digest_final(&hashing->digest, digest);
    return put(instance, session, hashing, false, CKR_OK);
}

CK_RV p11d_hashing_update(P11dInstance *instance, CK_SESSION_HANDLE session, const CK_BYTE *data,
                          CK_ULONG size)
{
    Hashing *hashing;
    const CK_RV rv = take(instance, session, &hashing);
    if (rv != CKR_OK)
        return rv;
    if (!data && size > 0)
        return put(instance, session, hashing, false, CKR_ARGUMENTS_BAD);
    hashing->parts = true;
    add(hashing, data, size);
    return put(instance, session, hashing, true, CKR_OK);
}

CK_RV p11d_hashing_final(P11dInstance *instance, CK_SESSION_HANDLE session, CK_BYTE *digest,
                         CK_ULONG *digest_size)
{
    Hashing *hashing;
    CK_RV rv = take(instance, session, &hashing);
    if (rv != CKR_OK)
        return rv;
    if (!has_room(hashing, digest, digest_size, &rv))
        return put(instance, session, hashing, rv != CKR_ARGUMENTS_BAD, rv);
    p11d_digest_final(&hashing->digest, digest);
    return put(instance, session, hashing, false, CKR_OK);
}
