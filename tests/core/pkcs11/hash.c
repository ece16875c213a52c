// SPDX-License-Identifier: MIT
#include "hash.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "mechanism.h"

ParameterizedTestParameters(hash, openssl_knows_it_with_the_same_size_and_digest_info)
{
    P11dHash *rows = cr_malloc(p11d_hash_count * sizeof *rows);
    memcpy(rows, p11d_hashes, p11d_hash_count * sizeof *rows);
    for (size_t i = 0; i < p11d_hash_count; i++)
        rows[i].name = NULL; /* a string of this process; found again by number */
    return cr_make_param_array(P11dHash, rows, p11d_hash_count);
}

ParameterizedTest(P11dHash *row, hash, openssl_knows_it_with_the_same_size_and_digest_info)
{
    const P11dHash *hash = p11d_hash_of_mechanism(row->mechanism);
    EVP_MD *md = EVP_MD_fetch(NULL, hash->name, NULL);
    cr_assert_not_null(md, "%s", hash->name);
    cr_assert_eq((size_t)EVP_MD_get_size(md), hash->size);

    uint8_t digest[P11D_HASH_MAX_SIZE] = {0};
    X509_SIG *info = X509_SIG_new();
    X509_ALGOR *algorithm;
    ASN1_OCTET_STRING *octets;
    X509_SIG_getm(info, &algorithm, &octets);
    X509_ALGOR_set0(algorithm, OBJ_nid2obj(EVP_MD_get_type(md)), V_ASN1_NULL, NULL);
    ASN1_OCTET_STRING_set(octets, digest, (int)hash->size);
    uint8_t *der = NULL;
    int size = i2d_X509_SIG(info, &der);
    cr_assert_eq((size_t)size, hash->prefix_size + hash->size);
    const ASN1_OBJECT *object = OBJ_nid2obj(EVP_MD_get_type(md));
    cr_assert_eq(p11d_hash_of_oid(OBJ_get0_data(object), OBJ_length(object)), hash);
    cr_assert_null(p11d_hash_of_oid(OBJ_get0_data(object), OBJ_length(object) - 1));
    cr_assert_eq(memcmp(der, hash->prefix, hash->prefix_size), 0);
    OPENSSL_free(der);
    X509_SIG_free(info);
    EVP_MD_free(md);
}

Test(hash, every_row_is_found_by_all_of_its_numbers)
{
    for (size_t i = 0; i < p11d_hash_count; i++) {
        const P11dHash *hash = &p11d_hashes[i];
        cr_expect_eq(p11d_hash_of_mechanism(hash->mechanism), hash);
        cr_expect_eq(p11d_hash_of_name(hash->name), hash);
        cr_expect_leq(hash->size, P11D_HASH_MAX_SIZE);
        cr_expect_leq(hash->prefix_size, P11D_HASH_MAX_PREFIX);
        if (hash->mgf != CK_UNAVAILABLE_INFORMATION)
            cr_expect_eq(p11d_hash_of_mgf(hash->mgf), hash);
        if (hash->kdf != CK_UNAVAILABLE_INFORMATION)
            cr_expect_eq(p11d_hash_of_kdf(hash->kdf), hash);
    }
}

Test(hash, is_called_as_its_digest_mechanism_is)
{
    char scratch[P11D_NAME_SIZE];
    for (size_t i = 0; i < p11d_hash_count; i++)
        cr_expect_str_eq(p11d_hashes[i].name,
                         p11d_mechanism_name(p11d_hashes[i].mechanism, scratch));
}

Test(hash, what_is_not_known_has_no_row)
{
    cr_assert_null(p11d_hash_of_mechanism(CKM_MD5));
    cr_assert_null(p11d_hash_of_mechanism(CK_UNAVAILABLE_INFORMATION));
    cr_assert_null(p11d_hash_of_mgf(0));
    cr_assert_null(p11d_hash_of_mgf(CK_UNAVAILABLE_INFORMATION));
    cr_assert_null(p11d_hash_of_kdf(CKD_NULL));
    cr_assert_null(p11d_hash_of_kdf(CK_UNAVAILABLE_INFORMATION));
    cr_assert_null(p11d_hash_of_name("md5"));
    cr_assert_null(p11d_hash_of_name(""));
    cr_assert_null(p11d_hash_of_oid(NULL, 0));
}

/* The numbers of PKCS#11 go in no order that one could guess. */
Test(hash, mgf_and_kdf_are_those_of_the_standard)
{
    cr_assert_eq(p11d_hash_of_name("sha-1")->mgf, 1);
    cr_assert_eq(p11d_hash_of_name("sha224")->mgf, 5);
    cr_assert_eq(p11d_hash_of_name("sha256")->mgf, 2);
    cr_assert_eq(p11d_hash_of_name("sha384")->mgf, 3);
    cr_assert_eq(p11d_hash_of_name("sha512")->mgf, 4);
    cr_assert_eq(p11d_hash_of_name("sha3-224")->mgf, 6);
    cr_assert_eq(p11d_hash_of_name("sha3-512")->mgf, 9);
    cr_assert_eq(p11d_hash_of_name("sha-1")->kdf, 2);
    cr_assert_eq(p11d_hash_of_name("sha224")->kdf, 5);
    cr_assert_eq(p11d_hash_of_name("sha512")->kdf, 8);
    cr_assert_eq(p11d_hash_of_name("sha3-224")->kdf, 10);
}
