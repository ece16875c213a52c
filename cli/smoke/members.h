// SPDX-License-Identifier: MIT
/*
 * Members are the PKCS#11 modules that a module has loaded (loaded.h): what is found in it may be
 * their doing. Whose it is, is told by what each does alone.
 */
#ifndef P11D_MEMBERS_H
#define P11D_MEMBERS_H

#include <glib.h>

/* What -m takes for the module at path: the name of it that p11-kit has configured, as what it is
 * told when it is initialised goes with it, else the path. The caller frees it. */
char *p11d_members_name(const char *path);

/* Adds to detail, which begins with own, what was found by the same check in a member alone. */
void p11d_members_add(GString *detail, const char *own, const char *path, const char *found);

#endif
