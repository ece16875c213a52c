// SPDX-License-Identifier: MIT
/*
 * The PKCS#11 modules that are loaded in this process besides the one that it was asked to load,
 * which has brought them: as p11-kit-proxy.so and pkcs11-spy.so do. libc alone.
 */
#ifndef P11D_LOADED_H
#define P11D_LOADED_H

#include <stdbool.h>

/* Remembers what is in the process now, which that module has not brought. */
void p11d_loaded_remember(void);

/* Calls found with the path of each that has come since, but for the module at own itself. */
void p11d_loaded_each(const char *own, void (*found)(const char *path, void *data), void *data);

/* Whether both paths lead to one file. */
bool p11d_loaded_is_same(const char *a, const char *b);

#endif
