// SPDX-License-Identifier: MIT
/*
 * An output is where a signature goes: a file, which appears whole or not at all, or standard
 * output.
 */
#ifndef P11D_OUTPUT_H
#define P11D_OUTPUT_H

#include <glib.h>

/* Looks whether path is the file that is read as input (or standard input), under whatever name.
 */
gboolean p11d_output_check_input(const char *path, const char *input, GError **error);

/* Looks whether writing to path can work, before a key is used for it: the file must not be there
 * unless force is set, its directory must be writable, and standard output must be no terminal
 * unless text is written. */
gboolean p11d_output_check(const char *path, gboolean text, gboolean force, GError **error);

/* Writes bytes to path. Whatever goes wrong, no part of a file is left behind, and what was there
 * before stays; without force it stays in any case. */
gboolean p11d_output_write(const char *path, GBytes *bytes, gboolean force, GError **error);

#endif
