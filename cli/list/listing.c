// SPDX-License-Identifier: MIT
#include "listing.h"

#include <string.h>

#include "attribute.h"
#include "certview.h"
#include "counterpart.h"
#include "failure.h"
#include "spki.h"

static void entry_free(gpointer data)
{
    P11dListingToken *entry = data;
    g_ptr_array_unref(entry->items);
    g_hash_table_unref(entry->prints);
    g_clear_pointer(&entry->mechanisms, g_array_unref);
    g_free(entry);
}

GPtrArray *p11d_listing_new(void)
{
    return g_ptr_array_new_with_free_func(entry_free);
}

P11dListingToken *p11d_listing_add(GPtrArray *listing, P11dHostToken *token)
{
    P11dListingToken *entry = g_new0(P11dListingToken, 1);
    entry->token = token;
    entry->items = p11d_item_array();
    entry->prints = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    entry->hidden_keys = -1;
    g_ptr_array_add(listing, entry);
    return entry;
}

gboolean p11d_listing_read_mechanisms(P11dListingToken *entry, GError **error)
{
    P11dHostToken *token = entry->token;
    entry->mechanisms = g_array_new(FALSE, TRUE, sizeof(P11dHostMechanism));
    CK_RV rv = p11d_host_mechanisms(token, entry->mechanisms);
    if (rv == CKR_OK)
        return TRUE;
    g_autofree char *label = p11d_host_label(token);
    p11d_failure_set_ckr(error, rv, "cannot list the mechanisms of token \"%s\"", label);
    return FALSE;
}

/* Whether the private key of item may be on the token too. That of an authority's certificate is
 * nowhere near. */
static bool has_private_half(const P11dItem *item)
{
    const CK_ATTRIBUTE *value = p11d_template_find(&item->attributes, CKA_VALUE);
    return item->class == CKO_PUBLIC_KEY ||
           (item->class == CKO_CERTIFICATE && value &&
            p11d_certview_is_leaf(value->pValue, value->ulValueLen));
}

/* Looks what a login would show besides the items, which are all that can be seen without (whole)
 * or some of that: the private keys of which only the public half or a certificate is there. */
static void look_behind_login(P11dListingToken *entry, bool whole)
{
    const P11dHostToken *token = entry->token;
    entry->hides = (token->info.flags & CKF_LOGIN_REQUIRED) &&
                   (token->info.flags & CKF_TOKEN_INITIALIZED) && !token->logged_in;
    if (!entry->hides || !whole)
        return;
    g_autoptr(GHashTable) ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < entry->items->len; i++) {
        const P11dItem *item = entry->items->pdata[i];
        if (has_private_half(item))
            g_hash_table_add(ids, p11d_item_id(item));
    }
    for (guint i = 0; i < entry->items->len; i++) {
        const P11dItem *item = entry->items->pdata[i];
        g_autofree char *id = p11d_item_id(item);
        if (item->class == CKO_PRIVATE_KEY)
            g_hash_table_remove(ids, id);
    }
    g_hash_table_remove(ids, ""); /* without an id nothing belongs together */
    if (g_hash_table_size(ids) > 0)
        entry->hidden_keys = (int)g_hash_table_size(ids);
}

static bool is_among(CK_OBJECT_CLASS class, const CK_OBJECT_CLASS *classes)
{
    while (*classes != CK_UNAVAILABLE_INFORMATION && *classes != class)
        classes++;
    return *classes == class;
}

/* The SHA-256 of the public half of item, where the item itself does not tell it: as others of its
 * token do, among the items in index (all of them: whole) or beside them. */
static char *borrowed_print(const P11dItem *item, const P11dGroups *index, bool whole)
{
    if (item->class != CKO_PRIVATE_KEY)
        return NULL;
    EVP_PKEY *key = p11d_counterpart_among(item, index);
    if (!key && !whole)
        key = p11d_counterpart_public_key(item, NULL);
    char *print = key ? p11d_spki_sha256(key) : NULL;
    EVP_PKEY_free(key);
    return print;
}

static gboolean look_closer(P11dListingToken *entry, const CK_OBJECT_CLASS *classes, GError **error)
{
    for (guint i = 0; i < entry->items->len; i++) {
        P11dItem *item = entry->items->pdata[i];
        if ((!classes || is_among(item->class, classes)) && !p11d_item_look_closer(item, error))
            return FALSE;
    }
    return TRUE;
}

/* Takes the prints of those of the items that are of classes. */
static void take_prints(P11dListingToken *entry, const CK_OBJECT_CLASS *classes, bool whole)
{
    g_autoptr(P11dGroups) index = p11d_counterpart_index(entry->items);
    for (guint i = 0; i < entry->items->len; i++) {
        P11dItem *item = entry->items->pdata[i];
        if (classes && !is_among(item->class, classes))
            continue;
        char *print = p11d_item_public_key_sha256(item);
        if (!print)
            print = borrowed_print(item, index, whole);
        if (print)
            g_hash_table_insert(entry->prints, item, print);
    }
}

