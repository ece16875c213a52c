// SPDX-License-Identifier: MIT
#include "cipher.h"

static const P11dCipher ciphers[] = {
    {CKM_DES3_ECB, 8, false, false},    {CKM_DES3_CBC, 8, false, false},
    {CKM_DES3_CBC_PAD, 8, true, false}, {CKM_AES_ECB, 16, false, false},
    {CKM_AES_CBC, 16, false, false},    {CKM_AES_CBC_PAD, 16, true, false},
    {CKM_AES_CTR, 1, false, false},     {CKM_AES_GCM, 1, false, true},
};

const P11dCipher *p11d_cipher_find(CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
        if (ciphers[i].type == type)
            return &ciphers[i];
    }
    return NULL;
}

uint64_t p11d_cipher_flown(const P11dCipher *cipher, bool encrypts, uint64_t input)
{
    if (cipher->tagged && !encrypts)
        return 0;
    /* The last block may be padding, so it stays behind. */
    const uint64_t behind = cipher->padding && !encrypts && input > 0 ? 1 : 0;
    return (input - behind) / cipher->block * cipher->block;
}

uint64_t p11d_cipher_size(const P11dCipher *cipher, bool encrypts, uint64_t input, size_t tag,
                          bool *exact)
{
    *exact = encrypts || !cipher->padding;
    if (cipher->padding && encrypts)
        return (input / cipher->block + 1) * cipher->block;
    if (cipher->tagged)
        return encrypts ? input + tag : input - (input < tag ? input : tag);
    return input;
}
