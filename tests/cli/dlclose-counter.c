// SPDX-License-Identifier: MIT
/*
 * A dlclose counter: preloaded into a program, it writes a line to the file $DLCLOSE_LOG for every
 * library that the program or any of its libraries opens or closes by name: "open NAME", and "close
 * NAME" with the name under which the linker has it. It does as asked otherwise.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

static void note(const char *what, const char *name)
{
    const char *path = getenv("DLCLOSE_LOG");
    char line[4096];
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return;
    int size = snprintf(line, sizeof line, "%s %s\n", what, name);
    (void)!write(fd, line, (size_t)size < sizeof line ? (size_t)size : sizeof line - 1);
    close(fd);
}

/* The function that this one stands in front of. */
static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (!function)
        abort();
    return function;
}

/* The real dlopen looks at who calls it for $ORIGIN and RUNPATH, which then is this library: nobody
 * here relies on these. */
EXPORTED void *dlopen(const char *name, int flags)
{
    void *(*real)(const char *, int);
    void *function = next("dlopen");
    memcpy(&real, &function, sizeof real);
    if (name)
        note("open", name);
    return real(name, flags);
}

EXPORTED void *dlmopen(Lmid_t space, const char *name, int flags)
{
    void *(*real)(Lmid_t, const char *, int);
    void *function = next("dlmopen");
    memcpy(&real, &function, sizeof real);
    if (name)
        note("open", name);
    return real(space, name, flags);
}

EXPORTED int dlclose(void *handle)
{
    int (*real)(void *);
    void *function = next("dlclose");
    struct link_map *map = NULL;
    memcpy(&real, &function, sizeof real);
    dlinfo(handle, RTLD_DI_LINKMAP, &map);
    note("close", map ? map->l_name : "?");
    return real(handle);
}
