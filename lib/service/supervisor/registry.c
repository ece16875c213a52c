// SPDX-License-Identifier: MIT
#include "registry.h"

#include <string.h>

#include "interface.h"
#include "log.h"

/* More tokens than this are not exported: a worker that runs wild shall not fill our memory. */
#define TOKEN_LIMIT 1024
/* Nor shall those who ask while a worker starts: more than these do not wait. */
#define WAIT_LIMIT 4096

typedef struct Observer {
    const P11dRegistryObserver *calls;
    void *data;
} Observer;

typedef struct Wait {
    guint number;
    void (*settled)(void *data);
    void *data;
} Wait;

struct P11dRegistry {
    GPtrArray *providers;
    GTree *tokens; /* path → P11dRegistryToken */
    GArray *observers;
    GQueue waits;
    guint last_wait;
};

static void token_free(gpointer data)
{
    P11dRegistryToken *token = data;
    g_free(token->path);
    g_variant_unref(token->properties);
    g_free(token);
}

static gint compare_paths(gconstpointer a, gconstpointer b, gpointer data G_GNUC_UNUSED)
{
    return strcmp(a, b);
}

/* Adds to builder what our interface knows of properties, each under its right type. */
static void add_known(GVariantDict *known, GVariant *properties)
{
    GVariantIter entries;
    const char *name;
    GVariant *value;

    g_variant_iter_init(&entries, properties);
    while (g_variant_iter_next(&entries, "{&sv}", &name, &value)) {
        const P11dProperty *row = p11d_interface_property(&p11d_interface_token, name);
        if (row && g_variant_is_of_type(value, G_VARIANT_TYPE(row->signature)))
            g_variant_dict_insert_value(known, name, value);
        g_variant_unref(value);
    }
}

static GVariant *only_known(GVariant *properties)
{
    g_auto(GVariantDict) known = G_VARIANT_DICT_INIT(NULL);
    add_known(&known, properties);
    return g_variant_ref_sink(g_variant_dict_end(&known));
}

static void on_added(P11dProvider *provider, const char *path, GVariant *properties, void *data)
{
    P11dRegistry *self = data;
    const P11dRegistryToken *other = p11d_registry_find(self, path);

    if (other) {
        p11d_log("%s: %s is taken by %s already; this token is not exported (give one of "
                 "the directories another name)",
                 p11d_provider_name(provider), path, p11d_provider_name(other->provider));
        return;
    }
    if (g_tree_nnodes(self->tokens) >= TOKEN_LIMIT) {
        p11d_log("%s: %s is one token more than %d; it is not exported",
                 p11d_provider_name(provider), path, TOKEN_LIMIT);
        return;
    }
    P11dRegistryToken *token = g_new0(P11dRegistryToken, 1);
    token->path = g_strdup(path);
    token->properties = only_known(properties);
    token->provider = provider;
    g_tree_insert(self->tokens, token->path, token);
    for (guint i = 0; i < self->observers->len; i++) {
        const Observer *observer = &g_array_index(self->observers, Observer, i);
        if (observer->calls->added)
            observer->calls->added(token, observer->data);
    }
}

/* The token of that provider: a worker says nothing about the tokens of another. */
static P11dRegistryToken *find_own(P11dRegistry *self, P11dProvider *provider, const char *path)
{
    P11dRegistryToken *token = g_tree_lookup(self->tokens, path);
    return token && token->provider == provider ? token : NULL;
}

static void on_changed(P11dProvider *provider, const char *path, GVariant *properties, void *data)
{
    P11dRegistry *self = data;
    P11dRegistryToken *token = find_own(self, provider, path);
    if (!token)
        return;
    g_autoptr(GVariant) changed = only_known(properties);
    g_auto(GVariantDict) all = G_VARIANT_DICT_INIT(token->properties);
    add_known(&all, changed);
    g_variant_unref(token->properties);
    token->properties = g_variant_ref_sink(g_variant_dict_end(&all));
    for (guint i = 0; i < self->observers->len; i++) {
        const Observer *observer = &g_array_index(self->observers, Observer, i);
        if (observer->calls->changed)
            observer->calls->changed(token, changed, observer->data);
    }
}

static void remove_token(P11dRegistry *self, P11dRegistryToken *token)
{
    g_tree_steal(self->tokens, token->path); /* nobody finds it while it is taken away */
    for (guint i = 0; i < self->observers->len; i++) {
        const Observer *observer = &g_array_index(self->observers, Observer, i);
        if (observer->calls->removed)
            observer->calls->removed(token, observer->data);
    }
    token_free(token);
}

static void on_removed(P11dProvider *provider, const char *path, void *data)
{
    P11dRegistry *self = data;
    P11dRegistryToken *token = find_own(self, provider, path);
    if (token)
        remove_token(self, token);
}

static void on_lost(P11dProvider *provider, void *data)
{
    P11dRegistry *self = data;
    GTreeNode *node = g_tree_node_first(self->tokens);
    while (node) {
        P11dRegistryToken *token = g_tree_node_value(node);
        node = g_tree_node_next(node);
        if (token->provider == provider) {
            remove_token(self, token);
            node = g_tree_node_first(self->tokens); /* the tree may have been rebuilt */
        }
    }
}

