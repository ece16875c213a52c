// SPDX-License-Identifier: MIT
#include "certdetail.h"

#include <criterion/criterion.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "certview.h"

static void extend(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    cr_assert_not_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* A certificate with these extensions, signed with md, as DER. */
static GBytes *make(const EVP_MD *md, const char *names, const char *usage, const char *constraints)
{
    EVP_PKEY *key = EVP_RSA_gen(1024);
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 60);
    X509_set_pubkey(certificate, key);
    if (names)
        extend(certificate, NID_subject_alt_name, names);
    if (usage)
        extend(certificate, NID_key_usage, usage);
    if (constraints)
        extend(certificate, NID_basic_constraints, constraints);
    cr_assert(X509_sign(certificate, key, md) > 0);
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    GBytes *bytes = g_bytes_new(der, (gsize)size);
    OPENSSL_free(der);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return bytes;
}

static bool parse(P11dCertdetail *detail, GBytes *der)
{
    gsize size;
    const void *data = g_bytes_get_data(der, &size);
    return p11d_certdetail_parse(detail, data, size);
}

Test(certdetail, what_is_there_is_told)
{
    g_autoptr(GBytes) der =
        make(EVP_sha384(), "DNS:a,RID:1.2.3", "digitalSignature,cRLSign,decipherOnly", "CA:FALSE");
    g_auto(P11dCertdetail) detail;
    cr_assert(parse(&detail, der));
    cr_assert_str_eq(detail.signature_algorithm, "sha384WithRSAEncryption");
    cr_assert_str_eq(detail.signature_hash, "SHA384");
    cr_assert_not(detail.signature_is_weak);
    cr_assert_not(detail.is_authority);
    g_autofree char *names = g_strjoinv(" ", detail.names);
    cr_assert_str_eq(names, "DNS:a Registered ID:1.2.3");
    g_autofree char *usage = g_strjoinv(" ", (char **)detail.key_usage);
    cr_assert_str_eq(usage, "digitalSignature cRLSign decipherOnly");
    cr_assert_null(detail.extended_key_usage);
}

Test(certdetail, what_is_not_there_is_not_told)
{
    g_autoptr(GBytes) der = make(EVP_sha256(), NULL, NULL, NULL);
    g_auto(P11dCertdetail) detail;
    cr_assert(parse(&detail, der));
    cr_assert_null(*detail.names);
    cr_assert_null(detail.key_usage);
}

Test(certdetail, an_authority_and_a_broken_hash_are_told)
{
    const EVP_MD *broken[] = {EVP_md5(), EVP_sha1()};
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_autoptr(GBytes) der = make(broken[i], NULL, NULL, "CA:TRUE");
        g_auto(P11dCertdetail) detail;
        cr_assert(parse(&detail, der));
        cr_assert(detail.is_authority);
        cr_assert(detail.signature_is_weak);
    }
}

Test(certdetail, what_is_none_is_empty)
{
    g_autoptr(GBytes) none = g_bytes_new_static("\x30\x03\x02\x01\x01", 5);
    g_auto(P11dCertdetail) detail;
    cr_assert_not(parse(&detail, none));
    cr_assert_null(detail.names);
    cr_assert_null(detail.signature_algorithm);
}

/* --- the same answers as OpenSSL's --- */

enum { OF_RSA, OF_PSS, OF_EC, OF_ED, KEYS };

/* What a certificate can say in an extension, of a kind each. */
static const struct {
    int nid;
    const char *values[4];
} sayings[] = {
    {NID_basic_constraints, {"CA:TRUE", "CA:FALSE", "critical,CA:TRUE,pathlen:0", "CA:FALSE"}},
    {NID_key_usage,
     {"keyCertSign", "digitalSignature,keyAgreement", "critical,cRLSign,keyCertSign",
      "decipherOnly"}},
    {NID_subject_alt_name,
     {"DNS:a.example", "email:a@b.example,URI:urn:x,IP:::1", "RID:1.2.3.4",
      "otherName:1.2.3;UTF8:x"}},
    {NID_ext_key_usage,
     {"serverAuth", "1.2.3.4,emailProtection", "anyExtendedKeyUsage", "critical,timeStamping"}},
    {NID_netscape_cert_type, {"objCA", "client", "sslCA,emailCA", "server"}},
    {NID_subject_key_identifier, {"01:02", "03", "04:05:06", "07"}},
};

static X509 *draw(GRand *rand, EVP_PKEY *const keys[KEYS])
{
    static const char *const names[] = {"one", "One ", "two"};
    X509 *certificate = X509_new();
    guint32 subject = g_rand_int(rand) % G_N_ELEMENTS(names);
    guint32 issuer = g_rand_boolean(rand) ? subject : g_rand_int(rand) % G_N_ELEMENTS(names);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)names[subject], -1, -1, 0);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)names[issuer], -1, -1, 0);
    X509_set_version(certificate, g_rand_int_range(rand, 0, 3));
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), g_rand_int_range(rand, 0, 1000));
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 60);
    for (size_t i = 0; i < G_N_ELEMENTS(sayings) && !g_rand_boolean(rand); i++)
        for (size_t j = 0; j < G_N_ELEMENTS(sayings); j++)
            if (g_rand_int(rand) % 3 == 0) /* now and then twice, which says nothing */
                extend(certificate, sayings[j].nid, sayings[j].values[g_rand_int(rand) % 4]);
    EVP_PKEY *own = keys[g_rand_int(rand) % KEYS];
    EVP_PKEY *signer = g_rand_boolean(rand) ? own : keys[g_rand_int(rand) % KEYS];
    static const char *const hashes[] = {"SHA1", "SHA256", "SHA384", "SHA512", "MD5"};
    guint32 hash = g_rand_int(rand) % (signer == keys[OF_RSA] ? 5 : 4); /* MD5 is with RSA alone */
    X509_set_pubkey(certificate, own);
    cr_assert(X509_sign(certificate, signer,
                        signer == keys[OF_ED] ? NULL : EVP_get_digestbyname(hashes[hash])) > 0);
    return certificate;
}

