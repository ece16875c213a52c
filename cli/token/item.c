// SPDX-License-Identifier: MIT
#include "item.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/obj_mac.h>

#include "certificate.h"
#include "certview.h"
#include "der.h"
#include "evpkey.h"
#include "failure.h"
#include "name.h"
#include "spki.h"
#include "sslcurve.h"
#include "text.h"

/* Nearly all values are smaller than this many bytes, and are read without asking for their size.
 */
#define ROOM 4096
/* Where all objects of a kind have what is asked of them, that is at most so much. */
#define AT_ONCE 6
/* No attribute that is asked for here is larger; a module that says so is broken. */
#define MAX_VALUE (1UL << 20)
/* Nor does any token hold more objects. */
#define MAX_OBJECTS (1U << 20)

static const CK_ATTRIBUTE_TYPE asked_of_all[] = {CKA_CLASS, CKA_LABEL, CKA_ID};
static const CK_ATTRIBUTE_TYPE asked_of_keys[] = {
    CKA_KEY_TYPE,        CKA_MODULUS,  CKA_PUBLIC_EXPONENT,
    CKA_EC_PARAMS,       CKA_EC_POINT, CKA_SIGN,
    CKA_DECRYPT,         CKA_DERIVE,   CKA_UNWRAP,
    CKA_VERIFY,          CKA_ENCRYPT,  CKA_WRAP,
    CKA_VALUE_LEN,       CKA_PRIVATE,  CKA_ALWAYS_AUTHENTICATE,
    CKA_PUBLIC_KEY_INFO,
};
static const CK_ATTRIBUTE_TYPE asked_of_data[] = {CKA_APPLICATION, CKA_VALUE};
static const CK_ATTRIBUTE_TYPE asked_of_certificates[] = {CKA_CERTIFICATE_TYPE, CKA_VALUE};
const CK_ATTRIBUTE_TYPE p11d_item_keeping[P11D_ITEM_KEEPING] = {
    CKA_SENSITIVE,         CKA_EXTRACTABLE, CKA_ALWAYS_SENSITIVE,
    CKA_NEVER_EXTRACTABLE, CKA_LOCAL,       CKA_MODIFIABLE,
};
/* What only who looks closer wants to know of others than private and secret keys. */
static const CK_ATTRIBUTE_TYPE more_of_public[] = {CKA_LOCAL, CKA_MODIFIABLE};
static const CK_ATTRIBUTE_TYPE more_of_certificates[] = {CKA_TRUSTED, CKA_MODIFIABLE};
static const CK_ATTRIBUTE_TYPE more_of_all[] = {CKA_MODIFIABLE};
static const CK_ATTRIBUTE_TYPE more_of_p11kits[] = {CKA_X_DISTRUSTED};

/* CKR_OK, or one of the two answers that only say that not all was there. */
static bool is_answer(CK_RV rv)
{
    return rv == CKR_OK || rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE;
}

static CK_RV ask(const P11dItem *item, CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    CK_FUNCTION_LIST *functions = item->token->functions;
    return functions->C_GetAttributeValue(item->token->session, item->handle, attributes, count);
}

/* Reads a value of any size. */
static CK_RV read_large(P11dItem *item, CK_ATTRIBUTE_TYPE type)
{
    CK_ATTRIBUTE attribute = {type, NULL, 0};
    CK_RV rv = ask(item, &attribute, 1);
    if (rv != CKR_OK || attribute.ulValueLen > MAX_VALUE)
        return is_answer(rv) ? CKR_OK : rv;
    g_autofree guint8 *value = g_malloc(attribute.ulValueLen + 1);
    attribute.pValue = value;
    CK_ULONG room = attribute.ulValueLen;
    rv = ask(item, &attribute, 1);
    if (rv != CKR_OK || attribute.ulValueLen > room)
        return is_answer(rv) ? CKR_OK : rv;
    return p11d_template_set(&item->attributes, type, value, attribute.ulValueLen);
}

static CK_RV read_one(P11dItem *item, CK_ATTRIBUTE_TYPE type)
{
    guint8 value[ROOM];
    CK_ATTRIBUTE attribute = {type, value, sizeof value};
    CK_RV rv = ask(item, &attribute, 1);
    if (rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && attribute.ulValueLen > sizeof value))
        return read_large(item, type);
    if (rv != CKR_OK)
        return is_answer(rv) ? CKR_OK : rv;
    return p11d_template_set(&item->attributes, type, value, attribute.ulValueLen);
}

