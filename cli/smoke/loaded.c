// SPDX-License-Identifier: MIT
#include "loaded.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

/* More libraries are not looked at. */
#define MAX_LIBRARIES 512

/* Names of libraries, owned. */
typedef struct Names {
    char *name[MAX_LIBRARIES];
    size_t count;
} Names;

static Names before;

static bool has(const Names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->name[i], name) == 0)
            return true;
    return false;
}

static int add(struct dl_phdr_info *info, size_t size, void *data)
{
    Names *names = data;
    (void)size;
    if (!info->dlpi_name || !*info->dlpi_name || has(&before, info->dlpi_name) ||
        names->count == MAX_LIBRARIES)
        return 0;
    char *copy = strdup(info->dlpi_name);
    if (copy)
        names->name[names->count++] = copy;
    return 0;
}

void p11d_loaded_remember(void)
{
    dl_iterate_phdr(add, &before);
}

/* Whether the library itself, and not one that it brings, exports what makes a PKCS#11 module. It
 * stays open. */
static bool is_module(const char *path)
{
    Dl_info where;
    void *handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    void *symbol = handle ? dlsym(handle, "C_GetFunctionList") : NULL;
    return symbol && dladdr(symbol, &where) && where.dli_fname &&
           strcmp(where.dli_fname, path) == 0;
}

bool p11d_loaded_is_same(const char *a, const char *b)
{
    char *real_a = realpath(a, NULL);
    char *real_b = realpath(b, NULL);
    bool same = real_a && real_b && strcmp(real_a, real_b) == 0;
    free(real_a);
    free(real_b);
    return same;
}

void p11d_loaded_each(const char *own, void (*found)(const char *path, void *data), void *data)
{
    /* Their names first: to open one while they are gone through is to wait for oneself. */
    Names *names = calloc(1, sizeof *names);
    if (!names)
        return;
    dl_iterate_phdr(add, names);
    for (size_t i = 0; i < names->count; i++) {
        if (is_module(names->name[i]) && !p11d_loaded_is_same(names->name[i], own))
            found(names->name[i], data);
        free(names->name[i]);
    }
    free(names);
}
