// SPDX-License-Identifier: MIT
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"
#include "standard.h"

/* By which the kernel names what a descriptor of this process is of. The caller frees it. */
static char *magic_link(int fd)
{
    return g_strdup_printf("/proc/self/fd/%d", fd);
}

gboolean p11d_tree_open(P11dTree *tree, const char *path, GError **error)
{
    bool is_here =
        p11d_standard_is_input(path) || p11d_standard_descriptor(path) >= 0 || !strchr(path, '/');
    g_autofree char *directory = is_here ? g_strdup(".") : g_path_get_dirname(path);
    tree->fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (tree->fd < 0) {
        p11d_failure_set(error, P11D_FAILURE_FILE, NULL, "cannot open the directory of %s: %s",
                         path, g_strerror(errno));
        return FALSE;
    }
    tree->prefix = is_here ? g_strdup("") : g_strndup(path, (gsize)(strrchr(path, '/') - path) + 1);
    return TRUE;
}

void p11d_tree_clear(P11dTree *tree)
{
    if (tree->prefix)
        close(tree->fd);
    g_clear_pointer(&tree->prefix, g_free);
}

/* Whether the name itself says that it leads out of the tree, whatever is there. */
static bool is_named_outside(const char *name)
{
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);
    return *name == '/' || g_strv_contains((const char *const *)parts, "..");
}

/* Whether what fd is of lies below the directory: both are asked of the kernel, which has followed
 * the links. */
static bool is_below(const P11dTree *tree, int fd)
{
    g_autofree char *directory_link = magic_link(tree->fd);
    g_autofree char *file_link = magic_link(fd);
    g_autofree char *directory = g_file_read_link(directory_link, NULL);
    g_autofree char *file = g_file_read_link(file_link, NULL);
    if (!directory || !file || *directory != '/')
        return false;
    size_t size = strlen(directory);
    if (strcmp(directory, "/") == 0)
        size = 0;
    return strncmp(file, directory, size) == 0 && file[size] == '/';
}

static int fail(P11dTreeAnswer *answer, P11dTreeAnswer why, const char *shown, const char *text,
                GError **error)
{
    *answer = why;
    p11d_failure_set(
        error, P11D_FAILURE_FILE,
        why == P11D_TREE_OUTSIDE ? "a list is about what lies in its directory, or below it" : NULL,
        "cannot read %s: %s", shown, text);
    return -1;
}

/* The file, open for its path alone: that neither waits nor does anything to what it is. -1 with
 * error set. */
static int find(const P11dTree *tree, const char *name, const char *shown, P11dTreeAnswer *answer,
                GError **error)
{
    static const char outside[] = "it lies outside of the directory of the list";
    struct stat status;
    if (is_named_outside(name))
        return fail(answer, P11D_TREE_OUTSIDE, shown, outside, error);
    int fd = openat(tree->fd, name, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return fail(answer, errno == ENOENT ? P11D_TREE_MISSING : P11D_TREE_FAILED, shown,
                    g_strerror(errno), error);
    if (!is_below(tree, fd))
        fail(answer, P11D_TREE_OUTSIDE, shown, outside, error);
    else if (fstat(fd, &status) < 0)
        fail(answer, P11D_TREE_FAILED, shown, g_strerror(errno), error);
    else if (!S_ISREG(status.st_mode))
        fail(answer, P11D_TREE_FAILED, shown, "it is no regular file", error);
    else
        return fd;
    close(fd);
    return -1;
}

P11dInput *p11d_tree_open_file(const P11dTree *tree, const char *name, P11dTreeAnswer *answer,
                               GError **error)
{
    g_autofree char *shown = g_strconcat(*name == '/' ? "" : tree->prefix, name, NULL);
    *answer = P11D_TREE_FOUND;
    int place = find(tree, name, shown, answer, error);
    if (place < 0)
        return NULL;
    g_autofree char *link = magic_link(place);
    int fd = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        fail(answer, P11D_TREE_FAILED, shown, g_strerror(errno), error);
    close(place);
    return fd >= 0 ? p11d_input_of_descriptor(fd, shown) : NULL;
}
