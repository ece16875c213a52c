// SPDX-License-Identifier: MIT
/*
 * The home of a user's keys: the directory that serve serves where none is named
 * (key-directory.h), made for its user alone if it is not there.
 */
#ifndef P11D_HOME_H
#define P11D_HOME_H

#include <glib.h>

/*
 * Returns the path of the directory, which is there then, and belongs to this user; the caller
 * frees it with g_free. Else NULL with error set: P11D_FAILURE_USAGE if the environment does not
 * say where it is, P11D_FAILURE_FILE if it cannot be made or belongs to somebody else.
 */
char *p11d_home_provide(GError **error);

#endif
