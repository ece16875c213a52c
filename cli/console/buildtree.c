// SPDX-License-Identifier: MIT
#include "buildtree.h"

#include <glib.h>

char *p11d_buildtree_find(const char *relative, const char *installed)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    if (program) {
        g_autofree char *directory = g_path_get_dirname(program);
        g_autofree char *built = g_build_filename(directory, relative, NULL);
        if (g_file_test(built, G_FILE_TEST_IS_REGULAR))
            return g_canonicalize_filename(built, NULL);
    }
    return g_strdup(installed);
}
