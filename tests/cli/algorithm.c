// SPDX-License-Identifier: MIT
#include "algorithm.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "failure.h"
#include "mechanism.h"

#define NO_ALGORITHM CK_UNAVAILABLE_INFORMATION

typedef struct Choice {
    CK_KEY_TYPE type;
    unsigned bits;
    char curve[12];
    char asked[20]; /* "": nothing */
    char name[24];  /* of what is found; "": nothing */
    CK_MECHANISM_TYPE mechanism;
} Choice;

ParameterizedTestParameters(algorithm, each_key_has_its_own)
{
    static const Choice rows[] = {
        {CKK_RSA, 2048, "", "", "rsa-sha256", CKM_SHA256_RSA_PKCS},
        {CKK_RSA, 2048, "", "sha512", "rsa-sha512", CKM_SHA512_RSA_PKCS},
        {CKK_RSA, 2048, "", "sha1", "rsa-sha1", CKM_SHA1_RSA_PKCS},
        {CKK_RSA, 2048, "", "rsa-pss", "rsa-pss-sha256", CKM_SHA256_RSA_PKCS_PSS},
        {CKK_RSA, 2048, "", "rsa-pss-sha384", "rsa-pss-sha384", CKM_SHA384_RSA_PKCS_PSS},
        {CKK_RSA, 2048, "", "ecdsa", "", NO_ALGORITHM},
        {CKK_EC, 256, "P-256", "", "ecdsa-sha256", CKM_ECDSA_SHA256},
        {CKK_EC, 256, "secp256k1", "", "ecdsa-sha256", CKM_ECDSA_SHA256},
        {CKK_EC, 384, "P-384", "", "ecdsa-sha384", CKM_ECDSA_SHA384},
        {CKK_EC, 521, "P-521", "", "ecdsa-sha512", CKM_ECDSA_SHA512},
        {CKK_EC, 521, "P-521", "sha256", "ecdsa-sha256", CKM_ECDSA_SHA256},
        {CKK_EC, 256, "P-256", "rsa", "", NO_ALGORITHM},
        {CKK_EC_EDWARDS, 255, "Ed25519", "", "ed25519", CKM_EDDSA},
        {CKK_EC_EDWARDS, 448, "Ed448", "", "ed448", CKM_EDDSA},
        {CKK_EC_EDWARDS, 448, "Ed448", "ed25519", "", NO_ALGORITHM},
        {CKK_EC_EDWARDS, 255, "Ed25519", "sha512", "", NO_ALGORITHM},
        {CKK_EC, 0, "", "", "", NO_ALGORITHM}, /* by which hash would be a guess */
        {CKK_EC, 0, "", "sha384", "ecdsa-sha384", CKM_ECDSA_SHA384},
        {CKK_DSA, 2048, "", "", "", NO_ALGORITHM},
    };
    size_t count = sizeof rows / sizeof rows[0];
    Choice *parameters = cr_malloc(sizeof rows);
    memcpy(parameters, rows, sizeof rows);
    return cr_make_param_array(Choice, parameters, count);
}

ParameterizedTest(Choice *row, algorithm, each_key_has_its_own)
{
    P11dAlgorithmKey key = {
        .type = row->type, .bits = row->bits, .curve = *row->curve ? row->curve : NULL};
    P11dAlgorithm algorithm;
    g_autoptr(GError) error = NULL;
    gboolean found = p11d_algorithm_find(&algorithm, *row->asked ? row->asked : NULL, &key, &error);
    cr_assert_eq(found, *row->name != '\0', "%s", error ? error->message : "found");
    if (!found) {
        cr_assert(g_error_matches(error, P11D_FAILURE, P11D_FAILURE_UNSUPPORTED));
        return;
    }
    cr_assert_str_eq(algorithm.name, row->name);
    cr_assert_eq(algorithm.mechanism, row->mechanism);
}

