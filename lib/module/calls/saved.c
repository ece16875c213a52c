// SPDX-License-Identifier: MIT
#include "saved.h"

#include <string.h>

#include "running.h"

/* What a saved state begins with; that of the digest follows. */
typedef struct Saved {
    CK_MECHANISM_TYPE mechanism;
    CK_ULONG parts; /* not 0: there were some */
} Saved;

/* Whether a digest is all that goes on in session. A search is no cryptography, and what was
 * wrapped is done. */
static CK_RV check_savable(const P11dSession *session)
{
    bool any = false;
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    for (int kind = 0; kind < P11D_OPERATION_KINDS; kind++) {
        if (!session->operations[kind] && !session->taken[kind])
            continue;
        if (kind != P11D_OPERATION_SEARCH && kind != P11D_OPERATION_WRAP &&
            kind != P11D_OPERATION_DIGEST)
            return CKR_STATE_UNSAVEABLE;
        any = any || kind == P11D_OPERATION_DIGEST;
    }
    return any ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
}

CK_RV p11d_saved_get(P11dInstance *instance, CK_SESSION_HANDLE session, CK_BYTE *state,
                     CK_ULONG *size)
{
    P11dRunning *operation;
    uint8_t bytes[P11D_DIGEST_STATE_MAX];
    const P11dSession *found = p11d_session_find(instance, session);
    CK_RV rv = found && !size ? CKR_ARGUMENTS_BAD : check_savable(found);
    if (rv == CKR_OK)
        rv = p11d_running_take(instance, &p11d_operation_digest, session, &operation);
    if (rv != CKR_OK)
        return rv;
    if (operation->plan.elsewhere)
        return p11d_running_put(instance, session, operation, true, CKR_STATE_UNSAVEABLE);
    const Saved saved = {operation->plan.hash, operation->parts};
    const size_t digest_size = p11d_digest_save(&operation->digest, bytes);
    const CK_ULONG room = *size;
    *size = sizeof saved + digest_size;
    if (state && room < *size) {
        rv = CKR_BUFFER_TOO_SMALL;
    } else if (state) {
        memcpy(state, &saved, sizeof saved);
        memcpy(state + sizeof saved, bytes, digest_size);
    }
    explicit_bzero(bytes, sizeof bytes);
    return p11d_running_put(instance, session, operation, true, rv);
}

/* Begins the digest in session that was saved. */
static CK_RV resume(P11dInstance *instance, CK_SESSION_HANDLE session, const Saved *saved,
                    const P11dDigest *digest)
{
    const CK_MECHANISM mechanism = {saved->mechanism, NULL, 0};
    P11dRunning *operation;
    CK_RV rv = p11d_session_cancel(instance, session, P11D_OPERATION_DIGEST);
    if (rv == CKR_OK)
        rv = p11d_operation_init(instance, &p11d_operation_digest, session, &mechanism, 0);
    if (rv == CKR_OK)
        rv = p11d_running_take(instance, &p11d_operation_digest, session, &operation);
    if (rv != CKR_OK)
        return rv;
    operation->parts = saved->parts != 0;
    p11d_digest_copy(&operation->digest, digest);
    return p11d_running_put(instance, session, operation, true, CKR_OK);
}

CK_RV p11d_saved_set(P11dInstance *instance, CK_SESSION_HANDLE session, const CK_BYTE *state,
                     CK_ULONG size, bool keys)
{
    Saved saved;
    P11dDigest digest;
    if (!p11d_session_find(instance, session))
        return CKR_SESSION_HANDLE_INVALID;
    if (!state)
        return CKR_ARGUMENTS_BAD;
    if (keys)
        return CKR_KEY_NOT_NEEDED;
    if (size < sizeof saved)
        return CKR_SAVED_STATE_INVALID;
    memcpy(&saved, state, sizeof saved);
    if (!p11d_digest_restore(&digest, saved.mechanism, state + sizeof saved, size - sizeof saved))
        return CKR_SAVED_STATE_INVALID;
    const CK_RV rv = resume(instance, session, &saved, &digest);
    p11d_digest_wipe(&digest);
    return rv;
}
