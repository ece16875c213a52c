// SPDX-License-Identifier: MIT
#include "sshkey.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>

#include "curve.h"
#include "evpkey.h"
#include "sshwire.h"

#define ED25519_SIZE 32
#define ECDSA_PREFIX "ecdsa-sha2-" /* and then what SSH calls the curve */

typedef struct Kind {
    const char *type;
    CK_KEY_TYPE key_type;
    const char *curve; /* as P11dCurve has it, or NULL */
    /* Both do what follows the type. */
    bool (*put)(const struct Kind *kind, const EVP_PKEY *key, GByteArray *out);
    EVP_PKEY *(*get)(const struct Kind *kind, P11dSshwireReader *reader);
} Kind;

/* Appends a number of key as an mpint. */
static bool put_number(const EVP_PKEY *key, const char *name, GByteArray *out)
{
    BIGNUM *number = NULL;
    if (!EVP_PKEY_get_bn_param(key, name, &number))
        return false;
    gsize size = (gsize)BN_num_bytes(number);
    g_autofree guint8 *bytes = g_malloc(size + 1);
    BN_bn2bin(number, bytes);
    BN_free(number);
    p11d_sshwire_put_mpint(out, bytes, size);
    return true;
}

static bool put_rsa(const Kind *kind G_GNUC_UNUSED, const EVP_PKEY *key, GByteArray *out)
{
    return put_number(key, OSSL_PKEY_PARAM_RSA_E, out) &&
           put_number(key, OSSL_PKEY_PARAM_RSA_N, out);
}

static EVP_PKEY *get_rsa(const Kind *kind G_GNUC_UNUSED, P11dSshwireReader *reader)
{
    const guint8 *exponent, *modulus;
    gsize exponent_size, modulus_size;
    return p11d_sshwire_get_mpint(reader, &exponent, &exponent_size) && exponent_size > 0 &&
                   p11d_sshwire_get_mpint(reader, &modulus, &modulus_size)
               ? p11d_evpkey_rsa(modulus, modulus_size, exponent, exponent_size)
               : NULL;
}

static const char *curve_word(const Kind *kind)
{
    return kind->type + strlen(ECDSA_PREFIX);
}

/* Writes a coordinate of the point, with its leading zero bytes. */
static bool write_coordinate(const EVP_PKEY *key, const char *name, guint8 *to, size_t size)
{
    BIGNUM *number = NULL;
    bool ok = EVP_PKEY_get_bn_param(key, name, &number) &&
              BN_bn2binpad(number, to, (int)size) == (int)size;
    BN_free(number);
    return ok;
}

/* Not OpenSSL's encoding of the point, which is compressed where the key came so; SSH wants it
 * uncompressed. */
static bool put_ec(const Kind *kind, const EVP_PKEY *key, GByteArray *out)
{
    size_t half = p11d_curve_of_name(kind->curve)->half;
    g_autofree guint8 *point = g_malloc(1 + 2 * half);
    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    if (!write_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, point + 1, half) ||
        !write_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, point + 1 + half, half))
        return false;
    p11d_sshwire_put_string(out, curve_word(kind), strlen(curve_word(kind)));
    p11d_sshwire_put_string(out, point, 1 + 2 * half);
    return true;
}

static bool get_word(P11dSshwireReader *reader, const char *word)
{
    const guint8 *string;
    gsize size;
    return p11d_sshwire_get_string(reader, &string, &size) && size == strlen(word) &&
           memcmp(string, word, size) == 0;
}

static EVP_PKEY *get_ec(const Kind *kind, P11dSshwireReader *reader)
{
    const guint8 *point;
    gsize size;
    const P11dCurve *curve = p11d_curve_of_name(kind->curve);
    return get_word(reader, curve_word(kind)) && p11d_sshwire_get_string(reader, &point, &size) &&
                   size == 1 + 2 * curve->half && *point == POINT_CONVERSION_UNCOMPRESSED
               ? p11d_evpkey_ec(curve->openssl, point, size)
               : NULL;
}

static bool put_ed25519(const Kind *kind G_GNUC_UNUSED, const EVP_PKEY *key, GByteArray *out)
{
    guint8 point[ED25519_SIZE];
    size_t size = sizeof point;
    if (!EVP_PKEY_get_raw_public_key(key, point, &size))
        return false;
    p11d_sshwire_put_string(out, point, size);
    return true;
}

