// SPDX-License-Identifier: MIT
/*
 * The registry is the list of all tokens of all providers, in the order of their paths. It belongs
 * to the supervisor; the objects on the bus and the manager channels observe it.
 */
#ifndef P11D_REGISTRY_H
#define P11D_REGISTRY_H

#include "provider.h"

typedef struct P11dRegistryToken {
    char *path;
    GVariant *properties; /* a{sv}; known names with their right types alone */
    P11dProvider *provider;
} P11dRegistryToken;

typedef struct P11dRegistry P11dRegistry;

/* Called after a token was added or changed, and before a removed one is freed. changed: a{sv} of
 * what is new. Any of them may be NULL. */
typedef struct P11dRegistryObserver {
    void (*added)(const P11dRegistryToken *token, void *data);
    void (*changed)(const P11dRegistryToken *token, GVariant *changed, void *data);
    void (*removed)(const P11dRegistryToken *token, void *data);
} P11dRegistryObserver;

/* A registry without providers. */
P11dRegistry *p11d_registry_new(void);

/* Adds the provider of directory (p11d_provider_new), not started. */
void p11d_registry_add_provider(P11dRegistry *registry, const char *directory, const char *writers,
                                const char *program, const char *const *arguments);

/* observer and data are borrowed and outlive the registry's providers. */
void p11d_registry_observe(P11dRegistry *registry, const P11dRegistryObserver *observer,
                           void *data);

/* Starts all workers. */
void p11d_registry_start(P11dRegistry *registry);
/* Ends all workers and returns when none is left; runs the default main context meanwhile. Then
 * every token is removed and every wait is over. */
void p11d_registry_stop(P11dRegistry *registry);
void p11d_registry_free(P11dRegistry *registry);

/* The token at that path, or NULL. Valid until the main loop runs again. */
const P11dRegistryToken *p11d_registry_find(const P11dRegistry *registry, const char *path);

/* All tokens, as GetManagedObjects answers. Floating, as those below. */
GVariant *p11d_registry_managed_objects(const P11dRegistry *registry);
/* What InterfacesAdded, InterfacesRemoved and PropertiesChanged say of a token. */
GVariant *p11d_registry_addition(const P11dRegistryToken *token);
GVariant *p11d_registry_removal(const P11dRegistryToken *token);
GVariant *p11d_registry_change(GVariant *changed);

/* False while a provider is pending. */
gboolean p11d_registry_is_settled(const P11dRegistry *registry);
/*
 * Calls back as soon as no provider is pending any more: at once (and returns 0), or later, with
 * the number by which the wait can be cancelled. At once also if thousands wait already.
 */
guint p11d_registry_when_settled(P11dRegistry *registry, void (*settled)(void *data), void *data);
void p11d_registry_cancel(P11dRegistry *registry, guint wait);

#endif