/* Reads up to AT_ONCE attributes in one call. False, with nothing read, unless the module has all
 * of them and says so: modules differ in what they do with a list of which they do not know all. */
static bool read_at_once(P11dItem *item, const CK_ATTRIBUTE_TYPE *types, size_t count)
{
    guint8 values[AT_ONCE][ROOM];
    CK_ATTRIBUTE attributes[AT_ONCE];
    if (count > AT_ONCE)
        return false;
    for (size_t i = 0; i < count; i++)
        attributes[i] = (CK_ATTRIBUTE){types[i], values[i], ROOM};
    bool all = ask(item, attributes, count) == CKR_OK;
    for (size_t i = 0; all && i < count; i++)
        all = attributes[i].ulValueLen <= ROOM;
    for (size_t i = 0; all && i < count; i++)
        all = p11d_template_set(&item->attributes, types[i], values[i], attributes[i].ulValueLen) ==
              CKR_OK;
    return all;
}

static CK_RV read_attributes(P11dItem *item, const CK_ATTRIBUTE_TYPE *types, size_t count)
{
    if (read_at_once(item, types, count))
        return CKR_OK;
    CK_RV rv = CKR_OK;
    for (size_t i = 0; rv == CKR_OK && i < count; i++)
        rv = read_one(item, types[i]);
    return rv;
}

/* p11-kit's own attribute is asked of its own tokens alone: nobody else has it. */
static bool is_of_p11kit(const P11dItem *item)
{
    const CK_TOKEN_INFO *info = &item->token->info;
    g_autofree char *maker = p11d_text_of_field(info->manufacturerID, sizeof info->manufacturerID);
    return strcmp(maker, "PKCS#11 Kit") == 0;
}

gboolean p11d_item_look_closer(P11dItem *item, GError **error)
{
    CK_RV rv;
    if (item->token->away)
        return item->token->away->look_closer(item, error);
    if (item->class == CKO_PRIVATE_KEY || item->class == CKO_SECRET_KEY)
        rv = read_attributes(item, p11d_item_keeping, P11D_ITEM_KEEPING);
    else if (item->class == CKO_PUBLIC_KEY)
        rv = read_attributes(item, more_of_public, G_N_ELEMENTS(more_of_public));
    else if (item->class == CKO_CERTIFICATE)
        rv = read_attributes(item, more_of_certificates, G_N_ELEMENTS(more_of_certificates));
    else
        rv = read_attributes(item, more_of_all, G_N_ELEMENTS(more_of_all));
    if (rv == CKR_OK && item->class == CKO_CERTIFICATE && is_of_p11kit(item))
        rv = read_attributes(item, more_of_p11kits, G_N_ELEMENTS(more_of_p11kits));
    if (rv == CKR_OK || rv == CKR_OBJECT_HANDLE_INVALID) /* gone in the meantime */
        return TRUE;
    g_autofree char *uri = p11d_item_uri(item);
    p11d_failure_set_ckr(error, rv, "cannot read the attributes of %s", uri);
    return FALSE;
}

static void item_free(gpointer data)
{
    P11dItem *item = data;
    p11d_template_clear(&item->attributes);
    g_free(item);
}

GPtrArray *p11d_item_array(void)
{
    return g_ptr_array_new_with_free_func(item_free);
}

static bool is_key(CK_OBJECT_CLASS class)
{
    return class == CKO_PRIVATE_KEY || class == CKO_PUBLIC_KEY || class == CKO_SECRET_KEY;
}

/* Reads the object with that handle. *item is NULL if it is gone in the meantime. */
static CK_RV read_item(P11dHostToken *token, CK_OBJECT_HANDLE handle, P11dItem **item)
{
    P11dItem *made = g_new0(P11dItem, 1);
    p11d_template_init(&made->attributes);
    made->token = token;
    made->handle = handle;
    CK_RV rv = read_attributes(made, asked_of_all, G_N_ELEMENTS(asked_of_all));
    made->class = p11d_template_number(&made->attributes, CKA_CLASS, CK_UNAVAILABLE_INFORMATION);
    if (rv == CKR_OK && is_key(made->class))
        rv = read_attributes(made, asked_of_keys, G_N_ELEMENTS(asked_of_keys));
    else if (rv == CKR_OK && made->class == CKO_DATA)
        rv = read_attributes(made, asked_of_data, G_N_ELEMENTS(asked_of_data));
    else if (rv == CKR_OK && made->class == CKO_CERTIFICATE)
        rv = read_attributes(made, asked_of_certificates, G_N_ELEMENTS(asked_of_certificates));
    if (rv != CKR_OK) {
        item_free(made);
        made = NULL;
    }
    *item = made;
    return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_OK : rv;
}

