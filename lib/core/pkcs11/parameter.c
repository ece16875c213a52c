// SPDX-License-Identifier: MIT
#include "parameter.h"

#include <string.h>

#include "curve.h"
#include "hash.h"
#include "name.h"

#define FIELDS(fields) fields, sizeof fields / sizeof fields[0]
/* The longest context of EdDSA (RFC 8032), ML-DSA and SLH-DSA (FIPS 204, 205), in bytes. */
#define CONTEXT_MAX 255
#define BYTES_MAX P11D_PARAMETER_BYTES_MAX
#define NO_KDF "null"

const P11dParameterShape p11d_parameters_none = {.label = "none"};

static const P11dParameter pss[] = {
    {"hash", P11D_PARAMETER_HASH, offsetof(CK_RSA_PKCS_PSS_PARAMS, hashAlg)},
    {"mgf", P11D_PARAMETER_MGF, offsetof(CK_RSA_PKCS_PSS_PARAMS, mgf)},
    {"salt-length", P11D_PARAMETER_NUMBER, offsetof(CK_RSA_PKCS_PSS_PARAMS, sLen)},
};
const P11dParameterShape p11d_parameters_pss = {"pss", sizeof(CK_RSA_PKCS_PSS_PARAMS), false,
                                                FIELDS(pss)};

static const P11dParameter oaep[] = {
    {"hash", P11D_PARAMETER_HASH, offsetof(CK_RSA_PKCS_OAEP_PARAMS, hashAlg)},
    {"mgf", P11D_PARAMETER_MGF, offsetof(CK_RSA_PKCS_OAEP_PARAMS, mgf)},
    {"source-data", P11D_PARAMETER_BYTES, offsetof(CK_RSA_PKCS_OAEP_PARAMS, pSourceData),
     offsetof(CK_RSA_PKCS_OAEP_PARAMS, ulSourceDataLen), BYTES_MAX, true},
};
const P11dParameterShape p11d_parameters_oaep = {"oaep", sizeof(CK_RSA_PKCS_OAEP_PARAMS),
                                                 false,  FIELDS(oaep),
                                                 true,   offsetof(CK_RSA_PKCS_OAEP_PARAMS, source)};

static const P11dParameter ecdh1[] = {
    {"kdf", P11D_PARAMETER_KDF, offsetof(CK_ECDH1_DERIVE_PARAMS, kdf)},
    {"shared-data", P11D_PARAMETER_BYTES, offsetof(CK_ECDH1_DERIVE_PARAMS, pSharedData),
     offsetof(CK_ECDH1_DERIVE_PARAMS, ulSharedDataLen), BYTES_MAX, true},
    {"public-data", P11D_PARAMETER_POINT, offsetof(CK_ECDH1_DERIVE_PARAMS, pPublicData),
     offsetof(CK_ECDH1_DERIVE_PARAMS, ulPublicDataLen), BYTES_MAX},
};
const P11dParameterShape p11d_parameters_ecdh1 = {"ecdh1", sizeof(CK_ECDH1_DERIVE_PARAMS), false,
                                                  FIELDS(ecdh1)};

static const P11dParameter eddsa[] = {
    {"phflag", P11D_PARAMETER_BOOLEAN, offsetof(CK_EDDSA_PARAMS, phFlag), .optional = true},
    {"context-data", P11D_PARAMETER_BYTES, offsetof(CK_EDDSA_PARAMS, pContextData),
     offsetof(CK_EDDSA_PARAMS, ulContextDataLen), CONTEXT_MAX, true},
};
const P11dParameterShape p11d_parameters_eddsa = {"eddsa", sizeof(CK_EDDSA_PARAMS), true,
                                                  FIELDS(eddsa)};

static const P11dParameter gcm[] = {
    {"iv", P11D_PARAMETER_BYTES, offsetof(CK_GCM_PARAMS, pIv), offsetof(CK_GCM_PARAMS, ulIvLen),
     BYTES_MAX, true},
    {"iv-bits", P11D_PARAMETER_NUMBER, offsetof(CK_GCM_PARAMS, ulIvBits), .optional = true},
    {"aad", P11D_PARAMETER_BYTES, offsetof(CK_GCM_PARAMS, pAAD), offsetof(CK_GCM_PARAMS, ulAADLen),
     BYTES_MAX, true},
    {"tag-bits", P11D_PARAMETER_NUMBER, offsetof(CK_GCM_PARAMS, ulTagBits)},
};
const P11dParameterShape p11d_parameters_gcm = {"gcm", sizeof(CK_GCM_PARAMS), false, FIELDS(gcm)};

