// SPDX-License-Identifier: MIT
/* Seeds that are texts: a program that writes them is their table, and this. */
#ifndef P11D_SEEDS_H
#define P11D_SEEDS_H

#include <glib/gstdio.h>

/* Writes count texts into the directory that is the one argument of main, each into a file with its
 * number for a name. Returns the exit code. */
static inline int seeds_write(int argc, char **argv, const char *const *texts, size_t count)
{
    if (argc != 2)
        return 2;
    g_mkdir(argv[1], 0777);
    for (size_t i = 0; i < count; i++) {
        g_autofree char *path = g_strdup_printf("%s/%zu", argv[1], i);
        g_autoptr(GError) error = NULL;
        if (!g_file_set_contents(path, texts[i], -1, &error))
            g_error("%s", error->message);
    }
    return 0;
}

#endif