static bool has(const P11dItem *item, const CK_ATTRIBUTE *wanted)
{
    const CK_ATTRIBUTE *found = p11d_template_find(&item->attributes, wanted->type);
    /* No label at all is the empty label. */
    CK_ULONG size = found ? found->ulValueLen : 0;
    return size == wanted->ulValueLen &&
           (size == 0 || memcmp(found->pValue, wanted->pValue, size) == 0);
}

static CK_RV find_handles(P11dHostToken *token, const CK_ATTRIBUTE *attributes, CK_ULONG count,
                          GArray *handles)
{
    CK_FUNCTION_LIST *functions = token->functions;
    CK_RV rv = functions->C_FindObjectsInit(token->session, (CK_ATTRIBUTE *)attributes, count);
    if (rv != CKR_OK)
        return rv;
    CK_OBJECT_HANDLE some[256];
    CK_ULONG found = 0;
    do {
        rv = functions->C_FindObjects(token->session, some, G_N_ELEMENTS(some), &found);
        if (rv == CKR_OK && (found > G_N_ELEMENTS(some) || handles->len > MAX_OBJECTS))
            rv = CKR_GENERAL_ERROR;
        if (rv == CKR_OK)
            g_array_append_vals(handles, some, (guint)found);
    } while (rv == CKR_OK && found > 0);
    CK_RV final = functions->C_FindObjectsFinal(token->session);
    return rv == CKR_OK ? final : rv;
}

gboolean p11d_item_find(P11dHostToken *token, const CK_ATTRIBUTE *attributes, CK_ULONG count,
                        GPtrArray *items, GError **error)
{
    if (token->away)
        return token->away->find(token, attributes, count, items, error);
    g_autoptr(GArray) handles = g_array_new(FALSE, FALSE, sizeof(CK_OBJECT_HANDLE));
    CK_RV rv = find_handles(token, attributes, count, handles);
    for (guint i = 0; rv == CKR_OK && i < handles->len; i++) {
        P11dItem *item;
        rv = read_item(token, g_array_index(handles, CK_OBJECT_HANDLE, i), &item);
        bool matches = item != NULL;
        for (CK_ULONG j = 0; matches && j < count; j++)
            matches = has(item, &attributes[j]);
        if (matches)
            g_ptr_array_add(items, item);
        else if (item)
            item_free(item);
    }
    if (rv == CKR_OK)
        return TRUE;
    g_autofree char *label = p11d_host_label(token);
    p11d_failure_set_ckr(error, rv, "cannot search token \"%s\"", label);
    return FALSE;
}

char *p11d_item_label(const P11dItem *item)
{
    const CK_ATTRIBUTE *label = p11d_template_find(&item->attributes, CKA_LABEL);
    return label && label->ulValueLen > 0
               ? g_utf8_make_valid(label->pValue, (gssize)label->ulValueLen)
               : g_strdup("");
}

char *p11d_item_id(const P11dItem *item)
{
    const CK_ATTRIBUTE *id = p11d_template_find(&item->attributes, CKA_ID);
    return p11d_text_hex(id ? id->pValue : NULL, id ? id->ulValueLen : 0);
}

int p11d_item_compare(const P11dItem *a, const P11dItem *b, CK_ATTRIBUTE_TYPE type)
{
    const CK_ATTRIBUTE *first = p11d_template_find(&a->attributes, type);
    const CK_ATTRIBUTE *second = p11d_template_find(&b->attributes, type);
    CK_ULONG first_size = first ? first->ulValueLen : 0;
    CK_ULONG second_size = second ? second->ulValueLen : 0;
    CK_ULONG common = MIN(first_size, second_size);
    int order = common > 0 ? memcmp(first->pValue, second->pValue, common) : 0;
    return order != 0 ? order : (first_size > second_size) - (first_size < second_size);
}

