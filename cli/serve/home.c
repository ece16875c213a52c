// SPDX-License-Identifier: MIT
#include "home.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"
#include "key-directory.h"

#define NAME_ANOTHER "name another directory with --keys DIR"

/* The closest place above path that is there. */
static char *find_ground(const char *path)
{
    char *ground = g_path_get_dirname(path);
    while (!g_file_test(ground, G_FILE_TEST_EXISTS) && ground[1] != '\0') {
        char *above = g_path_get_dirname(ground);
        g_free(ground);
        ground = above;
    }
    return ground;
}

/* What is another user's stays as it is: with sudo, HOME may be that of whoever called it. */
static gboolean check_owner(const char *path, GError **error)
{
    struct stat status;
    if (stat(path, &status) != 0 || status.st_uid == geteuid())
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_FILE,
                     "run the service as that user, or name another directory with --keys DIR",
                     "cannot serve the keys of another: %s belongs to the user with id %u", path,
                     (unsigned)status.st_uid);
    return FALSE;
}

static gboolean make(const char *path, GError **error)
{
    g_autofree char *ground = find_ground(path);
    if (!check_owner(ground, error))
        return FALSE;
    if (g_mkdir_with_parents(path, 0700) == 0)
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_FILE, NAME_ANOTHER,
                     "cannot make the directory for keys %s: %s", path, g_strerror(errno));
    return FALSE;
}

char *p11d_home_provide(GError **error)
{
    struct stat status;
    char *found = p11d_key_directory_path();
    g_autofree char *path = g_strdup(found);
    free(found);
    if (!path) {
        p11d_failure_set(error, P11D_FAILURE_USAGE,
                         "name what to serve with --keys DIR, or set HOME",
                         "no directory of keys is known: neither XDG_DATA_HOME nor HOME is an "
                         "absolute path");
        return NULL;
    }
    const gboolean there = lstat(path, &status) == 0;
    if (there ? check_owner(path, error) : make(path, error))
        return g_steal_pointer(&path);
    return NULL;
}
