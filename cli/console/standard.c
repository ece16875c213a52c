// SPDX-License-Identifier: MIT
#include "standard.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>

/* So many links are followed; no name needs more. */
#define MAX_LINKS 8

/* What names say where there is no /proc that could be asked. */
static const struct {
    const char *name;
    int descriptor;
} names[] = {
    {"/dev/stdin", STDIN_FILENO},
    {"/dev/stdout", STDOUT_FILENO},
    {"/dev/stderr", STDERR_FILENO},
};

static int parse_number(const char *text)
{
    char *end;
    unsigned long number = g_ascii_isdigit(*text) ? strtoul(text, &end, 10) : ULONG_MAX;
    return number <= INT_MAX && *end == '\0' ? (int)number : -1;
}

/* The descriptor of path if it is NUMBER in one of the folders of descriptors. */
static int in_folder(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"};
    g_autofree char *own = g_strdup_printf("/proc/%d/fd/", (int)getpid());
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++)
        if (g_str_has_prefix(path, folders[i]))
            return parse_number(path + strlen(folders[i]));
    return g_str_has_prefix(path, own) ? parse_number(path + strlen(own)) : -1;
}

/* path with all links in it followed but the last, which here is the name itself; NULL if its
 * folder is not there. */
static char *resolve_folder(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *base = g_path_get_basename(path);
    char *real = realpath(folder, NULL);
    char *resolved = real ? g_build_filename(real, base, NULL) : NULL;
    free(real);
    return resolved;
}

int p11d_standard_descriptor(const char *path)
{
    g_autofree char *at = g_canonicalize_filename(path, NULL);
    for (int i = 0; i < MAX_LINKS; i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(names); j++)
            if (strcmp(at, names[j].name) == 0)
                return names[j].descriptor;
        int descriptor = in_folder(at);
        g_autofree char *resolved = descriptor < 0 ? resolve_folder(at) : NULL;
        if (resolved)
            descriptor = in_folder(resolved);
        g_autofree char *link =
            resolved && descriptor < 0 ? g_file_read_link(resolved, NULL) : NULL;
        if (!link)
            return descriptor;
        g_autofree char *folder = g_path_get_dirname(resolved);
        g_free(at);
        at = g_canonicalize_filename(link, folder);
    }
    return -1;
}

bool p11d_standard_is_input(const char *path)
{
    return strcmp(path, "-") == 0 || p11d_standard_descriptor(path) == STDIN_FILENO;
}

bool p11d_standard_is_output(const char *path)
{
    return strcmp(path, "-") == 0 || p11d_standard_descriptor(path) == STDOUT_FILENO;
}