gboolean p11d_registry_is_settled(const P11dRegistry *registry)
{
    for (guint i = 0; i < registry->providers->len; i++) {
        if (p11d_provider_is_pending(g_ptr_array_index(registry->providers, i)))
            return FALSE;
    }
    return TRUE;
}

static void end_waits(P11dRegistry *self)
{
    while (p11d_registry_is_settled(self) && !g_queue_is_empty(&self->waits)) {
        g_autofree Wait *wait = g_queue_pop_head(&self->waits);
        wait->settled(wait->data);
    }
}

static void on_settled(P11dProvider *provider G_GNUC_UNUSED, void *data)
{
    end_waits(data);
}

static const P11dProviderEvents events = {
    .added = on_added,
    .removed = on_removed,
    .changed = on_changed,
    .lost = on_lost,
    .settled = on_settled,
};

P11dRegistry *p11d_registry_new(void)
{
    P11dRegistry *self = g_new0(P11dRegistry, 1);
    self->providers = g_ptr_array_new_with_free_func((GDestroyNotify)p11d_provider_free);
    self->tokens = g_tree_new_full(compare_paths, NULL, NULL, token_free);
    self->observers = g_array_new(FALSE, FALSE, sizeof(Observer));
    g_queue_init(&self->waits);
    return self;
}

void p11d_registry_add_provider(P11dRegistry *registry, const char *directory, const char *writers,
                                const char *program, const char *const *arguments)
{
    g_ptr_array_add(registry->providers,
                    p11d_provider_new(directory, writers, program, arguments, &events, registry));
}

void p11d_registry_observe(P11dRegistry *registry, const P11dRegistryObserver *observer, void *data)
{
    Observer added = {.calls = observer, .data = data};
    g_array_append_val(registry->observers, added);
}

void p11d_registry_start(P11dRegistry *registry)
{
    for (guint i = 0; i < registry->providers->len; i++)
        p11d_provider_start(g_ptr_array_index(registry->providers, i));
}

static gboolean is_running(const P11dRegistry *self)
{
    for (guint i = 0; i < self->providers->len; i++) {
        if (p11d_provider_is_running(g_ptr_array_index(self->providers, i)))
            return TRUE;
    }
    return FALSE;
}

void p11d_registry_stop(P11dRegistry *registry)
{
    for (guint i = 0; i < registry->providers->len; i++)
        p11d_provider_stop(g_ptr_array_index(registry->providers, i));
    while (is_running(registry))
        g_main_context_iteration(NULL, TRUE);
    end_waits(registry);
}

void p11d_registry_free(P11dRegistry *registry)
{
    g_ptr_array_unref(registry->providers);
    g_tree_unref(registry->tokens);
    g_array_unref(registry->observers);
    g_queue_clear_full(&registry->waits, g_free);
    g_free(registry);
}

const P11dRegistryToken *p11d_registry_find(const P11dRegistry *registry, const char *path)
{
    return g_tree_lookup(registry->tokens, path);
}

static GVariant *interfaces_of(const P11dRegistryToken *token)
{
    GVariantBuilder interfaces;
    g_variant_builder_init(&interfaces, G_VARIANT_TYPE("a{sa{sv}}"));
    g_variant_builder_add(&interfaces, "{s@a{sv}}", p11d_interface_token.name, token->properties);
    return g_variant_builder_end(&interfaces);
}

GVariant *p11d_registry_addition(const P11dRegistryToken *token)
{
    return g_variant_new("(o@a{sa{sv}})", token->path, interfaces_of(token));
}

GVariant *p11d_registry_removal(const P11dRegistryToken *token)
{
    const char *interfaces[] = {p11d_interface_token.name, NULL};
    return g_variant_new("(o^as)", token->path, interfaces);
}

GVariant *p11d_registry_change(GVariant *changed)
{
    const char *invalidated[] = {NULL};
    return g_variant_new("(s@a{sv}^as)", p11d_interface_token.name, changed, invalidated);
}

GVariant *p11d_registry_managed_objects(const P11dRegistry *registry)
{
    GVariantBuilder objects;
    g_variant_builder_init(&objects, G_VARIANT_TYPE("a{oa{sa{sv}}}"));
    for (GTreeNode *node = g_tree_node_first(registry->tokens); node;
         node = g_tree_node_next(node)) {
        const P11dRegistryToken *token = g_tree_node_value(node);
        g_variant_builder_add(&objects, "{o@a{sa{sv}}}", token->path, interfaces_of(token));
    }
    return g_variant_new("(a{oa{sa{sv}}})", &objects);
}

guint p11d_registry_when_settled(P11dRegistry *registry, void (*settled)(void *data), void *data)
{
    if (p11d_registry_is_settled(registry) || registry->waits.length >= WAIT_LIMIT) {
        settled(data);
        return 0;
    }
    Wait *wait = g_new0(Wait, 1);
    wait->number = ++registry->last_wait;
    wait->settled = settled;
    wait->data = data;
    g_queue_push_tail(&registry->waits, wait);
    return wait->number;
}

void p11d_registry_cancel(P11dRegistry *registry, guint wait)
{
    for (GList *link = registry->waits.head; link; link = link->next) {
        Wait *candidate = link->data;
        if (candidate->number == wait) {
            g_free(candidate);
            g_queue_delete_link(&registry->waits, link);
            return;
        }
    }
}
