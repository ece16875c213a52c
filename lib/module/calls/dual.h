// SPDX-License-Identifier: MIT
/*
 * A dual function takes one part for two operations of a session at once (PKCS#11 3.1, section
 * 5.16): one that encrypts or decrypts it, and another one about the plaintext.
 */
#ifndef P11D_DUAL_H
#define P11D_DUAL_H

#include "operation.h"

/*
 * C_DigestEncryptUpdate and C_SignEncryptUpdate, C_DecryptDigestUpdate and C_DecryptVerifyUpdate;
 * other: the row of the digest, the signature or the verification. Where there is no room for the
 * output, or it is asked for its size, neither has taken the part. Wait. Errors: those of
 * p11d_operation_transform and p11d_operation_update; CKR_OPERATION_NOT_INITIALIZED (one of the two
 * is not active).
 */
CK_RV p11d_dual_encrypt(P11dInstance *instance, const P11dOperationRow *other,
                        CK_SESSION_HANDLE session, const CK_BYTE *part, CK_ULONG size,
                        CK_BYTE *encrypted, CK_ULONG *encrypted_size);
CK_RV p11d_dual_decrypt(P11dInstance *instance, const P11dOperationRow *other,
                        CK_SESSION_HANDLE session, const CK_BYTE *encrypted,
                        CK_ULONG encrypted_size, CK_BYTE *part, CK_ULONG *size);

#endif
