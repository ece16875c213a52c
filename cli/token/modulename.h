// SPDX-License-Identifier: MIT
/*
 * A modulename is what -m says: the path of a module, or the name of one that p11-kit has
 * configured. Only p11-kit's configuration files are read; its loader is never used.
 */
#ifndef P11D_MODULENAME_H
#define P11D_MODULENAME_H

#include <glib.h>

#include "options.h"

/*
 * Finds the module that --module and --bus name. *path: for p11d_loader_open; *reserved: for
 * p11d_loader_initialize, NULL for none; the caller frees both.
 */
gboolean p11d_modulename_resolve(const P11dOptions *options, char **path, char **reserved,
                                 GError **error);

/* The names that p11-kit has configured, NULL-terminated. The caller frees it with g_strfreev. */
char **p11d_modulename_configured(void);

/* True if the module at path is our own: the one that looks for its tokens on a bus. */
gboolean p11d_modulename_is_own(const char *path);

#endif
