// SPDX-License-Identifier: MIT
#include "keymaterial.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

#include "curve.h"
#include "keyfile.h"
#include "keytemplate.h"
#include "servedkey.h"

/* The most numbers that a key is made of, and the largest scalar of an elliptic curve, in bytes. */
#define NUMBERS_MAX 8
#define SCALAR_MAX 66

typedef struct Number {
    CK_ATTRIBUTE_TYPE type;
    const char *parameter;
} Number;

/* The first two are those of public keys. */
static const Number rsa_numbers[NUMBERS_MAX] = {
    {CKA_MODULUS, OSSL_PKEY_PARAM_RSA_N},
    {CKA_PUBLIC_EXPONENT, OSSL_PKEY_PARAM_RSA_E},
    {CKA_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D},
    {CKA_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1},
    {CKA_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2},
    {CKA_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1},
    {CKA_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2},
    {CKA_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
};

static CK_RV from_parameters(const char *type, OSSL_PARAM_BLD *builder, bool private,
                             EVP_PKEY **key)
{
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    bool ok = parameters && context && EVP_PKEY_fromdata_init(context) == 1 &&
              EVP_PKEY_fromdata(context, key, private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                                parameters) == 1;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    return ok ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

static CK_RV read_rsa(const CK_ATTRIBUTE *items, CK_ULONG count, CK_OBJECT_CLASS class,
                      EVP_PKEY **key)
{
    const size_t wanted = class == CKO_PRIVATE_KEY ? NUMBERS_MAX : 2;
    BIGNUM *numbers[NUMBERS_MAX] = {0};
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    CK_RV rv = builder ? CKR_OK : CKR_HOST_MEMORY;
    for (size_t i = 0; i < wanted && rv == CKR_OK; i++) {
        const CK_ATTRIBUTE *item = p11d_keytemplate_find(items, count, rsa_numbers[i].type);
        if (!item || item->ulValueLen == 0)
            rv = CKR_TEMPLATE_INCOMPLETE;
        else if (item->ulValueLen > P11D_SERVEDKEY_RSA_BITS_MAX / 8)
            rv = CKR_ATTRIBUTE_VALUE_INVALID;
        else if (!(numbers[i] = BN_bin2bn(item->pValue, (int)item->ulValueLen, NULL)) ||
                 OSSL_PARAM_BLD_push_BN(builder, rsa_numbers[i].parameter, numbers[i]) != 1)
            rv = CKR_HOST_MEMORY;
    }
    if (rv == CKR_OK)
        rv = from_parameters("RSA", builder, class == CKO_PRIVATE_KEY, key);
    OSSL_PARAM_BLD_free(builder);
    for (size_t i = 0; i < NUMBERS_MAX; i++)
        BN_clear_free(numbers[i]);
    return rv;
}

/* The curve that attributes name. Ed25519 and X25519 may be left out of those of Edwards and
 * Montgomery keys by what came before PKCS#11 3.0: they are not known then. */
static CK_RV find_curve(const CK_ATTRIBUTE *items, CK_ULONG count, const P11dCurve **curve)
{
    const CK_ATTRIBUTE *params = p11d_keytemplate_find(items, count, CKA_EC_PARAMS);
    if (!params || params->ulValueLen == 0)
        return CKR_TEMPLATE_INCOMPLETE;
    *curve = p11d_curve_find(p11d_der(params->pValue, params->ulValueLen));
    return *curve ? CKR_OK : CKR_CURVE_NOT_SUPPORTED;
}

/* SEC 1, section C.4, without the public key, which libcrypto then computes. */
static CK_RV make_ec(const P11dCurve *curve, const CK_ATTRIBUTE *value, EVP_PKEY **key)
{
    uint8_t der[16 + SCALAR_MAX + P11D_CURVE_OID_MAX];
    const uint8_t *at = der;
    size_t leading = 0, half = curve->half;
    const uint8_t *bytes = value->pValue;
    while (leading < value->ulValueLen && bytes[leading] == 0)
        leading++;
    size_t used = value->ulValueLen - leading;
    if (used == 0 || used > half || half > SCALAR_MAX)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    P11dBytes oid = p11d_curve_params(curve);
    size_t size = 0;
    const uint8_t head[] = {
        P11D_DER_SEQUENCE, (uint8_t)(3 + 2 + half + 2 + oid.size), 2, 1, 1, P11D_DER_OCTET_STRING,
        (uint8_t)half};
    memcpy(der, head, sizeof head);
    size = sizeof head;
    memset(der + size, 0, half - used);
    memcpy(der + size + half - used, bytes + leading, used);
    size += half;
    der[size++] = P11D_DER_CONTEXT_0;
    der[size++] = (uint8_t)oid.size;
    memcpy(der + size, oid.data, oid.size);
    *key = d2i_PrivateKey(EVP_PKEY_EC, NULL, &at, (long)(size + oid.size));
    explicit_bzero(der, sizeof der);
    return *key ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

static CK_RV read_private_curve(const P11dCurve *curve, const CK_ATTRIBUTE *items, CK_ULONG count,
                                EVP_PKEY **key)
{
    const CK_ATTRIBUTE *value = p11d_keytemplate_find(items, count, CKA_VALUE);
    if (!value || value->ulValueLen == 0)
        return CKR_TEMPLATE_INCOMPLETE;
    if (curve->type == CKK_EC)
        return make_ec(curve, value, key);
    *key = EVP_PKEY_new_raw_private_key_ex(NULL, curve->openssl, NULL, value->pValue,
                                           value->ulValueLen);
    return *key ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

static CK_RV read_public_curve(const P11dCurve *curve, const CK_ATTRIBUTE *items, CK_ULONG count,
                               EVP_PKEY **key)
{
    const CK_ATTRIBUTE *item = p11d_keytemplate_find(items, count, CKA_EC_POINT);
    if (!item || item->ulValueLen == 0)
        return CKR_TEMPLATE_INCOMPLETE;
    P11dBytes point =
        p11d_curve_unwrap(curve->type, curve, p11d_der(item->pValue, item->ulValueLen));
    if (!p11d_curve_is_point(curve->type, curve, point))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (curve->type != CKK_EC) {
        *key = EVP_PKEY_new_raw_public_key_ex(NULL, curve->openssl, NULL, point.data, point.size);
        return *key ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
    }
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    CK_RV rv = CKR_HOST_MEMORY;
    if (builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve->openssl, 0) &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.size))
        rv = from_parameters("EC", builder, false, key);
    OSSL_PARAM_BLD_free(builder);
    return rv;
}

static CK_RV read_curve(const CK_ATTRIBUTE *items, CK_ULONG count, CK_OBJECT_CLASS class,
                        EVP_PKEY **key)
{
    const P11dCurve *curve = NULL;
    CK_RV rv = find_curve(items, count, &curve);
    if (rv != CKR_OK)
        return rv;
    if (curve->type != p11d_keytemplate_number(items, count, CKA_KEY_TYPE, curve->type))
        return CKR_TEMPLATE_INCONSISTENT;
    return class == CKO_PRIVATE_KEY ? read_private_curve(curve, items, count, key)
                                    : read_public_curve(curve, items, count, key);
}

static CK_RV read_info(const CK_ATTRIBUTE *info, EVP_PKEY **key)
{
    const uint8_t *der = info->pValue;
    *key = d2i_PUBKEY(NULL, &der, (long)info->ulValueLen);
    return *key ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

CK_RV p11d_keymaterial_read(const CK_ATTRIBUTE *items, CK_ULONG count, CK_OBJECT_CLASS class,
                            EVP_PKEY **key)
{
    CK_ULONG type = p11d_keytemplate_number(items, count, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    const CK_ATTRIBUTE *info = p11d_keytemplate_find(items, count, CKA_PUBLIC_KEY_INFO);
    CK_RV rv = CKR_ATTRIBUTE_VALUE_INVALID;
    *key = NULL;
    if (class == CKO_PUBLIC_KEY && info && info->ulValueLen > 0)
        rv = read_info(info, key);
    else if (type == CK_UNAVAILABLE_INFORMATION)
        rv = CKR_TEMPLATE_INCOMPLETE;
    else if (type == CKK_RSA)
        rv = read_rsa(items, count, class, key);
    else if (type == CKK_EC || type == CKK_EC_EDWARDS || type == CKK_EC_MONTGOMERY)
        rv = read_curve(items, count, class, key);
    if (rv == CKR_OK &&
        (class == CKO_PRIVATE_KEY ? p11d_keyfile_problem(*key) : p11d_servedkey_unsupported(*key)))
        rv = CKR_ATTRIBUTE_VALUE_INVALID;
    ERR_clear_error();
    if (rv == CKR_OK)
        return rv;
    EVP_PKEY_free(*key);
    *key = NULL;
    return rv;
}

static CK_RV set_number(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, const BIGNUM *number,
                        size_t size)
{
    uint8_t bytes[P11D_SERVEDKEY_RSA_BITS_MAX / 8];
    if (size == 0)
        size = (size_t)BN_num_bytes(number);
    CK_RV rv = CKR_FUNCTION_FAILED;
    if (size <= sizeof bytes && BN_bn2binpad(number, bytes, (int)size) >= 0)
        rv = p11d_template_set(templ, type, bytes, size);
    explicit_bzero(bytes, sizeof bytes);
    return rv;
}

static CK_RV write_rsa(P11dTemplate *templ, const EVP_PKEY *key)
{
    CK_RV rv = CKR_OK;
    for (size_t i = 2; i < NUMBERS_MAX && rv == CKR_OK; i++) {
        BIGNUM *number = NULL;
        if (EVP_PKEY_get_bn_param(key, rsa_numbers[i].parameter, &number) == 1)
            rv = set_number(templ, rsa_numbers[i].type, number, 0);
        BN_clear_free(number);
    }
    return rv;
}

CK_RV p11d_keymaterial_write(P11dTemplate *templ, const EVP_PKEY *key)
{
    uint8_t bytes[SCALAR_MAX];
    size_t size = sizeof bytes;
    BIGNUM *number = NULL;
    CK_RV rv = CKR_OK;
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        return write_rsa(templ, key);
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1)
        rv = set_number(templ, CKA_VALUE, number, ((size_t)EVP_PKEY_get_bits(key) + 7) / 8);
    else if (EVP_PKEY_get_raw_private_key(key, bytes, &size) == 1)
        rv = p11d_template_set(templ, CKA_VALUE, bytes, size);
    BN_clear_free(number);
    explicit_bzero(bytes, sizeof bytes);
    ERR_clear_error();
    return rv;
}

static CK_RV generate_rsa(const CK_ATTRIBUTE *items, CK_ULONG count, EVP_PKEY_CTX **context)
{
    CK_ULONG bits = p11d_keytemplate_number(items, count, CKA_MODULUS_BITS, 0);
    const CK_ATTRIBUTE *exponent = p11d_keytemplate_find(items, count, CKA_PUBLIC_EXPONENT);
    if (!p11d_keytemplate_find(items, count, CKA_MODULUS_BITS))
        return CKR_TEMPLATE_INCOMPLETE;
    if (bits < P11D_SERVEDKEY_RSA_BITS_MIN || bits > P11D_SERVEDKEY_RSA_BITS_MAX || bits % 8 != 0)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (!*context || EVP_PKEY_keygen_init(*context) != 1 ||
        EVP_PKEY_CTX_set_rsa_keygen_bits(*context, (int)bits) != 1)
        return CKR_HOST_MEMORY;
    if (!exponent || exponent->ulValueLen == 0)
        return CKR_OK;
    if (exponent->ulValueLen > 32) /* FIPS 186-5, section A.1.1: less than 2^256 */
        return CKR_ATTRIBUTE_VALUE_INVALID;
    BIGNUM *number = BN_bin2bn(exponent->pValue, (int)exponent->ulValueLen, NULL);
    bool odd = number && BN_is_odd(number) && !BN_is_one(number);
    bool ok = odd && EVP_PKEY_CTX_set1_rsa_keygen_pubexp(*context, number) == 1;
    BN_free(number);
    return ok ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

static CK_RV generate_curve(CK_KEY_TYPE type, const CK_ATTRIBUTE *items, CK_ULONG count,
                            EVP_PKEY_CTX **context)
{
    const P11dCurve *curve = NULL;
    CK_RV rv = find_curve(items, count, &curve);
    if (rv == CKR_OK && curve->type != type)
        rv = CKR_CURVE_NOT_SUPPORTED;
    if (rv != CKR_OK)
        return rv;
    *context = EVP_PKEY_CTX_new_from_name(NULL, type == CKK_EC ? "EC" : curve->openssl, NULL);
    if (!*context || EVP_PKEY_keygen_init(*context) != 1)
        return CKR_CURVE_NOT_SUPPORTED;
    if (type == CKK_EC && EVP_PKEY_CTX_set_group_name(*context, curve->openssl) != 1)
        return CKR_CURVE_NOT_SUPPORTED;
    return CKR_OK;
}

static const CK_MECHANISM_TYPE generators[] = {
    CKM_RSA_PKCS_KEY_PAIR_GEN,
    CKM_EC_KEY_PAIR_GEN,
    CKM_EC_EDWARDS_KEY_PAIR_GEN,
    CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
};

bool p11d_keymaterial_generates(const P11dMechanism *mechanism, CK_ULONG *smallest,
                                CK_ULONG *largest)
{
    bool found = false;
    for (size_t i = 0; i < sizeof generators / sizeof generators[0]; i++)
        found = found || generators[i] == mechanism->type;
    return found && p11d_servedkey_sizes(mechanism->key_type, smallest, largest);
}

/* Is asked now and then; 0: goes on no more. */
static int goes_on(EVP_PKEY_CTX *context)
{
    atomic_bool *canceled = EVP_PKEY_CTX_get_app_data(context);
    return !atomic_load(canceled);
}

CK_RV p11d_keymaterial_generate(CK_MECHANISM_TYPE type, const CK_ATTRIBUTE *items, CK_ULONG count,
                                atomic_bool *canceled, EVP_PKEY **key)
{
    const P11dMechanism *mechanism = p11d_mechanism_find(type);
    EVP_PKEY_CTX *context = NULL;
    CK_ULONG smallest, largest;
    *key = NULL;
    if (!mechanism || !p11d_keymaterial_generates(mechanism, &smallest, &largest))
        return CKR_MECHANISM_INVALID;
    if (p11d_keytemplate_number(items, count, CKA_KEY_TYPE, mechanism->key_type) !=
        mechanism->key_type)
        return CKR_TEMPLATE_INCONSISTENT;
    CK_RV rv = mechanism->key_type == CKK_RSA
                   ? generate_rsa(items, count, &context)
                   : generate_curve(mechanism->key_type, items, count, &context);
    if (rv == CKR_OK) {
        EVP_PKEY_CTX_set_app_data(context, canceled);
        EVP_PKEY_CTX_set_cb(context, goes_on);
    }
    if (rv == CKR_OK && EVP_PKEY_keygen(context, key) != 1)
        rv = CKR_FUNCTION_FAILED;
    if (rv == CKR_OK && p11d_servedkey_unsupported(*key))
        rv = mechanism->key_type == CKK_RSA ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_CURVE_NOT_SUPPORTED;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    if (rv == CKR_OK)
        return rv;
    EVP_PKEY_free(*key);
    *key = NULL;
    return rv;
}
