// SPDX-License-Identifier: MIT
#include "tree.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"

static const struct {
    const char *name;
    P11dTreeAnswer answer;
} rows[] = {
    {"file", P11D_TREE_FOUND},
    {"sub/file", P11D_TREE_FOUND},
    {"./sub/../file", P11D_TREE_OUTSIDE},
    {"link", P11D_TREE_FOUND},
    {"deep/file", P11D_TREE_FOUND},
    {"none", P11D_TREE_MISSING},
    {"none/file", P11D_TREE_MISSING},
    {"dangling", P11D_TREE_MISSING},
    {"file/none", P11D_TREE_FAILED},
    {"loop", P11D_TREE_FAILED},
    {"sub", P11D_TREE_FAILED},
    {"fifo", P11D_TREE_FAILED},
    {"..", P11D_TREE_OUTSIDE},
    {"../beside", P11D_TREE_OUTSIDE},
    {"../tree/file", P11D_TREE_OUTSIDE},
    {"sub/..", P11D_TREE_OUTSIDE},
    {"/dev/null", P11D_TREE_OUTSIDE},
    {"out", P11D_TREE_OUTSIDE},
    {"up/beside", P11D_TREE_OUTSIDE},
    {"up/tree2/file", P11D_TREE_OUTSIDE}, /* which begins as the path of the tree does */
    {"device", P11D_TREE_OUTSIDE},
    {"...", P11D_TREE_FOUND},
    {"..file", P11D_TREE_FOUND},
};

/* What the rows are about, in a directory of its own. */
static char *home;
static const char *const directories[] = {"tree", "tree/sub", "tree2"};
static const char *const files[] = {"tree/file",   "tree/sub/file", "tree/...",
                                    "tree/..file", "tree2/file",    "beside"};
static const struct {
    const char *target; /* NULL: a FIFO */
    const char *path;
} others[] = {
    {"sub/file", "tree/link"}, {"sub", "tree/deep"},         {"nowhere", "tree/dangling"},
    {"loop", "tree/loop"},     {"../beside", "tree/out"},    {"..", "tree/up"},
    {"tree", "link"},          {"/dev/null", "tree/device"}, {NULL, "tree/fifo"},
};

static void make(void)
{
    home = g_dir_make_tmp("p11dbus-tree-XXXXXX", NULL);
    cr_assert(home && chdir(home) == 0);
    for (size_t i = 0; i < G_N_ELEMENTS(directories); i++)
        cr_assert_eq(mkdir(directories[i], 0700), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        cr_assert(g_file_set_contents(files[i], "text", -1, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        cr_assert_eq(others[i].target ? symlink(others[i].target, others[i].path)
                                      : mkfifo(others[i].path, 0600),
                     0);
}

static void remove_all(void)
{
    cr_assert_eq(chdir(home), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        unlink(others[i].path);
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        unlink(files[i]);
    for (size_t i = G_N_ELEMENTS(directories); i > 0; i--)
        rmdir(directories[i - 1]);
    cr_assert_eq(rmdir(home), 0);
    g_free(home);
}

TestSuite(tree, .init = make, .fini = remove_all);

/* path: of a file in the tree; shown: what is put before names that are shown. */
static void look(const char *path, const char *shown)
{
    g_auto(P11dTree) tree = {0};
    cr_assert(p11d_tree_open(&tree, path, NULL));
    cr_assert_str_eq(tree.prefix, shown);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        P11dTreeAnswer answer;
        g_autoptr(GError) error = NULL;
        g_autoptr(P11dInput) input = p11d_tree_open_file(&tree, rows[i].name, &answer, &error);
        cr_assert_eq(answer, rows[i].answer, "%s from %s: %d", rows[i].name, path, (int)answer);
        cr_assert_eq(input != NULL, answer == P11D_TREE_FOUND);
        cr_assert(input ? !error : g_error_matches(error, P11D_FAILURE, P11D_FAILURE_FILE));
        g_autoptr(GBytes) text = input ? p11d_input_read_all(input, 10, NULL) : NULL;
        cr_assert(!input || g_bytes_get_size(text) == 4, "%s", rows[i].name);
    }
}

Test(tree, names_from_every_way_to_name_the_directory)
{
    look("tree/list", "tree/");
    look("./tree//list", "./tree//");
    look("link/list", "link/");
    cr_assert_eq(chdir("tree"), 0);
    look("list", "");
    look("../tree/list", "../tree/");
    look("-", "");
    look("/dev/stdin", "");
    g_auto(P11dTree) none = {0};
    g_autoptr(GError) error = NULL;
    cr_assert_not(p11d_tree_open(&none, "none/list", &error));
    cr_assert(g_error_matches(error, P11D_FAILURE, P11D_FAILURE_FILE));
}

Test(tree, the_root_of_the_file_system)
{
    g_auto(P11dTree) tree = {0};
    P11dTreeAnswer answer;
    g_autofree char *file = g_build_filename(home + 1, "tree/file", NULL);
    cr_assert(p11d_tree_open(&tree, "/list", NULL));
    g_autoptr(P11dInput) input = p11d_tree_open_file(&tree, file, &answer, NULL);
    cr_assert(input);
}
