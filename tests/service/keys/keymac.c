// SPDX-License-Identifier: MIT
#include "keymac.h"

#include <criterion/criterion.h>
#include <openssl/hmac.h>
#include <string.h>

#include "rig.h"

static const uint8_t secret[] = "the key, which is of no particular size";
static const uint8_t text[] = "what is authenticated";
static P11dServedKey *served;

static void set_up(void)
{
    cr_assert(p11d_servedkey_setup());
    served = p11d_servedkey_new_secret(CKK_GENERIC_SECRET, secret, sizeof secret);
}

static void tear_down(void)
{
    p11d_servedkey_unref(served);
    p11d_servedkey_teardown();
}

TestSuite(keymac, .init = set_up, .fini = tear_down);

static CK_RV sign(CK_MECHANISM_TYPE type, const void *data, size_t size, P11dBuffer *output)
{
    const P11dParameters parameters = {.mechanism.mechanism = type};
    const P11dBytes bytes[2] = {{data, size}};
    p11d_buffer_init(output, 4096);
    return p11d_keymac_sign(served, &parameters, bytes, output);
}

static CK_RV verify(CK_MECHANISM_TYPE type, const void *data, size_t size, const uint8_t *mac,
                    size_t mac_size)
{
    const P11dParameters parameters = {.mechanism.mechanism = type};
    const P11dBytes bytes[2] = {{data, size}, {mac, mac_size}};
    return p11d_keymac_verify(served, &parameters, bytes, NULL);
}

Test(keymac, hmac_is_openssls_with_every_hash)
{
    size_t tried = 0;
    for (size_t i = 0; i < p11d_mechanism_count; i++) {
        CK_ULONG smallest, largest;
        const P11dMechanism *row = &p11d_mechanisms[i];
        if (!p11d_keymac_offers(row, &smallest, &largest))
            continue;
        char name[32];
        uint8_t expected[EVP_MAX_MD_SIZE];
        size_t size = 0;
        P11dBuffer mac;
        snprintf(name, sizeof name, "%.*s", (int)(strlen(row->name) - strlen("-hmac")), row->name);
        cr_assert(EVP_Q_mac(NULL, "HMAC", NULL, name, NULL, secret, sizeof secret, text,
                            sizeof text, expected, sizeof expected, &size));
        cr_assert_eq(sign(row->type, text, sizeof text, &mac), CKR_OK, "%s", row->name);
        cr_assert_eq(mac.size, size);
        cr_assert_arr_eq(mac.data, expected, size);
        cr_assert_eq(verify(row->type, text, sizeof text, mac.data, size), CKR_OK);
        cr_assert_eq(verify(row->type, text, sizeof text - 1, mac.data, size),
                     CKR_SIGNATURE_INVALID);
        cr_assert_eq(verify(row->type, text, sizeof text, mac.data, size - 1),
                     CKR_SIGNATURE_LEN_RANGE);
        p11d_buffer_clear(&mac);
        tried++;
    }
    cr_assert_eq(tried, p11d_hash_count, "SHA-1, SHA-2 with its cuts, SHA-3");
}

Test(keymac, nothing_has_a_mac_too)
{
    P11dBuffer mac;
    cr_assert_eq(sign(CKM_SHA256_HMAC, NULL, 0, &mac), CKR_OK);
    cr_assert_eq(mac.size, 32);
    p11d_buffer_clear(&mac);
}

Test(keymac, other_mechanisms_and_keys_have_none)
{
    P11dBuffer mac;
    cr_assert_eq(sign(CKM_SHA256, text, 1, &mac), CKR_MECHANISM_INVALID);
    cr_assert_eq(sign(CKM_MD5_HMAC, text, 1, &mac), CKR_MECHANISM_INVALID);
    cr_assert_eq(sign(CKM_SHA256_HMAC_GENERAL, text, 1, &mac), CKR_MECHANISM_INVALID);
    cr_assert_eq(sign(CKM_VENDOR_DEFINED, text, 1, &mac), CKR_MECHANISM_INVALID);
    p11d_servedkey_unref(served);
    served = p11d_servedkey_new_secret(CKK_AES, secret, 16);
    cr_assert_eq(sign(CKM_SHA256_HMAC, text, 1, &mac), CKR_KEY_TYPE_INCONSISTENT);
}
