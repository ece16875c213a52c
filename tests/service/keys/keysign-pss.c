// SPDX-License-Identifier: MIT
#include "keysign.h"

#include <criterion/criterion.h>
#include <openssl/rsa.h>
#include <string.h>

#include "rig.h"

/* Signs 32 bytes of zero with these parameters. The caller clears output. */
static CK_RV sign(P11dServedKey *served, CK_MECHANISM_TYPE type, CK_RSA_PKCS_PSS_PARAMS *pss,
                  P11dBuffer *output)
{
    static const uint8_t digest[32];
    const P11dParameters parameters = {.mechanism = {type, pss, pss ? sizeof *pss : 0}};
    p11d_buffer_init(output, 4096);
    return p11d_keysign_sign(served, &parameters, &(P11dBytes){digest, sizeof digest}, output);
}

static CK_RV sign_with(P11dServedKey *served, CK_MECHANISM_TYPE type, CK_MECHANISM_TYPE hash,
                       CK_ULONG mgf, CK_ULONG salt)
{
    P11dBuffer output;
    CK_RSA_PKCS_PSS_PARAMS pss = {hash, mgf, salt};
    CK_RV rv = sign(served, type, &pss, &output);
    p11d_buffer_clear(&output);
    return rv;
}

Test(keysign_pss, pss_parameters_are_checked)
{
    cr_assert(p11d_servedkey_setup());
    P11dServedKey *served = p11d_servedkey_new(rig_read_key("rsa-2048.key"), true);
    CK_MECHANISM_TYPE raw = CKM_RSA_PKCS_PSS, hashed = CKM_SHA256_RSA_PKCS_PSS;
    CK_RV wrong = CKR_MECHANISM_PARAM_INVALID;

    cr_assert_eq(sign_with(served, raw, CKM_SHA256, CKG_MGF1_SHA256, 256 - 32 - 2), CKR_OK);
    cr_assert_eq(sign_with(served, raw, CKM_SHA256, CKG_MGF1_SHA256, 256 - 32 - 1), wrong);
    cr_assert_eq(sign_with(served, raw, CKM_SHA256, CKG_MGF1_SHA256, (CK_ULONG)-1), wrong);
    cr_assert_eq(sign_with(served, raw, CKM_SHA256, CKG_MGF1_SHA1, 0), CKR_OK);
    cr_assert_eq(sign_with(served, raw, CKM_SHA256, 77, 32), wrong);
    cr_assert_eq(sign_with(served, raw, CKM_ECDSA, CKG_MGF1_SHA256, 32), wrong);
    cr_assert_eq(sign_with(served, hashed, CKM_SHA384, CKG_MGF1_SHA384, 48), wrong);
    P11dBuffer output;
    cr_assert_eq(sign(served, raw, NULL, &output), wrong);
    p11d_buffer_clear(&output);
    p11d_servedkey_unref(served);
    p11d_servedkey_teardown();
}

/* Only OpenSSL's own opinion of the signature counts: the key is as the test made it. */
static bool verifies_pss(EVP_PKEY *key, const uint8_t *digest, const P11dBuffer *output,
                         const char *hash, const char *mgf, int salt)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    EVP_MD *md = EVP_MD_fetch(NULL, hash, NULL);
    bool ok = EVP_PKEY_verify_init(context) == 1 &&
              EVP_PKEY_CTX_set_signature_md(context, md) == 1 &&
              EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, mgf, NULL) == 1 &&
              EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt) == 1 &&
              EVP_PKEY_verify(context, output->data, output->size, digest, 32) == 1;
    EVP_PKEY_CTX_free(context);
    EVP_MD_free(md);
    return ok;
}