static const P11dParameter iv16[] = {
    {"iv", P11D_PARAMETER_INLINE, 0, 16},
};
const P11dParameterShape p11d_parameters_iv16 = {"iv16", 16, false, FIELDS(iv16)};

static const P11dParameter iv8[] = {
    {"iv", P11D_PARAMETER_INLINE, 0, 8},
};
const P11dParameterShape p11d_parameters_iv8 = {"iv8", 8, false, FIELDS(iv8)};

static const P11dParameter ctr[] = {
    {"iv", P11D_PARAMETER_INLINE, offsetof(CK_AES_CTR_PARAMS, cb), 16},
    {"counter-bits", P11D_PARAMETER_NUMBER, offsetof(CK_AES_CTR_PARAMS, ulCounterBits)},
};
const P11dParameterShape p11d_parameters_ctr = {"ctr", sizeof(CK_AES_CTR_PARAMS), false,
                                                FIELDS(ctr)};

static const P11dParameter sign[] = {
    {"hedge", P11D_PARAMETER_HEDGE, offsetof(CK_SIGN_ADDITIONAL_CONTEXT, hedgeVariant),
     .optional = true},
    {"context-data", P11D_PARAMETER_BYTES, offsetof(CK_SIGN_ADDITIONAL_CONTEXT, pContext),
     offsetof(CK_SIGN_ADDITIONAL_CONTEXT, ulContextLen), CONTEXT_MAX, true},
};
const P11dParameterShape p11d_parameters_sign = {"sign", sizeof(CK_SIGN_ADDITIONAL_CONTEXT), true,
                                                 FIELDS(sign)};

static const P11dParameter hash_sign[] = {
    {"hedge", P11D_PARAMETER_HEDGE, offsetof(CK_HASH_SIGN_ADDITIONAL_CONTEXT, hedgeVariant),
     .optional = true},
    {"context-data", P11D_PARAMETER_BYTES, offsetof(CK_HASH_SIGN_ADDITIONAL_CONTEXT, pContext),
     offsetof(CK_HASH_SIGN_ADDITIONAL_CONTEXT, ulContextLen), CONTEXT_MAX, true},
    {"hash", P11D_PARAMETER_HASH, offsetof(CK_HASH_SIGN_ADDITIONAL_CONTEXT, hash)},
};
const P11dParameterShape p11d_parameters_hash_sign = {
    "hash-sign", sizeof(CK_HASH_SIGN_ADDITIONAL_CONTEXT), false, FIELDS(hash_sign)};

/* The number of a field and back. memcpy, because the structure of a host need not be aligned. */
static CK_ULONG get_number(const uint8_t *from)
{
    CK_ULONG number;
    memcpy(&number, from, sizeof number);
    return number;
}

static void set_number(uint8_t *to, CK_ULONG number)
{
    memcpy(to, &number, sizeof number);
}

/* Takes the OCTET STRING off a public point, where there is one. */
static void unwrap_point(const uint8_t **bytes, size_t *size)
{
    P11dBytes point = p11d_curve_unwrap(CK_UNAVAILABLE_INFORMATION, NULL, p11d_der(*bytes, *size));
    *bytes = point.data;
    *size = point.size;
}

/* The name of a number in a field of that kind, or NULL. */
static const char *name_of(P11dParameterKind kind, CK_ULONG number)
{
    const P11dHash *hash = NULL;
    if (kind == P11D_PARAMETER_HEDGE)
        return p11d_name_find(&p11d_names_hedge, number);
    if (kind == P11D_PARAMETER_KDF && number == CKD_NULL)
        return NO_KDF;
    if (kind == P11D_PARAMETER_HASH)
        hash = p11d_hash_of_mechanism(number);
    else if (kind == P11D_PARAMETER_MGF)
        hash = p11d_hash_of_mgf(number);
    else if (kind == P11D_PARAMETER_KDF)
        hash = p11d_hash_of_kdf(number);
    return hash ? hash->name : NULL;
}

