// SPDX-License-Identifier: MIT
#include "beside.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "failure.h"
#include "format.h"

static void add(GPtrArray *suffixes, const char *suffix)
{
    if (suffix && !g_ptr_array_find_with_equal_func(suffixes, suffix, g_str_equal, NULL))
        g_ptr_array_add(suffixes, (gpointer)suffix);
}

/* All that the formats know, in their order. The caller frees the array. */
static GPtrArray *list_suffixes(void)
{
    GPtrArray *suffixes = g_ptr_array_new();
    for (size_t i = 0; p11d_format_get(i); i++) {
        const P11dFormat *format = p11d_format_get(i);
        add(suffixes, format->suffix);
        add(suffixes, format->attached_suffix);
        add(suffixes, format->other_suffix);
    }
    return suffixes;
}

/* Whether there is something of that name; what cannot be looked at is found out by reading it. */
static bool is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 ||
           (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG);
}

/* "a, b or c" */
static char *join(const GPtrArray *names, const char *last)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < names->len; i++)
        g_string_append_printf(text, "%s%s",
                               i == 0                ? ""
                               : i + 1 == names->len ? last
                                                     : ", ",
                               (const char *)names->pdata[i]);
    return g_string_free(text, FALSE);
}

/* The file that lies beside one which is itself named like its signature; NULL if it is not. The
 * caller frees it. */
static char *find_signed(const char *file)
{
    g_autoptr(GPtrArray) suffixes = list_suffixes();
    for (guint i = 0; i < suffixes->len; i++) {
        g_autofree char *base = g_str_has_suffix(file, suffixes->pdata[i])
                                    ? g_strndup(file, strlen(file) - strlen(suffixes->pdata[i]))
                                    : NULL;
        if (base && is_there(base))
            return g_steal_pointer(&base);
    }
    return NULL;
}

static void set_missing(const char *file, const GPtrArray *looked_for, GError **error)
{
    if (!is_there(file)) {
        p11d_failure_set(error, P11D_FAILURE_FILE, NULL, "cannot read %s: %s", file,
                         g_strerror(errno));
        return;
    }
    if (g_file_test(file, G_FILE_TEST_IS_DIR)) {
        p11d_failure_set(error, P11D_FAILURE_FILE, "name the files in it",
                         "cannot read %s: it is a directory", file);
        return;
    }
    g_autofree char *names = join(looked_for, " or ");
    g_autofree char *base = find_signed(file);
    g_autofree char *hint =
        base ? g_strdup_printf("it seems to be the signature of %s: name that", base) : NULL;
    p11d_failure_set(error, P11D_FAILURE_NO_MATCH,
                     hint ? hint
                          : "name the signature: -s SIGNATURE; or what is behind its file's name: "
                            "--suffix SUFFIX",
                     "there is no signature beside %s: no %s", file, names);
}

/* The signature was not named by anybody: what would block or never end is not read. */
static gboolean check_regular(const char *path, GError **error)
{
    struct stat status;
    if (stat(path, &status) < 0)
        p11d_failure_set(error, P11D_FAILURE_FILE, NULL, "cannot read %s: %s", path,
                         g_strerror(errno));
    else if (!S_ISREG(status.st_mode))
        p11d_failure_set(error, P11D_FAILURE_FILE, "name the signature: -s SIGNATURE",
                         "cannot read %s: it is no regular file", path);
    else
        return TRUE;
    return FALSE;
}

char *p11d_beside_find(const char *file, const char *suffix, GError **error)
{
    g_autoptr(GPtrArray) suffixes = suffix ? g_ptr_array_new() : list_suffixes();
    g_autoptr(GPtrArray) looked_for = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    add(suffixes, suffix);
    for (guint i = 0; i < suffixes->len; i++) {
        char *path = g_strconcat(file, suffixes->pdata[i], NULL);
        g_ptr_array_add(looked_for, path);
        if (is_there(path))
            g_ptr_array_add(found, path);
    }
    if (found->len > 1) {
        g_autofree char *names = join(found, " and ");
        p11d_failure_set(
            error, P11D_FAILURE_AMBIGUOUS,
            "name one: -s SIGNATURE; or what is behind its file's name: --suffix SUFFIX",
            "there is more than one signature beside %s: %s", file, names);
        return NULL;
    }
    if (found->len == 0)
        set_missing(file, looked_for, error);
    else if (check_regular(found->pdata[0], error))
        return g_strdup(found->pdata[0]);
    return NULL;
}