static char *names_text(const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    GString *text = g_string_new(NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        BIO *bio = BIO_new(BIO_s_mem());
        GENERAL_NAME_print(bio, sk_GENERAL_NAME_value(names, i));
        g_autofree char *one = p11d_certview_take_text(bio);
        g_string_append_printf(text, "%s\n", one);
    }
    GENERAL_NAMES_free(names);
    return g_string_free(text, FALSE);
}

static void check_names(const P11dCertdetail *detail, const X509 *certificate)
{
    g_autofree char *expected = names_text(certificate);
    g_autofree char *joined = g_strjoinv("\n", detail->names);
    g_autofree char *found = g_strconcat(joined, *detail->names ? "\n" : "", NULL);
    cr_assert_str_eq(found, expected);
}

static void check_usages(const P11dCertdetail *detail, const X509 *certificate)
{
    static const char *const names[] = {"digitalSignature", "nonRepudiation", "keyEncipherment",
                                        "dataEncipherment", "keyAgreement",   "keyCertSign",
                                        "cRLSign",          "encipherOnly",   "decipherOnly"};
    ASN1_BIT_STRING *usage = X509_get_ext_d2i(certificate, NID_key_usage, NULL, NULL);
    cr_assert_eq(usage != NULL, detail->key_usage != NULL);
    for (int i = 0; usage && i < (int)G_N_ELEMENTS(names); i++)
        cr_assert_eq(ASN1_BIT_STRING_get_bit(usage, i),
                     g_strv_contains(detail->key_usage, names[i]));
    ASN1_BIT_STRING_free(usage);
    EXTENDED_KEY_USAGE *more = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
    cr_assert_eq(more != NULL, detail->extended_key_usage != NULL);
    cr_assert_eq(more ? sk_ASN1_OBJECT_num(more) : 0,
                 more ? (int)g_strv_length(detail->extended_key_usage) : 0);
    EXTENDED_KEY_USAGE_free(more);
}

static void check_signature(const P11dCertdetail *detail, X509 *certificate)
{
    int hash = NID_undef;
    X509_get_signature_info(certificate, &hash, NULL, NULL, NULL);
    cr_assert_str_eq(detail->signature_hash ? detail->signature_hash : "",
                     hash == NID_undef ? "" : OBJ_nid2sn(hash));
    cr_assert_str_eq(detail->signature_algorithm, OBJ_nid2ln(X509_get_signature_nid(certificate)));
}

/* What OpenSSL says of the same bytes. It takes some for certificates that are not DER, and not to
 * be told as such; exact: not here. That a damaged key is none, and
 * that a certificate is invalid for another reason, is left to it. */
static void check_against_openssl(const guint8 *der, gsize size, bool exact)
{
    const unsigned char *at = der;
    g_auto(P11dCertdetail) detail;
    X509 *oracle = d2i_X509(NULL, &at, (long)size);
    bool good = p11d_certdetail_parse(&detail, der, size);
    cr_assert(!exact || (oracle && good));
    if (oracle && good) {
        check_names(&detail, oracle);
        check_usages(&detail, oracle);
        if (exact)
            check_signature(&detail, oracle);
        if (X509_get0_pubkey(oracle) && !(X509_get_extension_flags(oracle) & EXFLAG_INVALID)) {
            cr_assert_eq(detail.is_authority, X509_check_ca(oracle) != 0);
            cr_assert_eq(p11d_certview_is_leaf(der, size), X509_check_ca(oracle) == 0);
        }
    }
    X509_free(oracle);
}

static guint8 *copy_of(const guint8 *der, int size, GRand *rand)
{
    guint8 *copy = g_memdup2(der, (gsize)size);
    for (int changes = g_rand_int_range(rand, 1, 4); changes > 0; changes--)
        copy[g_rand_int_range(rand, 0, size)] ^= (guint8)(1U << g_rand_int_range(rand, 0, 8));
    return copy;
}

Test(certdetail, answers_are_those_of_openssl)
{
    EVP_PKEY *keys[KEYS] = {EVP_RSA_gen(1024), NULL, EVP_EC_gen("P-256"),
                            EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY_keygen_init(context);
    EVP_PKEY_CTX_set_rsa_keygen_bits(context, 1024 + 64); /* has room for SHA-512 */
    cr_assert_eq(EVP_PKEY_keygen(context, &keys[OF_PSS]), 1);
    EVP_PKEY_CTX_free(context);
    g_autoptr(GRand) rand = g_rand_new_with_seed(7512);
    for (int i = 0; i < 1000; i++) {
        unsigned char *der = NULL;
        X509 *certificate = draw(rand, keys);
        int size = i2d_X509(certificate, &der);
        check_against_openssl(der, (gsize)size, true);
        for (int j = 0; j < 20; j++) {
            g_autofree guint8 *changed = copy_of(der, size, rand);
            check_against_openssl(changed, (gsize)size, false);
        }
        OPENSSL_free(der);
        X509_free(certificate);
    }
    for (size_t i = 0; i < KEYS; i++)
        EVP_PKEY_free(keys[i]);
}
