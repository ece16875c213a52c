// SPDX-License-Identifier: MIT
#include "pss.h"

#include <criterion/criterion.h>
#include <openssl/asn1t.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* OpenSSL writes what is read here; parts that are NULL or negative are left out. */
static size_t write_info(uint8_t **info, int algorithm, RSA_PSS_PARAMS *parameters)
{
    X509_PUBKEY *key = X509_PUBKEY_new();
    static const uint8_t bits[] = {0x30, 0x00};
    ASN1_STRING *packed = NULL;
    if (parameters)
        packed = ASN1_item_pack(parameters, ASN1_ITEM_rptr(RSA_PSS_PARAMS), NULL);
    cr_assert(X509_PUBKEY_set0_param(key, OBJ_nid2obj(algorithm),
                                     packed ? V_ASN1_SEQUENCE : V_ASN1_UNDEF, packed,
                                     OPENSSL_memdup(bits, sizeof bits), sizeof bits));
    *info = NULL;
    int size = i2d_X509_PUBKEY(key, info);
    cr_assert_gt(size, 0);
    X509_PUBKEY_free(key);
    return (size_t)size;
}

static X509_ALGOR *hash_algorithm(const char *name)
{
    X509_ALGOR *algorithm = X509_ALGOR_new();
    X509_ALGOR_set_md(algorithm, EVP_get_digestbyname(name));
    return algorithm;
}

static X509_ALGOR *mgf_algorithm(const char *name)
{
    X509_ALGOR *inner = hash_algorithm(name), *algorithm = X509_ALGOR_new();
    ASN1_STRING *packed = ASN1_item_pack(inner, ASN1_ITEM_rptr(X509_ALGOR), NULL);
    X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_mgf1), V_ASN1_SEQUENCE, packed);
    X509_ALGOR_free(inner);
    return algorithm;
}

typedef struct Words {
    const char *hash;
    const char *mgf;
    long salt;
    long trailer;
} Words;

static size_t write_bound(uint8_t **info, const Words *words)
{
    RSA_PSS_PARAMS *parameters = RSA_PSS_PARAMS_new();
    parameters->hashAlgorithm = words->hash ? hash_algorithm(words->hash) : NULL;
    parameters->maskGenAlgorithm = words->mgf ? mgf_algorithm(words->mgf) : NULL;
    if (words->salt >= 0) {
        parameters->saltLength = ASN1_INTEGER_new();
        ASN1_INTEGER_set(parameters->saltLength, words->salt);
    }
    if (words->trailer >= 0) {
        parameters->trailerField = ASN1_INTEGER_new();
        ASN1_INTEGER_set(parameters->trailerField, words->trailer);
    }
    size_t size = write_info(info, NID_rsassaPss, parameters);
    RSA_PSS_PARAMS_free(parameters);
    return size;
}

static const struct {
    Words words;
    CK_MECHANISM_TYPE hash, mgf;
    CK_ULONG salt;
} bound[] = {
    {{NULL, NULL, -1, -1}, CKM_SHA_1, CKM_SHA_1, 20},
    {{"sha256", NULL, -1, -1}, CKM_SHA256, CKM_SHA_1, 20},
    {{NULL, "sha256", -1, -1}, CKM_SHA_1, CKM_SHA256, 20},
    {{NULL, NULL, 32, -1}, CKM_SHA_1, CKM_SHA_1, 32},
    {{NULL, NULL, 0, 1}, CKM_SHA_1, CKM_SHA_1, 0},
    {{"sha224", "sha512", 20, 1}, CKM_SHA224, CKM_SHA512, 20},
    {{"sha384", "sha384", 48, -1}, CKM_SHA384, CKM_SHA384, 48},
    {{"sha512", "sha1", 300, -1}, CKM_SHA512, CKM_SHA_1, 300},
    {{"sha512-256", "sha256", 70000, -1}, CKM_SHA512_256, CKM_SHA256, 70000},
    {{"sha3-256", "sha3-512", 32, -1}, CKM_SHA3_256, CKM_SHA3_512, 32},
};
#define BOUND (sizeof bound / sizeof bound[0])

/* What nobody here can sign with: PKCS#11 has no number for MGF1 with these hashes, no mechanism
 * for the others; a salt that no key has room for; another trailer than there is. */
static const Words unknown[] = {
    {"sha256", "sha512-256", 32, -1}, {"sha256", "md5", 32, -1},  {"md5", "sha256", 32, -1},
    {"shake256", "sha256", 32, -1},   {NULL, NULL, 1L << 40, -1}, {NULL, NULL, 20, 2},
};

Test(pss, what_openssl_writes_is_read)
{
    for (size_t i = 0; i < BOUND; i++) {
        uint8_t *info;
        P11dPss pss;
        size_t size = write_bound(&info, &bound[i].words);
        cr_assert(p11d_pss_read(&pss, info, size), "row %zu", i);
        cr_assert(pss.only && pss.bound, "row %zu", i);
        cr_assert_eq(pss.hash->mechanism, bound[i].hash, "row %zu", i);
        cr_assert_eq(pss.mgf->mechanism, bound[i].mgf, "row %zu", i);
        cr_assert_eq(pss.salt, bound[i].salt, "row %zu", i);
        OPENSSL_free(info);
    }
}

