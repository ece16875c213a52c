// SPDX-License-Identifier: MIT
/*
 * What the supervisor of these tests finds beside itself: a worker that does what no worker should
 * for a directory whose name begins with "unruly-", one that was built from other sources for a
 * name that begins with "newer" ($NEWER_KEYS), and for all others the real one ($KEYS).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unruly-worker.h"

static const char *name_of(const char *directory)
{
    const char *slash = strrchr(directory, '/');
    return slash ? slash + 1 : directory;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    const char *name = name_of(argv[argc - 1]);
    if (strncmp(name, "unruly-", 7) == 0)
        return unruly_worker_main(name + 7);
    argv[0] = getenv(strncmp(name, "newer", 5) == 0 ? "NEWER_KEYS" : "KEYS");
    execv(argv[0], argv);
    return 2;
}
