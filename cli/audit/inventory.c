// SPDX-License-Identifier: MIT
#include "inventory.h"

#include <string.h>

#include "console.h"

static void asset_free(gpointer data)
{
    P11dAsset *asset = data;
    g_free(asset->uri);
    p11d_certview_clear(&asset->view);
    p11d_certdetail_clear(&asset->detail);
    g_free(asset);
}

void p11d_inventory_free(P11dInventory *inventory)
{
    if (!inventory)
        return;
    g_ptr_array_unref(inventory->assets);
    p11d_groups_free(inventory->kin);
    g_ptr_array_unref(inventory->listing);
    g_free(inventory);
}

static bool is_named(const P11dTarget *target, const P11dItem *item)
{
    const P11dTemplate *attributes = &item->attributes;
    return !target->has_objects ||
           p11_kit_uri_match_attributes(target->uri, attributes->items, attributes->count);
}

/* What an object of that class on the token of asset has that has all of same (P11D_SAME_…) in
 * common with it, as text; NULL: nothing has. The caller frees it. */
static char *kin_text(const P11dAsset *asset, CK_OBJECT_CLASS class, unsigned same)
{
    g_autofree char *id = same & P11D_SAME_ID ? p11d_item_id(asset->item) : g_strdup("-");
    const char *print = same & P11D_SAME_KEY ? asset->print : "-";
    return *id && print
               ? g_strdup_printf("%p %lx %s %s", (const void *)asset->entry, class, id, print)
               : NULL;
}

/* Puts asset where p11d_inventory_find and p11d_inventory_find_key look. */
static void add_kin(P11dInventory *inventory, P11dAsset *asset)
{
    CK_OBJECT_CLASS class = asset->item->class;
    for (unsigned same = 1; same <= (P11D_SAME_KEY | P11D_SAME_ID); same++) {
        g_autofree char *text = kin_text(asset, class, same);
        if (text)
            p11d_groups_add(inventory->kin, text, asset);
    }
    if (class == CKO_PRIVATE_KEY && asset->print)
        p11d_groups_add(inventory->kin, asset->print, asset);
}

static void add_item(P11dInventory *inventory, const P11dTarget *target,
                     const P11dListingToken *entry, guint index)
{
    const P11dItem *item = entry->items->pdata[index];
    const CK_ATTRIBUTE *value = p11d_template_find(&item->attributes, CKA_VALUE);
    P11dAsset *asset = g_new0(P11dAsset, 1);
    asset->entry = entry;
    asset->item = item;
    asset->uri = p11d_listing_uri(inventory->listing, entry, index);
    asset->named = is_named(target, item);
    asset->print = p11d_listing_print(entry, item);
    asset->kind = p11d_item_describe(item);
    asset->view.not_before = asset->view.not_after = P11D_MOMENT_UNKNOWN;
    if (item->class == CKO_CERTIFICATE && value) {
        p11d_certview_parse(&asset->view, value->pValue, value->ulValueLen);
        p11d_certdetail_parse(&asset->detail, value->pValue, value->ulValueLen);
    }
    g_ptr_array_add(inventory->assets, asset);
    add_kin(inventory, asset);
    inventory->objects += asset->named ? 1 : 0;
}

static void add_token(P11dInventory *inventory, const P11dTarget *target,
                      const P11dListingToken *entry)
{
    P11dAsset *asset = g_new0(P11dAsset, 1);
    asset->entry = entry;
    asset->uri = p11d_listing_token_uri(inventory->listing, entry);
    asset->named = true;
    g_ptr_array_add(inventory->assets, asset);
    for (guint i = 0; i < entry->items->len; i++)
        add_item(inventory, target, entry, i);
}

/* True if both are the same to every rule. */
static bool is_alike(const P11dListingToken *a, const P11dItem *item, const P11dListingToken *b,
                     const P11dItem *other)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_ID,          CKA_LABEL, CKA_VALUE,  CKA_SENSITIVE,
                                              CKA_EXTRACTABLE, CKA_LOCAL, CKA_TRUSTED};
    bool alike = item->class == other->class &&
                 g_strcmp0(p11d_listing_print(a, item), p11d_listing_print(b, other)) == 0;
    for (size_t i = 0; alike && i < G_N_ELEMENTS(types); i++)
        alike = p11d_item_compare(item, other, types[i]) == 0;
    return alike;
}

