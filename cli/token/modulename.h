// SPDX-License-Identifier: MIT
/*
 * A modulename is what -m says: the path of a module, or the name of one that p11-kit has
 * configured (moduleconfig.h); with it goes what the module is told when it is initialised.
 */
#ifndef P11D_MODULENAME_H
#define P11D_MODULENAME_H

#include <glib.h>

#include "options.h"

/*
 * Finds the module that --module names. *path: for p11d_loader_open; *reserved: for
 * p11d_loader_initialize, NULL for none: --init-reserved, else what p11-kit has configured, with
 * the bus that --bus names. The caller frees both.
 */
gboolean p11d_modulename_resolve(const P11dOptions *options, char **path, char **reserved,
                                 GError **error);

/* True if the module at path is our own: the one that looks for its tokens on a bus. */
gboolean p11d_modulename_is_own(const char *path);

/* What to do about a module that cannot be loaded from path, or that has no such name: the names
 * that p11-kit has and that are near, if any. The caller frees it. */
char *p11d_modulename_hint(const char *path);

#endif
