// SPDX-License-Identifier: MIT
/*
 * A glob is how --check, --skip and their kin name rows of a table: '*' stands for any text, '?'
 * for any character.
 */
#ifndef P11D_GLOB_H
#define P11D_GLOB_H

#include <stdbool.h>

#include <glib.h>

/* The i-th name of a table, NULL behind the last. */
typedef const char *P11dGlobName(size_t i);

/* True if one of globs (NULL-terminated, or NULL) matches name. */
bool p11d_glob_matches_any(char **globs, const char *name);

/* True if glob matches one of the names. */
bool p11d_glob_has_match(const char *glob, P11dGlobName *name);

/* A glob that matches no name is a mistake, and silence about it would look like success: FALSE
 * with error set to a usage error, with hint. option: the option that the globs were given with;
 * what: what the names are of ("check"). */
gboolean p11d_glob_check(const char *option, char **globs, P11dGlobName *name, const char *what,
                         const char *hint, GError **error);

#endif