/* What keys that are for RSA-PSS alone, bound to a hash, one for MGF1 and a salt or to none, do. */
static const struct {
    const char *kind;
    CK_MECHANISM_TYPE mechanism, hash;
    CK_ULONG mgf, salt;
    CK_RV rv;
} bound[] = {
    {"RSA-PSS", CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32, CKR_OK},
    {"RSA-PSS", CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA1, 0, CKR_OK},
    {"RSA-PSS", CKM_RSA_PKCS_PSS, CKM_SHA3_256, CKG_MGF1_SHA3_256, 32, CKR_OK},
    {"RSA-PSS", CKM_RSA_PKCS, CKM_SHA256, CKG_MGF1_SHA256, 32, CKR_MECHANISM_INVALID},
    {"RSA-PSS", CKM_RSA_X_509, CKM_SHA256, CKG_MGF1_SHA256, 32, CKR_MECHANISM_INVALID},
    {"RSA-PSS", CKM_SHA256_RSA_PKCS, CKM_SHA256, CKG_MGF1_SHA256, 32, CKR_MECHANISM_INVALID},
    {"RSA-PSS", CKM_ECDSA, CKM_SHA256, CKG_MGF1_SHA256, 32, CKR_KEY_TYPE_INCONSISTENT},
    {"RSA-PSS:sha256:sha512:20", CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA512, 20, CKR_OK},
    {"RSA-PSS:sha256:sha512:20", CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA512, 222, CKR_OK},
    {"RSA-PSS:sha256:sha512:20", CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA512, 223,
     CKR_MECHANISM_PARAM_INVALID},
    {"RSA-PSS:sha256:sha512:20", CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA512, 19,
     CKR_MECHANISM_PARAM_INVALID},
    {"RSA-PSS:sha256:sha512:20", CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 20,
     CKR_MECHANISM_PARAM_INVALID},
    {"RSA-PSS:sha256:sha512:20", CKM_RSA_PKCS_PSS, CKM_SHA3_256, CKG_MGF1_SHA512, 20,
     CKR_MECHANISM_PARAM_INVALID},
    {"RSA-PSS:sha256:sha512:20", CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA512, 20,
     CKR_MECHANISM_INVALID},
    {"RSA-PSS:sha256:sha512:20", CKM_RSA_PKCS, 0, 0, 0, CKR_MECHANISM_INVALID},
};

Test(keysign_pss, a_key_for_pss_signs_with_what_it_is_bound_to_and_nothing_else)
{
    EVP_PKEY *key = NULL;
    cr_assert(p11d_servedkey_setup());
    for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++) {
        static const uint8_t digest[32];
        P11dBuffer output;
        CK_RSA_PKCS_PSS_PARAMS pss = {bound[i].hash, bound[i].mgf, bound[i].salt};
        if (i == 0 || strcmp(bound[i].kind, bound[i - 1].kind) != 0) {
            EVP_PKEY_free(key);
            key = rig_generate(bound[i].kind);
        }
        EVP_PKEY_up_ref(key);
        cr_assert_null(p11d_servedkey_unsupported(key), "row %zu", i);
        P11dServedKey *served = p11d_servedkey_new(key, true);
        cr_assert_eq(sign(served, bound[i].mechanism, &pss, &output), bound[i].rv, "row %zu", i);
        cr_assert(bound[i].rv != CKR_OK ||
                      verifies_pss(key, digest, &output, p11d_hash_of_mechanism(pss.hashAlg)->name,
                                   p11d_hash_of_mgf(pss.mgf)->name, (int)pss.sLen),
                  "row %zu", i);
        p11d_buffer_clear(&output);
        p11d_servedkey_unref(served);
    }
    EVP_PKEY_free(key);
    p11d_servedkey_teardown();
}

Test(keysign_pss, a_key_that_is_bound_to_what_cannot_be_had_says_so)
{
    static const char *const rows[][2] = {
        {"RSA-PSS:sha256:sha512-256:20",
         "it is bound to parameters of RSA-PSS that are not supported, or damaged"},
        {"RSA-PSS:sha256:sha256:223", "the salt that it wants is longer than it has room for"},
    };
    cr_assert(p11d_servedkey_setup());
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EVP_PKEY *key = rig_generate(rows[i][0]);
        cr_assert_str_eq(p11d_servedkey_unsupported(key), rows[i][1]);
        EVP_PKEY_free(key);
    }
    p11d_servedkey_teardown();
}