/* The reverse. Returns false if no number has that name. */
static bool number_of(P11dParameterKind kind, const char *name, CK_ULONG *number)
{
    if (kind == P11D_PARAMETER_HEDGE)
        return p11d_name_parse(&p11d_names_hedge, name, number) &&
               p11d_name_find(&p11d_names_hedge, *number);
    if (kind == P11D_PARAMETER_KDF && strcmp(name, NO_KDF) == 0) {
        *number = CKD_NULL;
        return true;
    }
    const P11dHash *hash = p11d_hash_of_name(name);
    *number = CK_UNAVAILABLE_INFORMATION;
    if (hash && kind == P11D_PARAMETER_HASH)
        *number = hash->mechanism;
    else if (hash && kind == P11D_PARAMETER_MGF)
        *number = hash->mgf;
    else if (hash && kind == P11D_PARAMETER_KDF)
        *number = hash->kdf;
    return *number != CK_UNAVAILABLE_INFORMATION;
}

/* The bytes of a field of kind BYTES, POINT or INLINE. */
static CK_RV get_bytes(const P11dParameter *field, const uint8_t *structure, const uint8_t **bytes,
                       size_t *size)
{
    if (field->kind == P11D_PARAMETER_INLINE) {
        *bytes = structure + field->at;
        *size = field->length;
        return CKR_OK;
    }
    memcpy(bytes, structure + field->at, sizeof *bytes);
    *size = get_number(structure + field->length);
    if (*size > field->limit || (!*bytes && *size > 0))
        return CKR_MECHANISM_PARAM_INVALID;
    if (field->kind == P11D_PARAMETER_POINT)
        unwrap_point(bytes, size);
    return CKR_OK;
}

static CK_RV write_field(const P11dParameter *field, P11dWriter *writer, const uint8_t *structure)
{
    const uint8_t *from = structure + field->at, *bytes;
    const char *name;
    size_t size;
    CK_RV rv;
    switch (field->kind) {
    case P11D_PARAMETER_NUMBER:
        p11d_writer_entry(writer, field->key, "t");
        p11d_writer_uint64(writer, p11d_name_widen(get_number(from)));
        return CKR_OK;
    case P11D_PARAMETER_BOOLEAN:
        p11d_writer_entry(writer, field->key, "b");
        p11d_writer_boolean(writer, *from != CK_FALSE);
        return CKR_OK;
    case P11D_PARAMETER_HASH:
    case P11D_PARAMETER_MGF:
    case P11D_PARAMETER_KDF:
    case P11D_PARAMETER_HEDGE:
        name = name_of(field->kind, get_number(from));
        if (!name)
            return CKR_MECHANISM_PARAM_INVALID;
        p11d_writer_entry(writer, field->key, "s");
        p11d_writer_string(writer, name);
        return CKR_OK;
    case P11D_PARAMETER_BYTES:
    case P11D_PARAMETER_POINT:
    case P11D_PARAMETER_INLINE:
        rv = get_bytes(field, structure, &bytes, &size);
        if (rv != CKR_OK || (size == 0 && field->optional))
            return rv;
        p11d_writer_entry(writer, field->key, "ay");
        p11d_writer_bytes(writer, bytes, size);
        return CKR_OK;
    }
    return CKR_MECHANISM_PARAM_INVALID;
}

CK_RV p11d_parameter_write(const P11dParameterShape *shape, P11dWriter *writer,
                           const CK_MECHANISM *mechanism)
{
    const uint8_t *structure = mechanism->pParameter;
    if (mechanism->ulParameterLen == 0 && (shape->size == 0 || shape->optional))
        return CKR_OK;
    if (shape->size == 0 || mechanism->ulParameterLen != shape->size || !structure)
        return CKR_MECHANISM_PARAM_INVALID;
    /* Zero is what hosts leave there when they have no data. */
    if (shape->has_source && get_number(structure + shape->source_at) > CKZ_DATA_SPECIFIED)
        return CKR_MECHANISM_PARAM_INVALID;

    CK_RV rv = CKR_OK;
    for (size_t i = 0; i < shape->field_count && rv == CKR_OK; i++)
        rv = write_field(&shape->fields[i], writer, structure);
    return rv;
}

static const char *signature_of(P11dParameterKind kind)
{
    switch (kind) {
    case P11D_PARAMETER_NUMBER:
        return "t";
    case P11D_PARAMETER_BOOLEAN:
        return "b";
    case P11D_PARAMETER_HASH:
    case P11D_PARAMETER_MGF:
    case P11D_PARAMETER_KDF:
    case P11D_PARAMETER_HEDGE:
        return "s";
    case P11D_PARAMETER_BYTES:
    case P11D_PARAMETER_POINT:
    case P11D_PARAMETER_INLINE:
        return "ay";
    }
    return "";
}

