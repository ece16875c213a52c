// SPDX-License-Identifier: MIT
#include "document.h"

#include "attribute.h"
#include "certdetail.h"
#include "certview.h"
#include "console.h"
#include "json.h"
#include "listing.h"
#include "mechanism.h"
#include "text.h"

/* Consumes value. */
static void add_text(JsonBuilder *json, const char *name, char *value)
{
    p11d_json_add_string(json, name, value);
    g_free(value);
}

/* Consumes names. */
static void add_names(JsonBuilder *json, const char *name, const char **names)
{
    p11d_json_add_array(json, name);
    for (const char **one = names; *one; one++)
        json_builder_add_string_value(json, *one);
    json_builder_end_array(json);
    g_free(names);
}

/* NULL where the certificate does not say it. */
static void add_list(JsonBuilder *json, const char *name, const char *const *list)
{
    if (!list) {
        p11d_json_add_null(json, name);
        return;
    }
    p11d_json_add_array(json, name);
    for (; *list; list++)
        json_builder_add_string_value(json, *list);
    json_builder_end_array(json);
}

/* What only a certificate that is one to its end tells: null each for another. */
static void add_detail(JsonBuilder *json, const CK_ATTRIBUTE *value)
{
    g_auto(P11dCertdetail) detail = {0};
    bool known = p11d_certdetail_parse(&detail, value->pValue, value->ulValueLen);
    p11d_json_add_string(json, "signature_algorithm", detail.signature_algorithm);
    p11d_json_add_string(json, "signature_hash", detail.signature_hash);
    add_list(json, "names", (const char *const *)detail.names);
    if (known)
        p11d_json_add_boolean(json, "ca", detail.is_authority);
    else
        p11d_json_add_null(json, "ca");
    add_list(json, "key_usage", detail.key_usage);
    add_list(json, "extended_key_usage", (const char *const *)detail.extended_key_usage);
}

static void add_certificate(JsonBuilder *json, const P11dItem *item)
{
    const CK_ATTRIBUTE *value = p11d_template_find(&item->attributes, CKA_VALUE);
    P11dCertview view;
    if (!value || !p11d_certview_parse(&view, value->pValue, value->ulValueLen)) {
        p11d_json_add_null(json, "certificate");
        return;
    }
    json_builder_set_member_name(json, "certificate");
    json_builder_begin_object(json);
    p11d_json_add_string(json, "subject", view.subject);
    p11d_json_add_string(json, "issuer", view.issuer);
    p11d_json_add_string(json, "serial", view.serial);
    add_text(json, "not_before", p11d_moment_text(view.not_before));
    add_text(json, "not_after", p11d_moment_text(view.not_after));
    add_detail(json, value);
    p11d_json_add_string(json, "trust", p11d_listing_trust(item));
    add_text(json, "sha256", p11d_certview_sha256(value->pValue, value->ulValueLen));
    add_text(json, "pem", p11d_certview_pem(value->pValue, value->ulValueLen));
    json_builder_end_object(json);
    p11d_certview_clear(&view);
}

/* How the object is kept; null for what its token does not say of it. */
static void add_keeping(JsonBuilder *json, const P11dItem *item)
{
    for (size_t i = 0; i < P11D_ITEM_KEEPING; i++) {
        CK_ATTRIBUTE_TYPE type = p11d_item_keeping[i];
        g_autofree char *name = g_strdup(p11d_attribute_find(type)->name);
        g_strdelimit(name, "-", '_');
        if (p11d_template_find(&item->attributes, type))
            p11d_json_add_boolean(json, name,
                                  p11d_template_boolean(&item->attributes, type, false));
        else
            p11d_json_add_null(json, name);
    }
}