static int rank(CK_OBJECT_CLASS class)
{
    static const CK_OBJECT_CLASS order[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY,
                                            CKO_CERTIFICATE};
    int i = 0;
    while (i < (int)G_N_ELEMENTS(order) && order[i] != class)
        i++;
    return i;
}

static int compare(gconstpointer a, gconstpointer b)
{
    const P11dItem *first = *(P11dItem *const *)a;
    const P11dItem *second = *(P11dItem *const *)b;
    int by_class = rank(first->class) - rank(second->class);
    if (by_class != 0)
        return by_class;
    if (first->class != second->class)
        return first->class < second->class ? -1 : 1;
    int by_label = p11d_item_compare(first, second, CKA_LABEL);
    return by_label != 0 ? by_label : p11d_item_compare(first, second, CKA_ID);
}

/* Keeps what is of classes, in order. */
static void arrange(P11dListingToken *entry, const CK_OBJECT_CLASS *classes)
{
    for (guint i = entry->items->len; classes && i-- > 0;) {
        const P11dItem *item = entry->items->pdata[i];
        if (!is_among(item->class, classes))
            g_ptr_array_remove_index_fast(entry->items, i); /* the order is made below */
    }
    g_ptr_array_sort(entry->items, compare);
}

/* The class to search for: what target names, else the only one of classes. */
static CK_OBJECT_CLASS class_of(const P11dTarget *target, const CK_OBJECT_CLASS *classes)
{
    if (target->has_class)
        return target->class;
    bool is_one = classes && classes[1] == CK_UNAVAILABLE_INFORMATION;
    return is_one ? classes[0] : CK_UNAVAILABLE_INFORMATION;
}

gboolean p11d_listing_read_objects(P11dListingToken *entry, const P11dTarget *target,
                                   const CK_OBJECT_CLASS *classes, P11dListingDepth depth,
                                   GError **error)
{
    CK_OBJECT_CLASS class = class_of(target, classes);
    bool whole = !target->has_objects && class == CK_UNAVAILABLE_INFORMATION;
    if (!p11d_target_search(target, entry->token, class, entry->items, error))
        return FALSE;
    look_behind_login(entry, whole);
    if (depth >= P11D_LISTING_KEEPING && !look_closer(entry, classes, error))
        return FALSE;
    if (depth >= P11D_LISTING_PRINTS)
        take_prints(entry, classes, whole);
    arrange(entry, classes);
    return TRUE;
}

const char *p11d_listing_print(const P11dListingToken *entry, const P11dItem *item)
{
    return g_hash_table_lookup(entry->prints, item);
}

static bool is_alike(const P11dItem *a, const P11dItem *b)
{
    return a->class == b->class && p11d_item_compare(a, b, CKA_LABEL) == 0;
}

/* True if another item has the class and the label of that at index: then these name none of them.
 * Such items are neighbours, as the listing is arranged. */
static bool has_twin(const GPtrArray *items, guint index)
{
    return (index > 0 && is_alike(items->pdata[index], items->pdata[index - 1])) ||
           (index + 1 < items->len && is_alike(items->pdata[index], items->pdata[index + 1]));
}

/* True if another token has the same label. */
static bool has_namesake(const GPtrArray *listing, const P11dListingToken *entry)
{
    for (guint i = 0; i < listing->len; i++) {
        const P11dListingToken *other = listing->pdata[i];
        if (other != entry && p11d_host_is_namesake(other->token, entry->token))
            return true;
    }
    return false;
}

char *p11d_listing_uri(const GPtrArray *listing, const P11dListingToken *entry, guint index)
{
    return p11d_item_short_uri(entry->items->pdata[index], has_namesake(listing, entry),
                               has_twin(entry->items, index));
}

char *p11d_listing_token_uri(const GPtrArray *listing, const P11dListingToken *entry)
{
    return p11d_item_short_token_uri(entry->token, has_namesake(listing, entry));
}

const char *p11d_listing_trust(const P11dItem *item)
{
    if (p11d_template_boolean(&item->attributes, CKA_X_DISTRUSTED, false))
        return "distrusted";
    if (p11d_template_boolean(&item->attributes, CKA_TRUSTED, false))
        return "trusted";
    return p11d_template_find(&item->attributes, CKA_TRUSTED) ? "none" : NULL;
}

const char **p11d_listing_uses(const P11dItem *item)
{
    static const CK_ATTRIBUTE_TYPE uses[] = {CKA_SIGN,   CKA_DECRYPT, CKA_DERIVE, CKA_UNWRAP,
                                             CKA_VERIFY, CKA_ENCRYPT, CKA_WRAP};
    const char **names = g_new0(const char *, G_N_ELEMENTS(uses) + 1);
    size_t count = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(uses); i++)
        if (p11d_template_boolean(&item->attributes, uses[i], false))
            names[count++] = p11d_attribute_find(uses[i])->name;
    return names;
}

const char **p11d_listing_flags(const P11dNames *names, CK_FLAGS flags)
{
    const char **set = g_new0(const char *, names->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < names->count; i++)
        if (flags & names->rows[i].number)
            set[count++] = names->rows[i].name;
    return set;
}
