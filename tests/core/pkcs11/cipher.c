// SPDX-License-Identifier: MIT
#include "cipher.h"

#include <criterion/criterion.h>

static const CK_MECHANISM_TYPE types[] = {
    CKM_DES3_ECB, CKM_DES3_CBC,    CKM_DES3_CBC_PAD, CKM_AES_ECB,
    CKM_AES_CBC,  CKM_AES_CBC_PAD, CKM_AES_CTR,      CKM_AES_GCM,
};

/* What flows grows with the input, ends in no more than there is in all, and lacks at the end a
 * block or the tag at most; of a ciphertext with a tag nothing flows. */
Test(cipher, what_has_flown_is_the_beginning_of_all)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const P11dCipher *cipher = p11d_cipher_find(types[i]);
        cr_assert_not_null(cipher, "0x%lx", types[i]);
        for (int encrypts = 0; encrypts < 2; encrypts++) {
            uint64_t before = 0;
            for (uint64_t input = 0; input < 100; input++) {
                bool exact;
                const uint64_t flown = p11d_cipher_flown(cipher, encrypts, input);
                const uint64_t all = p11d_cipher_size(cipher, encrypts, input, 16, &exact);
                cr_assert_geq(flown, before);
                cr_assert_leq(flown, input);
                cr_assert_eq(exact, encrypts || !cipher->padding);
                cr_assert_leq(flown, all);
                if (cipher->tagged && !encrypts)
                    cr_assert_eq(flown, 0);
                else
                    cr_assert_leq(all - flown, 16);
                before = flown;
            }
        }
    }
}

Test(cipher, sizes_are_those_of_the_standard)
{
    bool exact;
    const P11dCipher *padded = p11d_cipher_find(CKM_AES_CBC_PAD);
    const P11dCipher *tagged = p11d_cipher_find(CKM_AES_GCM);
    cr_assert_eq(p11d_cipher_size(padded, true, 0, 0, &exact), 16);
    cr_assert_eq(p11d_cipher_size(padded, true, 16, 0, &exact), 32);
    cr_assert_eq(p11d_cipher_flown(padded, false, 16), 0);
    cr_assert_eq(p11d_cipher_flown(padded, false, 17), 16);
    cr_assert_eq(p11d_cipher_size(tagged, true, 5, 12, &exact), 17);
    cr_assert_eq(p11d_cipher_size(tagged, false, 17, 12, &exact), 5);
    cr_assert_eq(p11d_cipher_size(tagged, false, 11, 12, &exact), 0, "no ciphertext at all");
    cr_assert_null(p11d_cipher_find(CKM_RSA_PKCS));
}