static void add_item(JsonBuilder *json, const P11dListingToken *entry, const P11dItem *item)
{
    char scratch[P11D_NAME_SIZE];
    P11dAlgorithmKey kind = p11d_item_describe(item);
    bool known = kind.type != CK_UNAVAILABLE_INFORMATION;

    json_builder_begin_object(json);
    add_text(json, "uri", p11d_item_uri(item));
    p11d_json_add_string(json, "class", p11d_name_of(&p11d_names_class, item->class, scratch));
    add_text(json, "label", p11d_item_label(item));
    add_text(json, "id", p11d_item_id(item));
    p11d_json_add_string(json, "key_type",
                         known ? p11d_name_of(&p11d_names_key_type, kind.type, scratch) : NULL);
    if (kind.bits > 0)
        p11d_json_add_number(json, "bits", kind.bits);
    else
        p11d_json_add_null(json, "bits");
    p11d_json_add_string(json, "curve", kind.curve);
    add_names(json, "can", p11d_listing_uses(item));
    p11d_json_add_boolean(json, "always_authenticate",
                          p11d_template_boolean(&item->attributes, CKA_ALWAYS_AUTHENTICATE, false));
    add_keeping(json, item);
    p11d_json_add_string(json, "public_key_sha256", p11d_listing_print(entry, item));
    add_certificate(json, item);
    json_builder_end_object(json);
}

static void add_mechanism(JsonBuilder *json, const P11dHostMechanism *mechanism)
{
    char scratch[P11D_NAME_SIZE];
    json_builder_begin_object(json);
    p11d_json_add_string(json, "name", p11d_mechanism_name(mechanism->type, scratch));
    p11d_json_add_number(json, "min", (gint64)mechanism->info.ulMinKeySize);
    p11d_json_add_number(json, "max", (gint64)mechanism->info.ulMaxKeySize);
    add_names(json, "flags", p11d_listing_flags(&p11d_names_mechanism_flag, mechanism->info.flags));
    json_builder_end_object(json);
}

static void add_token(JsonBuilder *json, const P11dListingToken *entry)
{
    const CK_TOKEN_INFO *info = &entry->token->info;
    json_builder_begin_object(json);
    add_text(json, "uri", p11d_item_token_uri(entry->token));
    p11d_json_add_string(json, "module", entry->token->module);
    add_text(json, "label", p11d_host_label(entry->token));
    add_text(json, "serial", p11d_text_of_field(info->serialNumber, sizeof info->serialNumber));
    add_text(json, "manufacturer",
             p11d_text_of_field(info->manufacturerID, sizeof info->manufacturerID));
    add_text(json, "model", p11d_text_of_field(info->model, sizeof info->model));
    add_names(json, "flags", p11d_listing_flags(&p11d_names_token_flag, info->flags));
    if (entry->hidden_keys >= 0)
        p11d_json_add_number(json, "hidden_keys", entry->hidden_keys);
    else
        p11d_json_add_null(json, "hidden_keys");
    p11d_json_add_array(json, "objects");
    for (guint i = 0; i < entry->items->len; i++)
        add_item(json, entry, entry->items->pdata[i]);
    json_builder_end_array(json);
    if (entry->mechanisms) {
        p11d_json_add_array(json, "mechanisms");
        for (guint i = 0; i < entry->mechanisms->len; i++)
            add_mechanism(json, &g_array_index(entry->mechanisms, P11dHostMechanism, i));
        json_builder_end_array(json);
    }
    json_builder_end_object(json);
}

void p11d_document_add_failures(JsonBuilder *json, const GPtrArray *failures)
{
    p11d_json_add_array(json, "errors");
    for (guint i = 0; i < failures->len; i++)
        json_builder_add_value(json, p11d_console_json_of_error(failures->pdata[i]));
    json_builder_end_array(json);
}

JsonNode *p11d_document_of_listing(const GPtrArray *listing, const GPtrArray *failures)
{
    g_autoptr(JsonBuilder) json = p11d_json_begin();
    p11d_json_add_array(json, "tokens");
    for (guint i = 0; i < listing->len; i++)
        add_token(json, listing->pdata[i]);
    json_builder_end_array(json);
    p11d_document_add_failures(json, failures);
    return p11d_json_end(json);
}
