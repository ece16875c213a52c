// SPDX-License-Identifier: MIT
#include "derivation.h"

#include "certificate.h"
#include "publickey.h"

/* A key that is not sensitive now was not always so, whatever the default of the other is. */
static CK_RV derive_history(P11dObject *object)
{
    P11dTemplate *attributes = &object->attributes;
    CK_RV rv = CKR_OK;
    if (!p11d_template_boolean(attributes, CKA_SENSITIVE, true))
        rv = p11d_template_set_boolean(attributes, CKA_ALWAYS_SENSITIVE, false);
    if (rv == CKR_OK && p11d_template_boolean(attributes, CKA_EXTRACTABLE, false))
        rv = p11d_template_set_boolean(attributes, CKA_NEVER_EXTRACTABLE, false);
    return rv;
}

static CK_RV derive_id(P11dObject *object, const P11dPublicKey *key)
{
    if (p11d_template_find(&object->attributes, CKA_ID) != NULL)
        return CKR_OK;
    uint8_t id[P11D_PUBLICKEY_ID_SIZE];
    p11d_publickey_id(key, id);
    return p11d_template_set(&object->attributes, CKA_ID, id, sizeof(id));
}

static CK_RV derive_from_info(P11dObject *object, P11dDer info)
{
    P11dPublicKey key;
    if (!p11d_publickey_parse(&key, info.data, info.size))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (object->key_type != CK_UNAVAILABLE_INFORMATION && key.type != CK_UNAVAILABLE_INFORMATION &&
        object->key_type != key.type)
        return CKR_TEMPLATE_INCONSISTENT;
    if (key.type != CK_UNAVAILABLE_INFORMATION) {
        object->key_type = key.type;
        object->has_public_key = true;
    }
    object->signature_size = key.signature_size;
    CK_RV rv = derive_id(object, &key);
    return rv == CKR_OK ? p11d_publickey_add_parts(&key, &object->attributes) : rv;
}

static CK_RV derive_key_pair(P11dObject *object)
{
    P11dTemplate *attributes = &object->attributes;
    P11dBuffer info;
    p11d_buffer_init(&info, (size_t)64 << 10);
    CK_RV rv = p11d_publickey_name_curve(attributes);
    if (rv != CKR_OK)
        return rv;
    const CK_ATTRIBUTE *sent = p11d_template_find(attributes, CKA_PUBLIC_KEY_INFO);
    /* Copied, because it is set again among the parts. */
    bool known = sent != NULL ? p11d_buffer_append(&info, sent->pValue, sent->ulValueLen)
                              : p11d_publickey_build(&info, attributes);
    if (known)
        rv = derive_from_info(object, p11d_der(info.data, info.size));
    else if (info.no_memory)
        rv = CKR_HOST_MEMORY;
    else if (sent != NULL)
        rv = CKR_ATTRIBUTE_VALUE_INVALID;
    p11d_buffer_clear(&info);
    if (object->signature_size == 0)
        object->signature_size = p11d_publickey_signature_size(attributes);
    if (rv != CKR_OK || object->has_public_key || object->class_bit != P11D_CLASS_PUBLIC_KEY)
        return rv;
    /* A public key is nothing without the key. Types that nobody here can take apart must at least
     * be named. */
    bool should_be_known = object->key_type == CKK_RSA || object->key_type == CKK_EC ||
                           object->key_type == CKK_EC_EDWARDS ||
                           object->key_type == CKK_EC_MONTGOMERY;
    bool named = sent != NULL || object->key_type != CK_UNAVAILABLE_INFORMATION;
    return should_be_known || !named ? CKR_TEMPLATE_INCOMPLETE : CKR_OK;
}

static CK_RV set_missing(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, P11dDer value)
{
    if (p11d_template_find(templ, type) != NULL)
        return CKR_OK;
    return p11d_template_set(templ, type, value.data, value.size);
}

static CK_RV derive_from_certificate(P11dObject *object, P11dDer value)
{
    P11dTemplate *attributes = &object->attributes;
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

static CK_RV derive_certificate(P11dObject *object)
{
    P11dTemplate *attributes = &object->attributes;
    const CK_ATTRIBUTE *value = p11d_template_find(attributes, CKA_VALUE);
    if (p11d_template_number(attributes, CKA_CERTIFICATE_TYPE, CKC_X_509) == CKC_X_509 &&
        value != NULL && value->ulValueLen > 0) {
        CK_RV rv = derive_from_certificate(object, p11d_der(value->pValue, value->ulValueLen));
        if (rv != CKR_OK)
            return rv;
    }
    const CK_ATTRIBUTE *info = p11d_template_find(attributes, CKA_PUBLIC_KEY_INFO);
    if (info == NULL)
        return CKR_OK;
    P11dPublicKey key;
    if (!p11d_publickey_parse_frame(&key, info->pValue, info->ulValueLen))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    object->key_type = key.type;
    return derive_id(object, &key);
}

CK_RV p11d_derivation_make(P11dObject *object)
{
    const CK_ATTRIBUTE *class_sent = p11d_template_find(&object->attributes, CKA_CLASS);
    if (class_sent == NULL)
        return CKR_TEMPLATE_INCOMPLETE;
    object->object_class = p11d_template_number(&object->attributes, CKA_CLASS, 0);
    object->class_bit = p11d_default_class(object->object_class);
    object->key_type =
        p11d_template_number(&object->attributes, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    CK_RV rv = CKR_OK;
    if ((object->class_bit & (P11D_CLASS_PUBLIC_KEY | P11D_CLASS_PRIVATE_KEY)) != 0)
        rv = derive_key_pair(object);
    else if (object->class_bit == P11D_CLASS_CERTIFICATE)
        rv = derive_certificate(object);
    if (rv == CKR_OK && (object->class_bit & (P11D_CLASS_PRIVATE_KEY | P11D_CLASS_SECRET_KEY)) != 0)
        rv = derive_history(object);
    return rv;
}