static EVP_PKEY *get_ed25519(const Kind *kind G_GNUC_UNUSED, P11dSshwireReader *reader)
{
    const guint8 *point;
    gsize size;
    return p11d_sshwire_get_string(reader, &point, &size) && size == ED25519_SIZE
               ? p11d_evpkey_edwards("ED25519", point, size)
               : NULL;
}

static const Kind kinds[] = {
    {"ssh-rsa", CKK_RSA, NULL, put_rsa, get_rsa},
    {ECDSA_PREFIX "nistp256", CKK_EC, "P-256", put_ec, get_ec},
    {ECDSA_PREFIX "nistp384", CKK_EC, "P-384", put_ec, get_ec},
    {ECDSA_PREFIX "nistp521", CKK_EC, "P-521", put_ec, get_ec},
    {"ssh-ed25519", CKK_EC_EDWARDS, "Ed25519", put_ed25519, get_ed25519},
};

static const Kind *find_kind(const EVP_PKEY *key)
{
    P11dAlgorithmKey described = p11d_evpkey_describe(key);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds) && !described.pss.only; i++)
        if (described.type == kinds[i].key_type &&
            (!kinds[i].curve || g_strcmp0(described.curve, kinds[i].curve) == 0))
            return &kinds[i];
    return NULL;
}

const char *p11d_sshkey_type(const EVP_PKEY *key)
{
    const Kind *kind = find_kind(key);
    return kind ? kind->type : NULL;
}

GBytes *p11d_sshkey_blob(const EVP_PKEY *key)
{
    const Kind *kind = find_kind(key);
    if (!kind)
        return NULL;
    g_autoptr(GByteArray) out = g_byte_array_new();
    p11d_sshwire_put_string(out, kind->type, strlen(kind->type));
    return kind->put(kind, key, out) ? g_byte_array_free_to_bytes(g_steal_pointer(&out)) : NULL;
}

EVP_PKEY *p11d_sshkey_parse(const void *blob, size_t size)
{
    EVP_PKEY *key = NULL;
    P11dSshwireReader reader;
    for (size_t i = 0; !key && i < G_N_ELEMENTS(kinds); i++) {
        reader = p11d_sshwire_reader(blob, size);
        if (get_word(&reader, kinds[i].type))
            key = kinds[i].get(&kinds[i], &reader);
    }
    if (!key || reader.left == 0)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

char *p11d_sshkey_blob_type(GBytes *blob)
{
    gsize size;
    const void *data = g_bytes_get_data(blob, &size);
    P11dSshwireReader reader = p11d_sshwire_reader(data, size);
    const guint8 *type;
    return p11d_sshwire_get_string(&reader, &type, &size) ? g_strndup((const char *)type, size)
                                                          : g_strdup("");
}

/* RFC 5656, section 10.1: curves of NIST have words, all others their object identifiers. */
static bool is_further_curve(const char *type)
{
    static const char *const words[] = {"nistk163", "nistp192", "nistp224", "nistk233", "nistb233",
                                        "nistk283", "nistk409", "nistb409", "nistt571"};
    if (!g_str_has_prefix(type, ECDSA_PREFIX))
        return false;
    const char *word = type + strlen(ECDSA_PREFIX);
    bool found = *word && strspn(word, "0123456789.") == strlen(word);
    for (size_t i = 0; !found && i < G_N_ELEMENTS(words); i++)
        found = strcmp(word, words[i]) == 0;
    return found;
}

bool p11d_sshkey_is_foreign(const char *type)
{
    return is_further_curve(type) || g_str_has_suffix(type, "-cert-v01@openssh.com") ||
           g_str_has_prefix(type, "sk-") || g_str_has_prefix(type, "webauthn-sk-") ||
           strcmp(type, "ssh-dss") == 0 || strcmp(type, "ssh-ed448") == 0;
}

char *p11d_sshkey_fingerprint(GBytes *blob)
{
    guint8 digest[32];
    gsize size = sizeof digest;
    g_autoptr(GChecksum) sha256 = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sha256, g_bytes_get_data(blob, NULL), (gssize)g_bytes_get_size(blob));
    g_checksum_get_digest(sha256, digest, &size);
    g_autofree char *base64 = g_base64_encode(digest, size);
    base64[strcspn(base64, "=")] = '\0';
    return g_strconcat("SHA256:", base64, NULL);
}
