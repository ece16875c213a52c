// SPDX-License-Identifier: MIT
#include "evpkey.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "curve.h"
#include "spki.h"
#include "sslcurve.h"

/* No public key or certificate is larger than this, and OpenSSL takes int. */
#define MAX_SIZE (1 << 20)

static EVP_PKEY *make(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!params || !context || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return key;
}

EVP_PKEY *p11d_evpkey_rsa(const void *modulus, size_t modulus_size, const void *exponent,
                          size_t exponent_size)
{
    if (modulus_size == 0 || modulus_size > MAX_SIZE || exponent_size > modulus_size)
        return NULL;
    BIGNUM *n = BN_bin2bn(modulus, (int)modulus_size, NULL);
    BIGNUM *e = BN_bin2bn(exponent, (int)exponent_size, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (n && e && builder && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e))
        key = make("RSA", builder);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return key;
}

static EVP_PKEY *ec_plain(const char *group, const void *point, size_t size)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (builder && size > 0 && size <= MAX_SIZE &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, size))
        key = make("EC", builder);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

static EVP_PKEY *edwards_plain(const char *group, const void *point, size_t size)
{
    return EVP_PKEY_new_raw_public_key_ex(NULL, group, NULL, point, size);
}

/* Of a curve that only OpenSSL knows, it is OpenSSL that tells which of the two is a point. */
static EVP_PKEY *wrapped_or_plain(EVP_PKEY *(*plain)(const char *, const void *, size_t),
                                  CK_KEY_TYPE type, const char *group, P11dBytes value)
{
    P11dBytes point = p11d_curve_unwrap(type, p11d_curve_of_openssl(group), value);
    EVP_PKEY *key = plain(group, point.data, point.size);
    return key || point.size == value.size ? key : plain(group, value.data, value.size);
}

EVP_PKEY *p11d_evpkey_ec(const char *group, const void *point, size_t size)
{
    return wrapped_or_plain(ec_plain, CKK_EC, group, p11d_der(point, size));
}

EVP_PKEY *p11d_evpkey_edwards(const char *group, const void *point, size_t size)
{
    return wrapped_or_plain(edwards_plain, CKK_EC_EDWARDS, group, p11d_der(point, size));
}

/* Makes key name its curve where it is written, even if it was read from one that is spelled out.
 */
static EVP_PKEY *with_name(EVP_PKEY *key)
{
    if (key && EVP_PKEY_is_a(key, "EC"))
        EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                       OSSL_PKEY_EC_ENCODING_GROUP);
    return key;
}

EVP_PKEY *p11d_evpkey_spki(const void *der, size_t size)
{
    const unsigned char *p = der;
    return size > 0 && size <= MAX_SIZE ? with_name(d2i_PUBKEY(NULL, &p, (long)size)) : NULL;
}

EVP_PKEY *p11d_evpkey_certificate(const void *der, size_t size)
{
    const unsigned char *p = der;
    X509 *certificate = size > 0 && size <= MAX_SIZE ? d2i_X509(NULL, &p, (long)size) : NULL;
    EVP_PKEY *key = certificate ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    return with_name(key);
}

static void describe_ec(P11dAlgorithmKey *described, const EVP_PKEY *key)
{
    char group[64];
    P11dSslCurve curve;
    described->type = CKK_EC;
    if (!EVP_PKEY_get_group_name(key, group, sizeof group, NULL))
        described->problem = p11d_curve_none;
    else if (p11d_sslcurve_of_group(&curve, group))
        p11d_sslcurve_describe(&curve, described);
}

/* OpenSSL has a kind of key for each Edwards and Montgomery curve. */
static void describe_by_kind(P11dAlgorithmKey *described, const EVP_PKEY *key)
{
    for (size_t i = 0; i < p11d_curve_count && !described->curve; i++) {
        const P11dCurve *curve = &p11d_curves[i];
        if (curve->type == CKK_EC || !EVP_PKEY_is_a(key, curve->openssl))
            continue;
        described->type = curve->type;
        described->bits = curve->bits;
        described->curve = curve->name;
    }
}

bool p11d_evpkey_is_bound(const EVP_PKEY *key, int *salt)
{
    return EVP_PKEY_is_a(key, "RSA-PSS") &&
           EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, salt);
}

/* As the key writes itself. */
static P11dAlgorithmKey describe_written(const EVP_PKEY *key)
{
    g_autoptr(GBytes) spki = p11d_spki_of_key(key);
    return spki ? p11d_spki_describe(g_bytes_get_data(spki, NULL), g_bytes_get_size(spki))
                : (P11dAlgorithmKey){.type = CK_UNAVAILABLE_INFORMATION};
}

P11dAlgorithmKey p11d_evpkey_describe(const EVP_PKEY *key)
{
    P11dAlgorithmKey described = {.type = CK_UNAVAILABLE_INFORMATION};
    if (EVP_PKEY_is_a(key, "RSA-PSS"))
        return describe_written(key);
    if (EVP_PKEY_is_a(key, "RSA")) {
        described.type = CKK_RSA;
        described.bits = (unsigned)EVP_PKEY_get_bits(key);
    } else if (EVP_PKEY_is_a(key, "EC")) {
        describe_ec(&described, key);
    } else {
        describe_by_kind(&described, key);
    }
    return described;
}