/* The text of uri, which is freed. */
static char *take_uri(P11KitUri *uri)
{
    char *text = NULL;
    char *copy = NULL;
    if (p11_kit_uri_format(uri, P11_KIT_URI_FOR_OBJECT_ON_TOKEN, &text) == P11_KIT_URI_OK)
        copy = g_strdup(text);
    free(text);
    p11_kit_uri_free(uri);
    return copy ? copy : g_strdup("pkcs11:");
}

/* Puts an attribute of item into uri, unless it is empty. */
static bool add_to_uri(P11KitUri *uri, const P11dItem *item, CK_ATTRIBUTE_TYPE type)
{
    const CK_ATTRIBUTE *found = p11d_template_find(&item->attributes, type);
    return found && found->ulValueLen > 0 &&
           p11_kit_uri_set_attribute(uri, (CK_ATTRIBUTE *)found) == P11_KIT_URI_OK;
}

char *p11d_item_uri(const P11dItem *item)
{
    P11KitUri *uri = p11_kit_uri_new();
    *p11_kit_uri_get_token_info(uri) = item->token->info;
    for (size_t i = 0; i < G_N_ELEMENTS(asked_of_all); i++)
        add_to_uri(uri, item, asked_of_all[i]);
    return take_uri(uri);
}

/* The URI of token by its label. */
static P11KitUri *start_short_token_uri(const P11dHostToken *token, bool with_serial)
{
    P11KitUri *uri = p11_kit_uri_new();
    CK_TOKEN_INFO *info = p11_kit_uri_get_token_info(uri);
    memcpy(info->label, token->info.label, sizeof info->label);
    if (with_serial)
        memcpy(info->serialNumber, token->info.serialNumber, sizeof info->serialNumber);
    return uri;
}

/* The URI of item by its token's label and its own, or its id. */
static P11KitUri *start_short_uri(const P11dItem *item, bool with_serial, bool with_id)
{
    P11KitUri *uri = start_short_token_uri(item->token, with_serial);
    if (!add_to_uri(uri, item, CKA_LABEL) || with_id)
        add_to_uri(uri, item, CKA_ID);
    return uri;
}

char *p11d_item_short_uri(const P11dItem *item, bool with_serial, bool with_id)
{
    P11KitUri *uri = start_short_uri(item, with_serial, with_id);
    add_to_uri(uri, item, CKA_CLASS);
    return take_uri(uri);
}

char *p11d_item_key_uri(const P11dItem *item, bool with_serial, bool with_id)
{
    return take_uri(start_short_uri(item, with_serial, with_id));
}

char *p11d_item_token_uri(const P11dHostToken *token)
{
    P11KitUri *uri = p11_kit_uri_new();
    *p11_kit_uri_get_token_info(uri) = token->info;
    return take_uri(uri);
}

char *p11d_item_short_token_uri(const P11dHostToken *token, bool with_serial)
{
    g_autofree char *label = p11d_host_label(token);
    return *label ? take_uri(start_short_token_uri(token, with_serial))
                  : p11d_item_token_uri(token);
}

/* The bits of a big-endian number; leading zeros are no part of it. */
static unsigned bits_of(const CK_ATTRIBUTE *attribute)
{
    P11dBytes number = p11d_der_without_zeros(p11d_der(attribute->pValue, attribute->ulValueLen));
    return number.size > 0 ? 8 * ((unsigned)number.size - 1) + g_bit_storage(*number.data) : 0;
}

