// SPDX-License-Identifier: MIT
#include "pubkey.h"

#include "certview.h"
#include "evpkey.h"
#include "holder.h"
#include "spki.h"
#include "sshkey.h"

P11dPubkey *p11d_pubkey_new(EVP_PKEY *key)
{
    if (!key)
        return NULL;
    P11dPubkey *pubkey = g_new0(P11dPubkey, 1);
    pubkey->key = key;
    pubkey->kind = "public key";
    pubkey->fingerprint = p11d_spki_sha256(key);
    return pubkey;
}

P11dPubkey *p11d_pubkey_of_certificate(const void *der, size_t size)
{
    const unsigned char *p = der;
    P11dPubkey *pubkey = p11d_pubkey_new(p11d_evpkey_certificate(der, size));
    if (!pubkey)
        return NULL;
    pubkey->kind = "certificate";
    pubkey->certificate = d2i_X509(NULL, &p, (long)size);
    if (pubkey->certificate)
        pubkey->name = p11d_holder_name(pubkey->certificate);
    g_free(pubkey->fingerprint);
    pubkey->fingerprint = p11d_certview_sha256(der, size);
    return pubkey;
}

P11dPubkey *p11d_pubkey_of_ssh(GBytes *blob, const char *comment)
{
    gsize size;
    const void *data = g_bytes_get_data(blob, &size);
    P11dPubkey *pubkey = p11d_pubkey_new(p11d_sshkey_parse(data, size));
    if (!pubkey)
        return NULL;
    pubkey->kind = "SSH key";
    pubkey->name = *comment ? g_utf8_make_valid(comment, -1) : NULL;
    g_free(pubkey->fingerprint);
    pubkey->fingerprint = p11d_sshkey_fingerprint(blob);
    return pubkey;
}

void p11d_pubkey_free(P11dPubkey *pubkey)
{
    if (!pubkey)
        return;
    EVP_PKEY_free(pubkey->key);
    X509_free(pubkey->certificate);
    g_free(pubkey->name);
    g_free(pubkey->fingerprint);
    g_free(pubkey);
}

static void free_element(gpointer element)
{
    p11d_pubkey_free(element);
}

GPtrArray *p11d_pubkey_array(void)
{
    return g_ptr_array_new_with_free_func(free_element);
}

guint p11d_pubkey_find(const GPtrArray *keys, const EVP_PKEY *key)
{
    for (guint i = 0; key && i < keys->len; i++) {
        const P11dPubkey *pubkey = keys->pdata[i];
        if (EVP_PKEY_eq(pubkey->key, key) == 1)
            return i + 1;
    }
    return 0;
}

/* "st", "nd", "rd" or "th" */
static const char *ending(guint number)
{
    static const char *const endings[] = {"th", "st", "nd", "rd"};
    guint digit = number / 10 % 10 == 1 ? 0 : number % 10;
    return endings[digit < G_N_ELEMENTS(endings) ? digit : 0];
}

char *p11d_pubkey_describe(const GPtrArray *keys, guint place)
{
    const P11dPubkey *pubkey = keys->pdata[place - 1];
    const char *print = pubkey->fingerprint ? pubkey->fingerprint : "";
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%u%s of %u: %s", place, ending(place), keys->len, pubkey->kind);
    if (pubkey->name)
        g_string_append_printf(text, " %s", pubkey->name);
    if (*print) /* SSH's says itself what it is */
        g_string_append_printf(text, ", %s%s",
                               g_str_has_prefix(print, "SHA256:") ? "" : "sha256:", print);
    return g_string_free(text, FALSE);
}

void p11d_pubkey_add_match(JsonBuilder *json, const GPtrArray *keys, guint place)
{
    if (place == 0) {
        p11d_json_add_null(json, "match");
        return;
    }
    const P11dPubkey *pubkey = keys->pdata[place - 1];
    json_builder_set_member_name(json, "match");
    json_builder_begin_object(json);
    p11d_json_add_string(json, "kind", pubkey->kind);
    p11d_json_add_number(json, "number", place);
    p11d_json_add_number(json, "count", keys->len);
    p11d_json_add_string(json, "name", pubkey->name);
    p11d_json_add_string(json, "fingerprint", pubkey->fingerprint);
    json_builder_end_object(json);
}
