// SPDX-License-Identifier: MIT
/*
 * An operation is what takes many calls of a host: Init, then the whole, or Update and Final
 * (PKCS#11 3.1, sections 5.8 to 5.15). Nothing of it is asked for twice: a message that left may
 * have had its effect whatever comes back. The whole, and parts that owe no output before the end,
 * are exactly one message; else a stream takes them (flow.h). Sizes are answered here, a result
 * whose size nobody knew before is kept until there is room for it, and data is hashed in this
 * process where the mechanism hashes.
 */
#ifndef P11D_OPERATION_H
#define P11D_OPERATION_H

#include "login.h"
#include "operation-row.h"

/* C_…Init. mechanism NULL cancels; nothing of what it points to is kept. key: 0 where the row needs
 * none. */
CK_RV p11d_operation_init(P11dInstance *instance, const P11dOperationRow *row,
                          CK_SESSION_HANDLE session, const CK_MECHANISM *mechanism,
                          CK_OBJECT_HANDLE key);

/* The same for a row whose signature is given first, of which a copy is kept. */
CK_RV p11d_operation_init_given(P11dInstance *instance, const P11dOperationRow *row,
                                CK_SESSION_HANDLE session, const CK_MECHANISM *mechanism,
                                CK_OBJECT_HANDLE key, P11dBytes signature);

/* C_Login for CKU_CONTEXT_SPECIFIC: for the operation that is active in session, by a key that
 * always authenticates. Waits. */
CK_RV p11d_operation_login(P11dInstance *instance, CK_SESSION_HANDLE session,
                           const P11dLogin *login);

/* C_Sign and its like, whose input is whole. Waits. */
CK_RV p11d_operation_whole(P11dInstance *instance, const P11dOperationRow *row,
                           CK_SESSION_HANDLE session, const CK_BYTE *input, CK_ULONG size,
                           CK_BYTE *output, CK_ULONG *output_size);

/* C_…Update: one more part. transform: the same where output may come of it. What comes at most is
 * known before anything is sent, so where there is no room for that the part was not taken. May
 * wait. */
CK_RV p11d_operation_update(P11dInstance *instance, const P11dOperationRow *row,
                            CK_SESSION_HANDLE session, const CK_BYTE *input, CK_ULONG size);
CK_RV p11d_operation_transform(P11dInstance *instance, const P11dOperationRow *row,
                               CK_SESSION_HANDLE session, const CK_BYTE *input, CK_ULONG size,
                               CK_BYTE *output, CK_ULONG *output_size);

/* C_DigestKey: one more part is the value of a key, which only the token knows. Waits. Errors:
 * CKR_KEY_INDIGESTIBLE (data that are hashed here came before, or the token does not hash). */
CK_RV p11d_operation_update_key(P11dInstance *instance, const P11dOperationRow *row,
                                CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key);

/* C_…Final. Waits. */
CK_RV p11d_operation_final(P11dInstance *instance, const P11dOperationRow *row,
                           CK_SESSION_HANDLE session, CK_BYTE *output, CK_ULONG *output_size);

/* C_Verify, C_VerifyFinal: the host brings the signature; none if it began with it. Wait. */
CK_RV p11d_operation_judge(P11dInstance *instance, const P11dOperationRow *row,
                           CK_SESSION_HANDLE session, const CK_BYTE *input, CK_ULONG size,
                           const CK_BYTE *signature, CK_ULONG signature_size);
CK_RV p11d_operation_judge_final(P11dInstance *instance, const P11dOperationRow *row,
                                 CK_SESSION_HANDLE session, const CK_BYTE *signature,
                                 CK_ULONG signature_size);

#endif
