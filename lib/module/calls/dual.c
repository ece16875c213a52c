// SPDX-License-Identifier: MIT
#include "dual.h"

/* Whether an operation of that row can take a part now. */
static CK_RV check(P11dInstance *instance, CK_SESSION_HANDLE handle, const P11dOperationRow *row)
{
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    if (session->taken[row->kind])
        return CKR_OPERATION_ACTIVE;
    return session->operations[row->kind] ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
}

CK_RV p11d_dual_encrypt(P11dInstance *instance, const P11dOperationRow *other,
                        CK_SESSION_HANDLE session, const CK_BYTE *part, CK_ULONG size,
                        CK_BYTE *encrypted, CK_ULONG *encrypted_size)
{
    CK_RV rv = check(instance, session, other);
    if (rv == CKR_OK)
        rv = p11d_operation_transform(instance, &p11d_operation_encrypt, session, part, size,
                                      encrypted, encrypted_size);
    return rv == CKR_OK && encrypted ? p11d_operation_update(instance, other, session, part, size)
                                     : rv;
}

CK_RV p11d_dual_decrypt(P11dInstance *instance, const P11dOperationRow *other,
                        CK_SESSION_HANDLE session, const CK_BYTE *encrypted,
                        CK_ULONG encrypted_size, CK_BYTE *part, CK_ULONG *size)
{
    CK_RV rv = check(instance, session, other);
    if (rv == CKR_OK)
        rv = p11d_operation_transform(instance, &p11d_operation_decrypt, session, encrypted,
                                      encrypted_size, part, size);
    return rv == CKR_OK && part ? p11d_operation_update(instance, other, session, part, *size) : rv;
}