/* True if all that entry has is in other too. Both are arranged, so that it is mostly in the same
 * place. */
static bool is_part_of(const P11dListingToken *entry, const P11dListingToken *other)
{
    bool found = other->hides == entry->hides || !other->hides;
    for (guint i = 0; found && i < entry->items->len; i++) {
        const P11dItem *item = entry->items->pdata[i];
        found = i < other->items->len && is_alike(entry, item, other, other->items->pdata[i]);
        for (guint j = 0; !found && j < other->items->len; j++)
            found = is_alike(entry, item, other, other->items->pdata[j]);
    }
    return found;
}

/* True if the token of entry, the last, is there by another module already, with all that is on it.
 * That one goes by the same name is not enough: what it hides would not be looked at. */
static bool is_there(const P11dInventory *inventory, const P11dListingToken *entry)
{
    g_autofree char *uri = p11d_item_token_uri(entry->token);
    for (guint i = 0; i + 1 < inventory->listing->len; i++) {
        const P11dListingToken *other = inventory->listing->pdata[i];
        g_autofree char *its = p11d_item_token_uri(other->token);
        if (strcmp(uri, its) != 0 || strcmp(other->token->module, entry->token->module) == 0 ||
            !is_part_of(entry, other))
            continue;
        p11d_console_detail("%s shows %s too: looked at once", entry->token->module, uri);
        return true;
    }
    return false;
}

/* Everything that is on token is read, whatever the target names: what belongs together is there
 * then. */
static gboolean read_token(P11dInventory *inventory, P11dHostToken *token, GError **error)
{
    g_autoptr(P11dTarget) all = p11d_target_new(NULL, &(P11dOptions){0}, error);
    P11dListingToken *entry = p11d_listing_add(inventory->listing, token);
    return all && p11d_listing_read_objects(entry, all, NULL, P11D_LISTING_PRINTS, error);
}

P11dInventory *p11d_inventory_read(const P11dTarget *target, const GPtrArray *tokens,
                                   P11dHosts *hosts)
{
    P11dInventory *inventory = g_new0(P11dInventory, 1);
    inventory->listing = p11d_listing_new();
    inventory->assets = g_ptr_array_new_with_free_func(asset_free);
    inventory->kin = p11d_groups_new();
    inventory->now = p11d_moment_now();
    for (guint i = 0; i < tokens->len; i++) {
        P11dHostToken *token = tokens->pdata[i];
        GError *failure = NULL;
        if (!(token->info.flags & CKF_TOKEN_INITIALIZED))
            continue;
        if (!read_token(inventory, token, &failure))
            p11d_hosts_add_failure(hosts, failure);
        else if (!is_there(inventory, inventory->listing->pdata[inventory->listing->len - 1]))
            continue;
        g_ptr_array_remove_index(inventory->listing, inventory->listing->len - 1);
    }
    for (guint i = 0; i < inventory->listing->len; i++)
        add_token(inventory, target, inventory->listing->pdata[i]);
    return inventory;
}

const P11dAsset *p11d_inventory_find(const P11dInventory *inventory, const P11dAsset *asset,
                                     CK_OBJECT_CLASS class, unsigned same)
{
    g_autofree char *text = kin_text(asset, class, same);
    const GPtrArray *kin = text ? p11d_groups_find(inventory->kin, text) : NULL;
    for (guint i = 0; kin && i < kin->len; i++)
        if (kin->pdata[i] != asset)
            return kin->pdata[i];
    return NULL;
}

const P11dAsset *p11d_inventory_find_key(const P11dInventory *inventory, const char *print)
{
    const GPtrArray *keys = p11d_groups_find(inventory->kin, print);
    return keys->len > 0 ? keys->pdata[0] : NULL;
}
