// SPDX-License-Identifier: MIT
#include "operation-row.h"

#include "default.h"

#define PRIVATE (P11D_CLASS_PRIVATE_KEY | P11D_CLASS_SECRET_KEY)
#define PUBLIC (P11D_CLASS_PUBLIC_KEY | P11D_CLASS_SECRET_KEY)

/* clang-format off */
const P11dOperationRow p11d_operation_digest = {P11D_OPERATION_DIGEST, NULL,
    P11D_PURPOSE_DIGEST, CKF_DIGEST, 0, 0, true, false, P11D_OUTPUT_DIGEST};
const P11dOperationRow p11d_operation_sign = {P11D_OPERATION_SIGN, "Sign",
    P11D_PURPOSE_SIGN, CKF_SIGN, CKA_SIGN, PRIVATE, true, false, P11D_OUTPUT_SIGNATURE};
const P11dOperationRow p11d_operation_verify = {P11D_OPERATION_VERIFY, "Verify",
    P11D_PURPOSE_VERIFY, CKF_VERIFY, CKA_VERIFY, PUBLIC, true, false, P11D_OUTPUT_VERDICT};
const P11dOperationRow p11d_operation_verify_signature = {P11D_OPERATION_VERIFY, "Verify",
    P11D_PURPOSE_VERIFY, CKF_VERIFY, CKA_VERIFY, PUBLIC, true, false, P11D_OUTPUT_GIVEN};
const P11dOperationRow p11d_operation_encrypt = {P11D_OPERATION_ENCRYPT, "Encrypt",
    P11D_PURPOSE_ENCRYPT, CKF_ENCRYPT, CKA_ENCRYPT, PUBLIC, false, false, P11D_OUTPUT_CIPHERTEXT};
const P11dOperationRow p11d_operation_decrypt = {P11D_OPERATION_DECRYPT, "Decrypt",
    P11D_PURPOSE_DECRYPT, CKF_DECRYPT, CKA_DECRYPT, PRIVATE, false, false, P11D_OUTPUT_PLAINTEXT};
const P11dOperationRow p11d_operation_message_sign = {P11D_OPERATION_MESSAGE_SIGN, "Sign",
    P11D_PURPOSE_SIGN, CKF_MESSAGE_SIGN, CKA_SIGN, PRIVATE, true, false, P11D_OUTPUT_SIGNATURE};
const P11dOperationRow p11d_operation_message_verify = {P11D_OPERATION_MESSAGE_VERIFY, "Verify",
    P11D_PURPOSE_VERIFY, CKF_MESSAGE_VERIFY, CKA_VERIFY, PUBLIC, true, false, P11D_OUTPUT_VERDICT};
const P11dOperationRow p11d_operation_message_encrypt = {P11D_OPERATION_MESSAGE_ENCRYPT, "Encrypt",
    P11D_PURPOSE_ENCRYPT, CKF_MESSAGE_ENCRYPT, CKA_ENCRYPT, PUBLIC, false, false,
    P11D_OUTPUT_CIPHERTEXT};
const P11dOperationRow p11d_operation_message_decrypt = {P11D_OPERATION_MESSAGE_DECRYPT, "Decrypt",
    P11D_PURPOSE_DECRYPT, CKF_MESSAGE_DECRYPT, CKA_DECRYPT, PRIVATE, false, false,
    P11D_OUTPUT_PLAINTEXT};
const P11dOperationRow p11d_operation_sign_recover = {P11D_OPERATION_SIGN_RECOVER, "FinishStream",
    P11D_PURPOSE_SIGN_RECOVER, CKF_SIGN_RECOVER, CKA_SIGN_RECOVER, P11D_CLASS_PRIVATE_KEY,
    false, true, P11D_OUTPUT_SIGNATURE};
const P11dOperationRow p11d_operation_verify_recover = {P11D_OPERATION_VERIFY_RECOVER, "FinishStream",
    P11D_PURPOSE_VERIFY_RECOVER, CKF_VERIFY_RECOVER, CKA_VERIFY_RECOVER, P11D_CLASS_PUBLIC_KEY,
    false, true, P11D_OUTPUT_PLAINTEXT};
/* clang-format on */

const P11dOperationRow *const p11d_operations[] = {
    &p11d_operation_digest,          &p11d_operation_sign,
    &p11d_operation_verify,          &p11d_operation_verify_signature,
    &p11d_operation_encrypt,         &p11d_operation_decrypt,
    &p11d_operation_message_sign,    &p11d_operation_message_verify,
    &p11d_operation_message_encrypt, &p11d_operation_message_decrypt,
    &p11d_operation_sign_recover,    &p11d_operation_verify_recover,
};
const size_t p11d_operation_count = sizeof p11d_operations / sizeof p11d_operations[0];

CK_FLAGS p11d_operation_flags(bool hashed)
{
    CK_FLAGS flags = 0;
    for (size_t i = 0; i < p11d_operation_count; i++) {
        if (p11d_operations[i]->method && (!hashed || p11d_operations[i]->hashes))
            flags |= p11d_operations[i]->flag;
    }
    return flags;
}
