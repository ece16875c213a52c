// SPDX-License-Identifier: MIT
#include "modulename.h"

#include <string.h>

#include "address.h"
#include "buildtree.h"
#include "cause.h"
#include "configuration.h"
#include "failure.h"
#include "moduleconfig.h"
#include "nearest.h"
#include "uri.h"

#define OWN_MODULE "p11dbus.so"

static char *default_path(void)
{
    return p11d_buildtree_find("../lib/module/" OWN_MODULE, P11D_INSTALLED_MODULE);
}

gboolean p11d_modulename_is_own(const char *path)
{
    g_autofree char *base = g_path_get_basename(path);
    return strcmp(base, OWN_MODULE) == 0;
}

/* The word that names bus in the reserved string of our own module, which alone knows what one is.
 */
static char *bus_word(const char *bus, const char *path, GError **error)
{
    if (!p11d_modulename_is_own(path)) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "leave --bus out",
                         "--bus is for %s, not for %s", OWN_MODULE, path);
        return NULL;
    }
    if (strchr(bus, '\'')) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "write it as %27",
                         "--bus: an address has no quotation mark");
        return NULL;
    }
    P11dAddress address;
    if (!p11d_address_is_word(bus) && !p11d_address_of_bus(&address, bus)) {
        p11d_failure_set(error, P11D_FAILURE_USAGE,
                         "--bus is session, system or an address such as unix:path=/run/bus",
                         "\"%s\" is no bus", bus);
        return NULL;
    }
    return g_strdup_printf("bus='%s'", bus);
}

/* The reserved string: what was typed counts before what is configured. */
static gboolean make_reserved(const P11dOptions *options, const P11dModuleconfig *config,
                              const char *path, char **reserved, GError **error)
{
    const char *given = options->init_reserved ? options->init_reserved : config->reserved;
    *reserved = NULL;
    if (!options->bus) {
        *reserved = g_strdup(given);
        return TRUE;
    }
    if (options->init_reserved) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "write bus=… into the reserved string",
                         "give --init-reserved or --bus, not both");
        return FALSE;
    }
    g_autofree char *word = bus_word(options->bus, path, error);
    if (!word)
        return FALSE;
    /* On a line of its own: what is configured may end in a comment. */
    *reserved = given ? g_strconcat(given, "\n", word, NULL) : g_steal_pointer(&word);
    P11dConfiguration both;
    if (p11d_configuration_load(&both, *reserved, p11d_configuration_file) == CKR_OK)
        return TRUE;
    p11d_failure_set(
        error, P11D_FAILURE_USAGE, "--init-reserved takes the place of what p11-kit has configured",
        "--bus does not go with the x-init-reserved of %s: %s", options->module, both.mistake);
    g_clear_pointer(reserved, g_free);
    return FALSE;
}

gboolean p11d_modulename_resolve(const P11dOptions *options, char **path, char **reserved,
                                 GError **error)
{
    const char *module = options->module;
    if (module && p11d_uri_is(module)) { /* without its text: there may be a PIN in it */
        p11d_failure_set(error, P11D_FAILURE_USAGE, "-m takes a path, or a name that p11-kit has",
                         "a URI names no module");
        return FALSE;
    }
    g_auto(P11dModuleconfig) config = {NULL, NULL};
    if (module && !strchr(module, '/') && !p11d_moduleconfig_read(&config, module, error))
        return FALSE;
    g_autofree char *found = NULL;
    if (config.path)
        found = g_steal_pointer(&config.path);
    else
        found = module ? g_strdup(module) : default_path();
    if (!make_reserved(options, &config, found, reserved, error))
        return FALSE;
    if (p11d_modulename_is_own(found) && !p11d_cause_check_settings(*reserved, error)) {
        g_clear_pointer(reserved, g_free);
        return FALSE;
    }
    *path = g_steal_pointer(&found);
    return TRUE;
}

char *p11d_modulename_hint(const char *path)
{
    static const char hint[] = "-m takes the path of a PKCS#11 module, or a name that p11-kit has";
    g_auto(GStrv) names = strchr(path, '/') ? NULL : p11d_moduleconfig_names();
    const char *const none[] = {NULL};
    return p11d_nearest_hint(path, names ? (const char *const *)names : none, "-m ", "", hint);
}
