// SPDX-License-Identifier: MIT
#include "dual.h"

#include "running.h"

/* Keeps part where the ciphertext may be put in its place before the other operation has seen it.
 */
static CK_RV keep(P11dBuffer *kept, const CK_BYTE *part, CK_ULONG size, const CK_BYTE *encrypted,
                  const CK_ULONG *encrypted_size)
{
    const uintptr_t from = (uintptr_t)part, to = (uintptr_t)encrypted;
    p11d_buffer_init(kept, SIZE_MAX / 4);
    if (!part || !encrypted || !encrypted_size || to >= from + size || from >= to + *encrypted_size)
        return CKR_OK;
    return p11d_buffer_append(kept, part, size) ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV p11d_dual_encrypt(P11dInstance *instance, const P11dOperationRow *other,
                        CK_SESSION_HANDLE session, const CK_BYTE *part, CK_ULONG size,
                        CK_BYTE *encrypted, CK_ULONG *encrypted_size)
{
    P11dBuffer kept;
    CK_RV rv = p11d_running_check(instance, other, session);
    if (rv != CKR_OK)
        return rv;
    rv = keep(&kept, part, size, encrypted, encrypted_size);
    if (rv == CKR_OK)
        rv = p11d_operation_transform(instance, &p11d_operation_encrypt, session, part, size,
                                      encrypted, encrypted_size);
    if (rv == CKR_OK && encrypted)
        rv =
            p11d_operation_update(instance, other, session, kept.size > 0 ? kept.data : part, size);
    p11d_buffer_clear(&kept);
    return rv;
}

CK_RV p11d_dual_decrypt(P11dInstance *instance, const P11dOperationRow *other,
                        CK_SESSION_HANDLE session, const CK_BYTE *encrypted,
                        CK_ULONG encrypted_size, CK_BYTE *part, CK_ULONG *size)
{
    CK_RV rv = p11d_running_check(instance, other, session);
    if (rv == CKR_OK)
        rv = p11d_operation_transform(instance, &p11d_operation_decrypt, session, encrypted,
                                      encrypted_size, part, size);
    return rv == CKR_OK && part ? p11d_operation_update(instance, other, session, part, *size) : rv;
}
