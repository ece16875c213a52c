// SPDX-License-Identifier: MIT
#include "spki.h"

#include <criterion/criterion.h>
#include <openssl/core_names.h>
#include <string.h>

#include "evpkey.h"

static const struct {
    const char *algorithm;
    const char *curve;
    size_t bits;
    bool spelled_out; /* its curve */
} rows[] = {
    {"RSA", NULL, 2048},          {"RSA", NULL, 1031},          {"RSA-PSS", NULL, 2048},
    {"EC", "P-256", 0},           {"EC", "P-384", 0},           {"EC", "P-521", 0},
    {"EC", "secp256k1", 0},       {"ED25519", NULL, 0},         {"ED448", NULL, 0},
    {"X25519", NULL, 0},          {"EC", "brainpoolP256r1", 0}, {"EC", "brainpoolP320r1", 0, true},
    {"EC", "P-384", 0, true},     {"EC", "P-521", 0, true},     {"EC", "secp256k1", 0, true},
    {"EC", "sect163k1", 0, true},
};

static EVP_PKEY *new_key(size_t row)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, rows[row].algorithm, NULL);
    cr_assert(context && EVP_PKEY_keygen_init(context) > 0, "row %zu", row);
    if (rows[row].curve)
        cr_assert(EVP_PKEY_CTX_set_group_name(context, rows[row].curve) > 0, "row %zu", row);
    if (rows[row].bits) {
        OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t("bits", (size_t *)&rows[row].bits),
                               OSSL_PARAM_construct_end()};
        cr_assert(EVP_PKEY_CTX_set_params(context, params) > 0, "row %zu", row);
    }
    cr_assert(EVP_PKEY_generate(context, &key) > 0, "row %zu", row);
    EVP_PKEY_CTX_free(context);
    if (rows[row].spelled_out)
        cr_assert(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                                 OSSL_PKEY_EC_ENCODING_EXPLICIT));
    return key;
}

Test(spki, keys_are_described_as_by_openssl)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        EVP_PKEY *key = new_key(i);
        g_autoptr(GBytes) der = p11d_spki_of_key(key);
        P11dAlgorithmKey ours =
            p11d_spki_describe(g_bytes_get_data(der, NULL), g_bytes_get_size(der));
        P11dAlgorithmKey theirs = p11d_evpkey_describe(key);
        cr_assert_eq(ours.type, theirs.type, "row %zu", i);
        cr_assert_eq(ours.bits, theirs.bits, "row %zu: %u bits", i, ours.bits);
        cr_assert_eq(g_strcmp0(ours.curve, theirs.curve), 0, "row %zu", i);
        cr_assert_eq(ours.pss.only, theirs.pss.only, "row %zu", i);
        cr_assert_eq(ours.coordinate, theirs.coordinate, "row %zu", i);
        cr_assert_eq(ours.problem, theirs.problem, "row %zu", i);
        cr_assert_eq(ours.curve != NULL, rows[i].curve || ours.type == CKK_EC_EDWARDS ||
                                             ours.type == CKK_EC_MONTGOMERY);
        EVP_PKEY_free(key);
    }
}

Test(spki, cut_off_ones_are_no_keys)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        EVP_PKEY *key = new_key(i);
        g_autoptr(GBytes) der = p11d_spki_of_key(key);
        for (size_t cut = 0; cut < g_bytes_get_size(der); cut++) {
            g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(der, NULL), cut);
            cr_assert_eq(p11d_spki_describe(copy, cut).type, CK_UNAVAILABLE_INFORMATION,
                         "row %zu, %zu bytes", i, cut);
        }
        EVP_PKEY_free(key);
    }
}

/* Every byte of a key changed once: nothing may be read behind the end. */
Test(spki, spoilt_ones_do_no_harm)
{
    EVP_PKEY *key = new_key(0);
    g_autoptr(GBytes) der = p11d_spki_of_key(key);
    size_t size = g_bytes_get_size(der);
    for (size_t i = 0; i < size; i++)
        for (int change = 1; change < 256; change += 9) {
            g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(der, NULL), size);
            copy[i] ^= (guint8)change;
            cr_assert_leq(p11d_spki_describe(copy, size).bits, 8 * size);
        }
    EVP_PKEY_free(key);
}
