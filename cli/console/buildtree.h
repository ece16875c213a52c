// SPDX-License-Identifier: MIT
/*
 * A buildtree is where p11dbus lies when it runs from where it was built: what belongs to it is
 * then taken from there, not from where it would be installed.
 */
#ifndef P11D_BUILDTREE_H
#define P11D_BUILDTREE_H

/* The file at that path relative to the program, or else at installed. The caller frees it. */
char *p11d_buildtree_find(const char *relative, const char *installed);

#endif
