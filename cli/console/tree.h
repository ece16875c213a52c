// SPDX-License-Identifier: MIT
/*
 * A tree is a directory with all that lies below it, and nothing else: files are read by names that
 * somebody else has written down, and no such name leads out of it, be it by "..", from the root of
 * the file system, or over a symbolic link. What is no regular file is not read, so that nothing
 * blocks.
 */
#ifndef P11D_TREE_H
#define P11D_TREE_H

#include "input.h"

typedef struct P11dTree {
    int fd;       /* of the directory, for its path alone */
    char *prefix; /* what to show before a name of a file: "", "release/" */
} P11dTree;

/* Why a file of it cannot be read. */
typedef enum P11dTreeAnswer {
    P11D_TREE_FOUND,
    P11D_TREE_MISSING, /* there is none of that name */
    P11D_TREE_OUTSIDE, /* the name leads out of the tree */
    P11D_TREE_FAILED,
} P11dTreeAnswer;

/* The tree that the file at path lies in, by that name; of what is nothing but a descriptor, as
 * standard input is, the current directory. FALSE with
 * error set (file). What was set is cleared in any case. */
gboolean p11d_tree_open(P11dTree *tree, const char *path, GError **error);
void p11d_tree_clear(P11dTree *tree);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(P11dTree, p11d_tree_clear)

/* Opens the file of that name. NULL with error set (file) and *answer saying why. */
P11dInput *p11d_tree_open_file(const P11dTree *tree, const char *name, P11dTreeAnswer *answer,
                               GError **error);

#endif
