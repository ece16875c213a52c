// SPDX-License-Identifier: MIT
#include "counterpart.h"

#include "evpkey.h"
#include "failure.h"

/* What tells the public half of a key, the most telling first. */
static const CK_OBJECT_CLASS classes[] = {CKO_PUBLIC_KEY, CKO_CERTIFICATE};

/* Adds the objects of that class with the CKA_ID of key to items. */
static gboolean find(const P11dItem *key, CK_OBJECT_CLASS class, GPtrArray *items, GError **error)
{
    const CK_ATTRIBUTE *id = p11d_template_find(&key->attributes, CKA_ID);
    if (!id || id->ulValueLen == 0)
        return TRUE;
    CK_ATTRIBUTE wanted[] = {*id, {CKA_CLASS, &class, sizeof class}};
    return p11d_item_find(key->token, wanted, G_N_ELEMENTS(wanted), items, error);
}

gboolean p11d_counterpart_certificates(const P11dItem *key, GPtrArray *items, GError **error)
{
    return find(key, CKO_CERTIFICATE, items, error);
}

/* Keeps those of items that have the same label as key, if any has. */
static void keep_namesakes(const P11dItem *key, GPtrArray *items)
{
    g_autoptr(GPtrArray) others = g_ptr_array_new();
    for (guint i = 0; i < items->len; i++)
        if (p11d_item_compare(items->pdata[i], key, CKA_LABEL) != 0)
            g_ptr_array_add(others, items->pdata[i]);
    for (guint i = 0; others->len < items->len && i < others->len; i++)
        g_ptr_array_remove(items, others->pdata[i]);
}

/* The one public key in items that key can belong to. *several: whether there are others. */
static EVP_PKEY *agree(const P11dItem *key, const GPtrArray *items, bool *several)
{
    P11dAlgorithmKey kind = p11d_item_describe(key);
    EVP_PKEY *agreed = NULL;
    *several = false;
    for (guint i = 0; !*several && i < items->len; i++) {
        P11dAlgorithmKey its = p11d_item_describe(items->pdata[i]);
        bool differs = its.type != kind.type || (kind.bits && its.bits && its.bits != kind.bits);
        EVP_PKEY *one = differs ? NULL : p11d_item_public_key(items->pdata[i]);
        if (agreed && one)
            *several = EVP_PKEY_eq(agreed, one) != 1;
        if (!agreed)
            agreed = one;
        else
            EVP_PKEY_free(one);
    }
    if (*several)
        g_clear_pointer(&agreed, EVP_PKEY_free);
    return agreed;
}

/* The same; where there are several, of those of its label. */
static EVP_PKEY *choose(const P11dItem *key, GPtrArray *items, bool *several)
{
    EVP_PKEY *chosen = agree(key, items, several);
    if (!*several)
        return chosen;
    keep_namesakes(key, items);
    return agree(key, items, several);
}

P11dGroups *p11d_counterpart_index(const GPtrArray *items)
{
    P11dGroups *index = p11d_groups_new();
    for (guint i = 0; i < items->len; i++) {
        P11dItem *item = items->pdata[i];
        g_autofree char *id = p11d_item_id(item);
        if (*id && (item->class == CKO_PUBLIC_KEY || item->class == CKO_CERTIFICATE))
            p11d_groups_add(index, id, item);
    }
    return index;
}

EVP_PKEY *p11d_counterpart_among(const P11dItem *key, const P11dGroups *index)
{
    g_autofree char *id = p11d_item_id(key);
    const GPtrArray *items = p11d_groups_find(index, id);
    EVP_PKEY *public_key = NULL;
    bool several = false;
    for (size_t i = 0; !public_key && !several && i < G_N_ELEMENTS(classes); i++) {
        g_autoptr(GPtrArray) own = g_ptr_array_new();
        for (guint j = 0; j < items->len; j++) {
            P11dItem *item = items->pdata[j];
            if (item->class == classes[i])
                g_ptr_array_add(own, item);
        }
        public_key = choose(key, own, &several);
    }
    return public_key;
}

EVP_PKEY *p11d_counterpart_public_key(const P11dItem *key, GError **error)
{
    EVP_PKEY *public_key = p11d_item_public_key(key);
    bool several = false;
    for (size_t i = 0; !public_key && !several && i < G_N_ELEMENTS(classes); i++) {
        g_autoptr(GPtrArray) items = p11d_item_array();
        if (!find(key, classes[i], items, error))
            return NULL;
        public_key = choose(key, items, &several);
    }
    if (public_key)
        return public_key;
    g_autofree char *uri = p11d_item_uri(key);
    if (several)
        p11d_failure_set(error, P11D_FAILURE_AMBIGUOUS, "give each key pair a CKA_ID of its own",
                         "the token has several public keys or certificates with the CKA_ID of %s "
                         "and does not tell which is its own",
                         uri);
    else
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED,
                         "put the public key or the certificate on the token, with the same CKA_ID",
                         "the token does not tell the public key of %s", uri);
    return NULL;
}

P11dAlgorithmKey p11d_counterpart_describe(const P11dItem *key)
{
    P11dAlgorithmKey kind = p11d_item_describe(key);
    if (kind.type != CKK_EC || kind.curve || kind.problem)
        return kind;
    EVP_PKEY *public_key = p11d_counterpart_public_key(key, NULL);
    P11dAlgorithmKey other = public_key ? p11d_evpkey_describe(public_key) : kind;
    EVP_PKEY_free(public_key);
    return other.type == kind.type ? other : kind;
}