P11dAlgorithmKey p11d_item_describe(const P11dItem *item)
{
    P11dAlgorithmKey key = {.type = CK_UNAVAILABLE_INFORMATION};
    const CK_ATTRIBUTE *value = p11d_template_find(&item->attributes, CKA_VALUE);
    if (item->class == CKO_CERTIFICATE && value)
        return p11d_certview_describe_key(value->pValue, value->ulValueLen);
    if (!is_key(item->class))
        return key;
    key.type = p11d_template_number(&item->attributes, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    const CK_ATTRIBUTE *info = p11d_template_find(&item->attributes, CKA_PUBLIC_KEY_INFO);
    P11dAlgorithmKey said = {.type = CK_UNAVAILABLE_INFORMATION};
    if (info)
        said = p11d_spki_describe(info->pValue, info->ulValueLen);
    const CK_ATTRIBUTE *modulus = p11d_template_find(&item->attributes, CKA_MODULUS);
    const CK_ATTRIBUTE *params = p11d_template_find(&item->attributes, CKA_EC_PARAMS);
    if (modulus && modulus->ulValueLen > 0) {
        key.bits = bits_of(modulus);
        if (said.type == key.type) {
            key.pss = said.pss;
            key.problem = said.problem;
        }
    } else if (params && params->ulValueLen > 0) {
        p11d_sslcurve_describe_params(params->pValue, params->ulValueLen, &key);
    } else if (said.type == key.type) {
        return said;
    } else {
        key.bits = 8 * (unsigned)p11d_template_number(&item->attributes, CKA_VALUE_LEN, 0);
    }
    return key;
}

char *p11d_item_kind(const P11dItem *item)
{
    P11dAlgorithmKey kind = p11d_item_describe(item);
    if (kind.curve)
        return g_strdup(kind.curve);
    if (kind.type == CK_UNAVAILABLE_INFORMATION)
        return g_strdup("");
    char scratch[P11D_NAME_SIZE];
    const char *type = p11d_name_of(&p11d_names_key_type, kind.type, scratch);
    g_autofree char *name = kind.type == CKK_RSA ? g_ascii_strup(type, -1) : g_strdup(type);
    return kind.bits ? g_strdup_printf("%s %u", name, kind.bits) : g_steal_pointer(&name);
}

EVP_PKEY *p11d_item_public_key(const P11dItem *item)
{
    const P11dTemplate *attributes = &item->attributes;
    const CK_ATTRIBUTE *value = p11d_template_find(attributes, CKA_VALUE);
    if (item->class == CKO_CERTIFICATE)
        return value ? p11d_evpkey_certificate(value->pValue, value->ulValueLen) : NULL;

    const CK_ATTRIBUTE *info = p11d_template_find(attributes, CKA_PUBLIC_KEY_INFO);
    EVP_PKEY *key = info ? p11d_evpkey_spki(info->pValue, info->ulValueLen) : NULL;
    if (key)
        return key;
    const CK_ATTRIBUTE *modulus = p11d_template_find(attributes, CKA_MODULUS);
    const CK_ATTRIBUTE *exponent = p11d_template_find(attributes, CKA_PUBLIC_EXPONENT);
    if (modulus && exponent)
        return p11d_evpkey_rsa(modulus->pValue, modulus->ulValueLen, exponent->pValue,
                               exponent->ulValueLen);
    const CK_ATTRIBUTE *point = p11d_template_find(attributes, CKA_EC_POINT);
    P11dSslCurve curve;
    const CK_ATTRIBUTE *params = p11d_template_find(attributes, CKA_EC_PARAMS);
    if (!point || !params || !p11d_sslcurve_parse(&curve, params->pValue, params->ulValueLen))
        return NULL;
    return curve.type == CKK_EC_EDWARDS
               ? p11d_evpkey_edwards(curve.group, point->pValue, point->ulValueLen)
               : p11d_evpkey_ec(curve.group, point->pValue, point->ulValueLen);
}

/* The SubjectPublicKeyInfo that stands in item as it is; without data if none does. */
static P11dBytes own_spki(const P11dItem *item)
{
    const CK_ATTRIBUTE *value = p11d_template_find(&item->attributes, CKA_VALUE);
    P11dCertificate certificate;
    if (item->class == CKO_CERTIFICATE)
        return value && p11d_certificate_parse(&certificate, value->pValue, value->ulValueLen)
                   ? certificate.public_key_info
                   : p11d_der(NULL, 0);
    const CK_ATTRIBUTE *info = p11d_template_find(&item->attributes, CKA_PUBLIC_KEY_INFO);
    bool is_one = info && p11d_spki_describe(info->pValue, info->ulValueLen).type !=
                              CK_UNAVAILABLE_INFORMATION;
    return is_one ? p11d_der(info->pValue, info->ulValueLen) : p11d_der(NULL, 0);
}

char *p11d_item_public_key_sha256(const P11dItem *item)
{
    P11dBytes spki = own_spki(item);
    if (spki.data)
        return p11d_certview_sha256(spki.data, spki.size);
    EVP_PKEY *key = p11d_item_public_key(item);
    char *sha256 = key ? p11d_spki_sha256(key) : NULL;
    EVP_PKEY_free(key);
    return sha256;
}