static CK_RV read_bytes(const P11dParameter *field, P11dReader *reader, uint8_t *structure)
{
    const uint8_t *bytes;
    size_t size;
    if (!p11d_reader_bytes(reader, &bytes, &size))
        return CKR_ARGUMENTS_BAD;
    if (field->kind == P11D_PARAMETER_INLINE) {
        if (size != field->length)
            return CKR_MECHANISM_PARAM_INVALID;
        memcpy(structure + field->at, bytes, size);
        return CKR_OK;
    }
    if (size > field->limit)
        return CKR_MECHANISM_PARAM_INVALID;
    if (field->kind == P11D_PARAMETER_POINT)
        unwrap_point(&bytes, &size);
    if (size == 0)
        bytes = NULL;
    memcpy(structure + field->at, &bytes, sizeof bytes);
    set_number(structure + field->length, size);
    return CKR_OK;
}

/* Reads a value of the signature that the field has. */
static CK_RV read_field(const P11dParameter *field, P11dReader *reader, uint8_t *structure)
{
    uint8_t *to = structure + field->at;
    uint64_t wide;
    bool boolean;
    const char *name;
    CK_ULONG number;
    switch (*signature_of(field->kind)) {
    case 't':
        if (!p11d_reader_uint64(reader, &wide))
            return CKR_ARGUMENTS_BAD;
        if (!p11d_name_narrow(wide, &number))
            return CKR_MECHANISM_PARAM_INVALID;
        set_number(to, number);
        return CKR_OK;
    case 'b':
        if (!p11d_reader_boolean(reader, &boolean))
            return CKR_ARGUMENTS_BAD;
        *to = boolean ? CK_TRUE : CK_FALSE;
        return CKR_OK;
    case 's':
        if (!p11d_reader_string(reader, &name, NULL))
            return CKR_ARGUMENTS_BAD;
        if (!number_of(field->kind, name, &number))
            return CKR_MECHANISM_PARAM_INVALID;
        set_number(to, number);
        return CKR_OK;
    default:
        return read_bytes(field, reader, structure);
    }
}

static size_t find_field(const P11dParameterShape *shape, const char *key)
{
    size_t i = 0;
    while (i < shape->field_count && strcmp(shape->fields[i].key, key) != 0)
        i++;
    return i;
}

/* Reads all entries; sets the bit of each field in *seen that was there. */
static CK_RV read_fields(const P11dParameterShape *shape, P11dReader *elements, uint8_t *structure,
                         unsigned *seen)
{
    while (!p11d_reader_at_end(elements)) {
        const char *key, *signature;
        if (!p11d_reader_entry(elements, &key, &signature))
            return CKR_ARGUMENTS_BAD;
        size_t i = find_field(shape, key);
        if (i == shape->field_count) {
            if (!p11d_reader_skip(elements, signature))
                return CKR_ARGUMENTS_BAD;
            continue;
        }
        if (*seen & 1u << i || strcmp(signature, signature_of(shape->fields[i].kind)) != 0)
            return CKR_MECHANISM_PARAM_INVALID;
        *seen |= 1u << i;
        CK_RV rv = read_field(&shape->fields[i], elements, structure);
        if (rv != CKR_OK)
            return rv;
    }
    return p11d_reader_ok(elements) ? CKR_OK : CKR_ARGUMENTS_BAD;
}

CK_RV p11d_parameter_read(const P11dParameterShape *shape, P11dReader elements,
                          uint8_t storage[P11D_PARAMETER_STORAGE], size_t *size)
{
    unsigned seen = 0;
    *size = 0;
    memset(storage, 0, P11D_PARAMETER_STORAGE);
    CK_RV rv = read_fields(shape, &elements, storage, &seen);
    if (rv != CKR_OK || (seen == 0 && shape->optional))
        return rv;
    for (size_t i = 0; i < shape->field_count; i++) {
        if (!shape->fields[i].optional && !(seen & 1u << i))
            return CKR_MECHANISM_PARAM_INVALID;
    }
    if (shape->has_source)
        set_number(storage + shape->source_at, CKZ_DATA_SPECIFIED);
    *size = shape->size;
    return CKR_OK;
}
