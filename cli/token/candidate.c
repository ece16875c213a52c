// SPDX-License-Identifier: MIT
#include "candidate.h"

#include <string.h>

#include "certname.h"
#include "certview.h"
#include "nearest.h"
#include "text.h"

static char *describe_certificate(const P11dItem *item)
{
    const CK_ATTRIBUTE *value = p11d_template_find(&item->attributes, CKA_VALUE);
    P11dCertview view;
    if (!value || !p11d_certview_parse(&view, value->pValue, value->ulValueLen))
        return g_strdup("no X.509 certificate");
    g_autofree char *end = p11d_moment_text(view.not_after);
    g_autofree char *fingerprint = p11d_certname_fingerprint(item);
    g_autofree char *subject = p11d_text_visible(view.subject, -1);
    char *text = g_strdup_printf("%s, serial number %s, until %s, %s", subject, view.serial,
                                 *end ? end : "an unknown time", fingerprint);
    p11d_certview_clear(&view);
    return text;
}

char *p11d_candidate_describe(const P11dItem *item)
{
    if (item->class == CKO_CERTIFICATE)
        return describe_certificate(item);
    g_autofree char *kind = p11d_item_kind(item);
    const char *shown = *kind ? kind : "of unknown kind";
    g_autofree char *sha256 = p11d_item_public_key_sha256(item);
    if (!sha256)
        return g_strdup(shown);
    return g_strdup_printf("%s, its public key sha256:%s", shown, sha256);
}

static void count(GHashTable *counts, char *uri)
{
    guint number = GPOINTER_TO_UINT(g_hash_table_lookup(counts, uri));
    g_hash_table_insert(counts, uri, GUINT_TO_POINTER(number + 1));
}

/* The URI of item with its slot, which tells tokens apart that say the same of themselves. */
static char *slot_uri(const P11dItem *item)
{
    g_autofree char *uri = p11d_item_uri(item);
    return g_strdup_printf("%s;slot-id=%lu", uri, item->token->slot);
}

GPtrArray *p11d_candidate_list(const GPtrArray *items, const char **advice)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    *advice = NULL;
    for (guint i = 0; i < items->len; i++) {
        count(counts, p11d_item_uri(items->pdata[i]));
        count(counts, slot_uri(items->pdata[i]));
    }
    for (guint i = 0; i < items->len; i++) {
        const P11dItem *item = items->pdata[i];
        g_autofree char *uri = p11d_item_uri(item);
        g_autofree char *exact = slot_uri(item);
        guint on_all = GPOINTER_TO_UINT(g_hash_table_lookup(counts, uri));
        guint on_token = GPOINTER_TO_UINT(g_hash_table_lookup(counts, exact));
        const char *shown = on_all == on_token ? uri : exact;
        if (on_token == 1) {
            g_ptr_array_add(list, g_strdup(shown));
            continue;
        }
        g_autofree char *details = p11d_candidate_describe(item);
        g_ptr_array_add(list, g_strdup_printf("%s\n        %s", shown, details));
        *advice = item->class == CKO_CERTIFICATE
                      ? "the token holds several by one URI; --cert sha256:HEX chooses one"
                      : "the token holds several by one URI, and no URI can choose one: give one "
                        "of them another label or id there";
    }
    return list;
}

/* NULL-terminated; the names themselves stay with those who own them. */
static char *hint(const char *word, GPtrArray *names, const char *before, const char *otherwise)
{
    g_ptr_array_add(names, NULL);
    return p11d_nearest_hint(word, (const char *const *)names->pdata, before, "\"", otherwise);
}

char *p11d_candidate_near_label(const CK_ATTRIBUTE *label, const GPtrArray *tokens,
                                const char *otherwise)
{
    g_autoptr(GPtrArray) labels = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *word = g_strndup(label->pValue, label->ulValueLen);
    bool is_there = false; /* and what else was asked for is not */
    for (guint i = 0; i < tokens->len; i++) {
        P11dHostToken *token = tokens->pdata[i];
        g_autoptr(GPtrArray) items = p11d_item_array();
        if ((token->info.flags & CKF_TOKEN_INITIALIZED) && p11d_host_session(token, NULL))
            p11d_item_find(token, NULL, 0, items, NULL);
        for (guint j = 0; j < items->len; j++) {
            char *one = p11d_item_label(items->pdata[j]);
            is_there = is_there || strcmp(one, word) == 0;
            g_ptr_array_add(labels, one);
        }
    }
    return is_there ? g_strdup(otherwise ? otherwise : "") : hint(word, labels, "\"", otherwise);
}

char *p11d_candidate_near_token(const CK_TOKEN_INFO *wanted, const P11dHost *host,
                                const char *otherwise)
{
    g_autoptr(GPtrArray) labels = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < host->tokens->len; i++)
        g_ptr_array_add(labels, p11d_host_label(host->tokens->pdata[i]));
    g_autofree char *word = p11d_text_of_field(wanted->label, sizeof wanted->label);
    return hint(word, labels, "token \"", otherwise);
}
