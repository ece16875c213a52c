// SPDX-License-Identifier: MIT
#include "groups.h"

struct P11dGroups {
    GHashTable *by_text; /* of GPtrArray, owned */
    GPtrArray *none;
};

static void group_free(gpointer group)
{
    g_ptr_array_unref(group);
}

P11dGroups *p11d_groups_new(void)
{
    P11dGroups *groups = g_new0(P11dGroups, 1);
    groups->by_text = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, group_free);
    groups->none = g_ptr_array_new();
    return groups;
}

void p11d_groups_free(P11dGroups *groups)
{
    if (!groups)
        return;
    g_hash_table_unref(groups->by_text);
    g_ptr_array_unref(groups->none);
    g_free(groups);
}

void p11d_groups_add(P11dGroups *groups, const char *text, gpointer thing)
{
    GPtrArray *group = g_hash_table_lookup(groups->by_text, text);
    if (!group) {
        group = g_ptr_array_new();
        g_hash_table_insert(groups->by_text, g_strdup(text), group);
    }
    g_ptr_array_add(group, thing);
}

const GPtrArray *p11d_groups_find(const P11dGroups *groups, const char *text)
{
    const GPtrArray *group = g_hash_table_lookup(groups->by_text, text);
    return group ? group : groups->none;
}
