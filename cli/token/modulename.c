// SPDX-License-Identifier: MIT
#include "modulename.h"

#include <string.h>

#include "address.h"
#include "buildtree.h"
#include "failure.h"

#define OWN_MODULE "p11dbus.so"
/* What p11-kit's configuration files end with, behind the module's name. */
#define SUFFIX ".module"

static char *default_path(void)
{
    return p11d_buildtree_find("../lib/module/" OWN_MODULE, P11D_INSTALLED_MODULE);
}

/* The value of the line "module:" in a p11-kit configuration file (pkcs11.conf(5)), or NULL. */
static char *read_module_line(const char *file)
{
    g_autofree char *content = NULL;
    if (!g_file_get_contents(file, &content, NULL, NULL))
        return NULL;
    g_auto(GStrv) lines = g_strsplit(content, "\n", -1);
    for (char **line = lines; *line; line++) {
        char *colon = strchr(g_strstrip(*line), ':');
        if (!colon || **line == '#')
            continue;
        *colon = '\0';
        if (strcmp(g_strchomp(*line), "module") == 0)
            return g_strdup(g_strchug(colon + 1));
    }
    return NULL;
}

/* Where configuration files are. The user's own count before the machine's, and those before what
 * packages bring. */
static char **directories(void)
{
    g_autofree char *user = g_build_filename(g_get_user_config_dir(), "pkcs11", "modules", NULL);
    const char *const all[] = {user, P11D_P11KIT_SYSTEM_CONFIGS, P11D_P11KIT_CONFIGS, NULL};
    return g_strdupv((char **)all);
}

/* The path of the module that p11-kit has configured under name, or NULL. */
static char *find_configured(const char *name)
{
    g_auto(GStrv) places = directories();
    g_autofree char *base = g_strconcat(name, SUFFIX, NULL);
    for (char **place = places; *place; place++) {
        g_autofree char *file = g_build_filename(*place, base, NULL);
        g_autofree char *module = read_module_line(file);
        if (module && *module)
            return g_path_is_absolute(module) ? g_steal_pointer(&module)
                                              : g_build_filename(P11D_P11KIT_MODULES, module, NULL);
    }
    return NULL;
}

char **p11d_modulename_configured(void)
{
    g_auto(GStrv) places = directories();
    GStrvBuilder *names = g_strv_builder_new();
    for (char **place = places; *place; place++) {
        g_autoptr(GDir) directory = g_dir_open(*place, 0, NULL);
        const char *file;
        while (directory && (file = g_dir_read_name(directory))) {
            if (!g_str_has_suffix(file, SUFFIX))
                continue;
            g_autofree char *name = g_strndup(file, strlen(file) - strlen(SUFFIX));
            g_strv_builder_add(names, name);
        }
    }
    char **list = g_strv_builder_end(names);
    g_strv_builder_unref(names);
    return list;
}

gboolean p11d_modulename_is_own(const char *path)
{
    g_autofree char *base = g_path_get_basename(path);
    return strcmp(base, OWN_MODULE) == 0;
}

/* Only our own module knows what a bus is; it reads its reserved string as words KEY=VALUE. */
static gboolean make_reserved(const char *bus, const char *path, char **reserved, GError **error)
{
    if (!p11d_modulename_is_own(path)) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "leave --bus out",
                         "--bus is for %s, not for %s", OWN_MODULE, path);
        return FALSE;
    }
    if (strchr(bus, '\'')) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "write it as %27",
                         "--bus: an address has no quotation mark");
        return FALSE;
    }
    P11dAddress address;
    bool is_name = strcmp(bus, "session") == 0 || strcmp(bus, "system") == 0;
    if (!is_name && !p11d_address_parse(&address, bus, g_get_user_runtime_dir())) {
        p11d_failure_set(error, P11D_FAILURE_USAGE,
                         "--bus is session, system or an address such as unix:path=/run/bus",
                         "\"%s\" is no bus", bus);
        return FALSE;
    }
    *reserved = g_strdup_printf("bus='%s'", bus);
    return TRUE;
}

gboolean p11d_modulename_resolve(const P11dOptions *options, char **path, char **reserved,
                                 GError **error)
{
    const char *module = options->module;
    g_autofree char *found = NULL;
    if (!module)
        found = default_path();
    else if (!strchr(module, '/'))
        found = find_configured(module);
    if (!found)
        found = g_strdup(module);
    if (options->bus && !make_reserved(options->bus, found, reserved, error))
        return FALSE;
    *path = g_steal_pointer(&found);
    return TRUE;
}
