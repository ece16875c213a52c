// SPDX-License-Identifier: MIT
#include "derivation.h"

#include "certificate.h"
#include "default.h"
#include "publickey.h"

/* A key that is not sensitive now was not always so, whatever the default of the other is. */
static CK_RV derive_history(P11dTemplate *attributes)
{
    CK_RV rv = CKR_OK;
    if (!p11d_template_boolean(attributes, CKA_SENSITIVE, true))
        rv = p11d_template_set_boolean(attributes, CKA_ALWAYS_SENSITIVE, false);
    if (rv == CKR_OK && p11d_template_boolean(attributes, CKA_EXTRACTABLE, false))
        rv = p11d_template_set_boolean(attributes, CKA_NEVER_EXTRACTABLE, false);
    return rv;
}

static CK_RV derive_id(P11dTemplate *attributes, const P11dPublicKey *key)
{
    if (p11d_template_find(attributes, CKA_ID))
        return CKR_OK;
    uint8_t id[P11D_PUBLICKEY_ID_SIZE];
    p11d_publickey_id(key, id);
    return p11d_template_set(attributes, CKA_ID, id, sizeof id);
}

static CK_RV derive_from_info(P11dTemplate *attributes, P11dDerived *derived, P11dBytes info)
{
    P11dPublicKey key;
    if (!p11d_publickey_parse(&key, info.data, info.size))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (derived->key_type != CK_UNAVAILABLE_INFORMATION && key.type != CK_UNAVAILABLE_INFORMATION &&
        derived->key_type != key.type)
        return CKR_TEMPLATE_INCONSISTENT;
    if (key.type != CK_UNAVAILABLE_INFORMATION) {
        derived->key_type = key.type;
        derived->has_public_key = true;
    }
    derived->signature_size = key.signature_size;
    CK_RV rv = derive_id(attributes, &key);
    return rv == CKR_OK ? p11d_publickey_add_parts(&key, attributes) : rv;
}

static CK_RV derive_key_pair(P11dTemplate *attributes, P11dDerived *derived)
{
    P11dBuffer info;
    p11d_buffer_init(&info, (size_t)64 << 10);
    CK_RV rv = p11d_publickey_name_curve(attributes);
    if (rv != CKR_OK)
        return rv;
    const CK_ATTRIBUTE *sent = p11d_template_find(attributes, CKA_PUBLIC_KEY_INFO);
    /* Copied, because it is set again among the parts. */
    bool known = sent ? p11d_buffer_append(&info, sent->pValue, sent->ulValueLen)
                      : p11d_publickey_build(&info, attributes);
    if (known)
        rv = derive_from_info(attributes, derived, p11d_der(info.data, info.size));
    else if (info.no_memory)
        rv = CKR_HOST_MEMORY;
    else if (sent)
        rv = CKR_ATTRIBUTE_VALUE_INVALID;
    p11d_buffer_clear(&info);
    if (derived->signature_size == 0)
        derived->signature_size = p11d_publickey_signature_size(attributes);
    if (rv != CKR_OK || derived->has_public_key || derived->class_bit != P11D_CLASS_PUBLIC_KEY)
        return rv;
    /* A public key is nothing without the key. Types that nobody here can take apart must at least
     * be named. */
    bool should_be_known = derived->key_type == CKK_RSA || derived->key_type == CKK_EC ||
                           derived->key_type == CKK_EC_EDWARDS ||
                           derived->key_type == CKK_EC_MONTGOMERY;
    bool named = sent || derived->key_type != CK_UNAVAILABLE_INFORMATION;
    return should_be_known || !named ? CKR_TEMPLATE_INCOMPLETE : CKR_OK;
}

static CK_RV set_missing(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, P11dBytes value)
{
    if (p11d_template_find(templ, type))
        return CKR_OK;
    return p11d_template_set(templ, type, value.data, value.size);
}

static CK_RV derive_from_certificate(P11dTemplate *attributes, P11dBytes value)
{
    P11dCertificate certificate;
    if (!p11d_certificate_parse(&certificate, value.data, value.size))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    CK_RV rv = set_missing(attributes, CKA_SUBJECT, certificate.subject);
    if (rv == CKR_OK)
        rv = set_missing(attributes, CKA_ISSUER, certificate.issuer);
    if (rv == CKR_OK)
        rv = set_missing(attributes, CKA_SERIAL_NUMBER, certificate.serial_number);
    if (rv == CKR_OK)
        rv = set_missing(attributes, CKA_PUBLIC_KEY_INFO, certificate.public_key_info);
    return rv;
}

static CK_RV derive_certificate(P11dTemplate *attributes, P11dDerived *derived)
{
    const CK_ATTRIBUTE *value = p11d_template_find(attributes, CKA_VALUE);
    if (p11d_template_number(attributes, CKA_CERTIFICATE_TYPE, CKC_X_509) == CKC_X_509 && value &&
        value->ulValueLen > 0) {
        CK_RV rv = derive_from_certificate(attributes, p11d_der(value->pValue, value->ulValueLen));
        if (rv != CKR_OK)
            return rv;
    }
    const CK_ATTRIBUTE *info = p11d_template_find(attributes, CKA_PUBLIC_KEY_INFO);
    if (!info)
        return CKR_OK;
    P11dPublicKey key;
    if (!p11d_publickey_parse_frame(&key, info->pValue, info->ulValueLen))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    derived->key_type = key.type;
    return derive_id(attributes, &key);
}

CK_RV p11d_derivation_make(P11dTemplate *attributes, P11dDerived *derived)
{
    *derived = (P11dDerived){.key_type = CK_UNAVAILABLE_INFORMATION};
    const CK_ATTRIBUTE *class_sent = p11d_template_find(attributes, CKA_CLASS);
    if (!class_sent)
        return CKR_TEMPLATE_INCOMPLETE;
    derived->object_class = p11d_template_number(attributes, CKA_CLASS, 0);
    derived->class_bit = p11d_default_class(derived->object_class);
    derived->key_type = p11d_template_number(attributes, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    CK_RV rv = CKR_OK;
    if ((derived->class_bit & (P11D_CLASS_PUBLIC_KEY | P11D_CLASS_PRIVATE_KEY)) != 0)
        rv = derive_key_pair(attributes, derived);
    else if (derived->class_bit == P11D_CLASS_CERTIFICATE)
        rv = derive_certificate(attributes, derived);
    if (rv == CKR_OK &&
        (derived->class_bit & (P11D_CLASS_PRIVATE_KEY | P11D_CLASS_SECRET_KEY)) != 0)
        rv = derive_history(attributes);
    return rv;
}