Test(pss, what_cannot_be_computed_is_refused)
{
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        uint8_t *info;
        P11dPss pss;
        size_t size = write_bound(&info, &unknown[i]);
        cr_assert_not(p11d_pss_read(&pss, info, size), "row %zu", i);
        cr_assert(pss.only, "row %zu", i);
        OPENSSL_free(info);
    }
}

Test(pss, a_key_without_parameters_is_bound_to_nothing)
{
    uint8_t *info;
    P11dPss pss;
    size_t size = write_info(&info, NID_rsassaPss, NULL);
    cr_assert(p11d_pss_read(&pss, info, size) && pss.only && !pss.bound);
    OPENSSL_free(info);
    size = write_info(&info, NID_rsaEncryption, NULL);
    cr_assert(p11d_pss_read(&pss, info, size) && !pss.only && !pss.bound);
    OPENSSL_free(info);
    cr_assert(p11d_pss_read(&pss, NULL, 0) && !pss.only);
}

/* Nothing may be read behind the end of what is cut off, or has one byte changed. */
Test(pss, spoilt_ones_do_no_harm)
{
    uint8_t *info;
    P11dPss pss;
    size_t size = write_bound(&info, &bound[5].words);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = OPENSSL_memdup(info, cut + !cut);
        p11d_pss_read(&pss, copy, cut);
        cr_assert_not(pss.only, "cut to %zu bytes", cut);
        OPENSSL_free(copy);
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t *copy = OPENSSL_memdup(info, size);
        copy[i] ^= 0x41;
        bool known = p11d_pss_read(&pss, copy, size);
        cr_assert(!known || !pss.bound || (pss.hash && pss.mgf), "byte %zu", i);
        OPENSSL_free(copy);
    }
    OPENSSL_free(info);
}

/* --- what such a key signs by --- */

static CK_RV check(const P11dPss *pss, CK_MECHANISM_TYPE type, CK_MECHANISM_TYPE hash, CK_ULONG mgf,
                   CK_ULONG salt)
{
    CK_RSA_PKCS_PSS_PARAMS parameters = {hash, mgf, salt};
    CK_MECHANISM mechanism = {type, &parameters, sizeof parameters};
    return p11d_pss_check(pss, &mechanism);
}

Test(pss, a_bound_key_signs_with_what_it_is_bound_to)
{
    const P11dPss pss = {true, true, p11d_hash_of_name("sha256"), p11d_hash_of_name("sha512"), 32};
    static const struct {
        CK_MECHANISM_TYPE type, hash;
        CK_ULONG mgf, salt;
        CK_RV rv;
    } rows[] = {
        {CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA512, 32, CKR_OK},
        {CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA512, 33, CKR_OK},
        {CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA512, 32, CKR_OK},
        {CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA512, 31, CKR_MECHANISM_PARAM_INVALID},
        {CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32, CKR_MECHANISM_PARAM_INVALID},
        {CKM_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA512, 32, CKR_MECHANISM_PARAM_INVALID},
        {CKM_SHA256_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA512, 32, CKR_MECHANISM_PARAM_INVALID},
        {CKM_SHA512_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA512, 32, CKR_MECHANISM_INVALID},
        {CKM_SHA256_RSA_PKCS, CKM_SHA256, CKG_MGF1_SHA512, 32, CKR_MECHANISM_INVALID},
        {CKM_RSA_PKCS, CKM_SHA256, CKG_MGF1_SHA512, 32, CKR_MECHANISM_INVALID},
        {CKM_RSA_X_509, CKM_SHA256, CKG_MGF1_SHA512, 32, CKR_MECHANISM_INVALID},
        {0x80001234, CKM_SHA256, CKG_MGF1_SHA512, 32, CKR_MECHANISM_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_assert_eq(check(&pss, rows[i].type, rows[i].hash, rows[i].mgf, rows[i].salt), rows[i].rv,
                     "row %zu", i);
    CK_MECHANISM without = {CKM_RSA_PKCS_PSS, NULL, 0};
    cr_assert_eq(p11d_pss_check(&pss, &without), CKR_MECHANISM_PARAM_INVALID);
}

Test(pss, a_free_key_signs_by_every_form_of_pss_and_others_by_all)
{
    const P11dPss pss = {.only = true};
    for (size_t i = 0; i < p11d_mechanism_count; i++) {
        const P11dMechanism *row = &p11d_mechanisms[i];
        bool is_pss = strstr(row->name, "rsa-pkcs-pss");
        cr_assert_eq(p11d_pss_allows(&pss, row), is_pss, "%s", row->name);
        cr_assert_eq(check(&pss, row->type, CKM_SHA_1, CKG_MGF1_SHA384, 7),
                     is_pss ? CKR_OK : CKR_MECHANISM_INVALID, "%s", row->name);
        cr_assert(p11d_pss_allows(&(P11dPss){0}, row));
        CK_MECHANISM any = {row->type, NULL, 0};
        cr_assert_eq(p11d_pss_check(&(P11dPss){0}, &any), CKR_OK);
    }
}
