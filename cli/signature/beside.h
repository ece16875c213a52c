// SPDX-License-Identifier: MIT
/*
 * Beside a file lies its signature, in a file of the same name with a suffix: what sign writes
 * there (format.h), or what others do.
 */
#ifndef P11D_BESIDE_H
#define P11D_BESIDE_H

#include <glib.h>

/* The path of the one signature beside file; suffix: the one to look for, or NULL for all that are
 * known. The caller frees it. NULL with error set: there is none (no match) or more than one
 * (ambiguous), file is not there, or what is found is no regular file (file). */
char *p11d_beside_find(const char *file, const char *suffix, GError **error);

#endif
