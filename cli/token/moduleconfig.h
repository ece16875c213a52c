// SPDX-License-Identifier: MIT
/*
 * A moduleconfig is what p11-kit has configured under the name of a module (pkcs11.conf(5)). It is
 * read as p11-kit itself does: of the user's file, the machine's and the one that a package brought
 * the first that has a field counts, and what p11-kit would not load into this program is not
 * loaded here either. p11-kit's loader is never used.
 */
#ifndef P11D_MODULECONFIG_H
#define P11D_MODULECONFIG_H

#include <glib.h>

typedef struct P11dModuleconfig {
    char *path;     /* of the module; NULL: nothing is configured under that name */
    char *reserved; /* for pReserved of C_Initialize ("x-init-reserved"), or NULL */
} P11dModuleconfig;

/* Looks name up. Returns FALSE with error set for a file that cannot be read or is none
 * (P11D_FAILURE_FILE), and for a module that is not for this process (P11D_FAILURE_DEVICE). */
gboolean p11d_moduleconfig_read(P11dModuleconfig *config, const char *name, GError **error);
void p11d_moduleconfig_clear(P11dModuleconfig *config);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(P11dModuleconfig, p11d_moduleconfig_clear)

/* The names that are configured, NULL-terminated. The caller frees it with g_strfreev. */
char **p11d_moduleconfig_names(void);

#endif
