// SPDX-License-Identifier: MIT
#include "members.h"

#include <string.h>

#include "loaded.h"
#include "moduleconfig.h"

char *p11d_members_name(const char *path)
{
    g_auto(GStrv) names = p11d_moduleconfig_names();
    for (char **name = names; name && *name; name++) {
        g_auto(P11dModuleconfig) config = {NULL, NULL};
        if (p11d_moduleconfig_read(&config, *name, NULL) && config.path &&
            p11d_loaded_is_same(config.path, path))
            return g_strdup(*name);
    }
    return g_strdup(path);
}

/* Descriptors, addresses and sizes are others each time. */
static char *without_numbers(const char *text)
{
    GString *kept = g_string_new(NULL);
    for (; *text; text++)
        if (!g_ascii_isdigit(*text))
            g_string_append_c(kept, *text);
    return g_string_free(kept, FALSE);
}

void p11d_members_add(GString *detail, const char *own, const char *path, const char *found)
{
    g_autofree char *file = g_path_get_basename(path);
    g_autofree char *ours = without_numbers(own);
    g_autofree char *theirs = without_numbers(found);
    if (strcmp(ours, theirs) == 0)
        g_string_append_printf(detail, "; %s, which it loads, does so by itself", file);
    else
        g_string_append_printf(detail, "; %s, which it loads, by itself: %s", file, found);
}