Test(algorithm, every_name_in_the_tables_is_known)
{
    static const char *const families[] = {"rsa", "rsa-pss", "ecdsa"};
    for (size_t i = 0; i < p11d_hash_count; i++)
        for (size_t j = 0; j < G_N_ELEMENTS(families); j++) {
            P11dAlgorithmKey key = {.type = j == 2 ? CKK_EC : CKK_RSA, .bits = 256};
            P11dAlgorithm algorithm;
            /* By the name that the algorithm gives itself. */
            g_autofree char *asked = g_strdup_printf(
                "%s-%s", families[j],
                p11d_hashes[i].mechanism == CKM_SHA_1 ? "sha1" : p11d_hashes[i].name);
            cr_assert(p11d_algorithm_find(&algorithm, asked, &key, NULL), "%s", asked);
            cr_assert_str_eq(algorithm.name, asked);
            EVP_MD *md = p11d_algorithm_fetch_hash(&algorithm, NULL);
            cr_assert_not_null(md, "%s", asked);
            cr_assert_eq((size_t)EVP_MD_get_size(md), algorithm.hash->size);
            EVP_MD_free(md);
        }
}

Test(algorithm, names_that_nobody_knows_are_usage_errors)
{
    for (const char **name = (const char *[]){"", "rsa-", "rsa-md4", "rsa-pss-", "ecdsa_sha256",
                                              "ed25519-sha512", "pss", "RSA", NULL};
         *name; name++) {
        g_autoptr(GError) error = NULL;
        cr_assert_not(p11d_algorithm_check_name(*name, &error), "\"%s\"", *name);
        cr_assert(g_error_matches(error, P11D_FAILURE, P11D_FAILURE_USAGE));
    }
}

Test(algorithm, a_key_for_pss_only_is_used_for_nothing_else)
{
    P11dAlgorithmKey key = {.type = CKK_RSA, .bits = 2048, .pss = {.only = true}};
    P11dAlgorithm algorithm;
    cr_assert(p11d_algorithm_find(&algorithm, NULL, &key, NULL));
    cr_assert_str_eq(algorithm.name, "rsa-pss-sha256");
    cr_assert_not(p11d_algorithm_find(&algorithm, "rsa-sha256", &key, NULL));
}

Test(algorithm, a_bound_key_is_used_with_what_it_is_bound_to)
{
    P11dPss bound = {true, true, p11d_hash_of_name("sha384"), p11d_hash_of_name("sha-1"), 20};
    P11dAlgorithmKey key = {.type = CKK_RSA, .bits = 2048, .pss = bound};
    P11dAlgorithm algorithm;
    cr_assert(p11d_algorithm_find(&algorithm, NULL, &key, NULL));
    cr_assert_str_eq(algorithm.name, "rsa-pss-sha384");
    CK_RSA_PKCS_PSS_PARAMS pss = p11d_algorithm_pss(&algorithm, &key);
    cr_assert(pss.hashAlg == CKM_SHA384 && pss.mgf == CKG_MGF1_SHA1 && pss.sLen == 20);
    cr_assert_not(p11d_algorithm_find(&algorithm, "rsa-pss-sha256", &key, NULL));
    cr_assert_not(p11d_algorithm_find(&algorithm, "rsa-sha384", &key, NULL));

    key.pss = (P11dPss){.only = true};
    pss = p11d_algorithm_pss(&algorithm, &key);
    cr_assert(pss.hashAlg == CKM_SHA384 && pss.mgf == CKG_MGF1_SHA384 && pss.sLen == 48);
}

Test(algorithm, a_key_with_a_problem_has_none)
{
    P11dAlgorithmKey key = {.type = CKK_EC,
                            .bits = 256,
                            .curve = "P-256",
                            .coordinate = 32,
                            .problem = "its curve is strange"};
    P11dAlgorithm algorithm;
    static const char *const names[] = {NULL, "ecdsa-sha256", "sha256"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        cr_assert_not(p11d_algorithm_find(&algorithm, names[i], &key, &error));
        cr_assert(g_error_matches(error, P11D_FAILURE, P11D_FAILURE_UNSUPPORTED));
        cr_assert(strstr(error->message, key.problem));
    }
}
