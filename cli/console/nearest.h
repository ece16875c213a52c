// SPDX-License-Identifier: MIT
/*
 * The nearest are the names that whoever typed an unknown one may have meant: a letter wrong,
 * missing, too many or swapped, the start of a name alone, or another case or Unicode form. They
 * are said and never taken.
 */
#ifndef P11D_NEAREST_H
#define P11D_NEAREST_H

#include <glib.h>

/* At most so many are said. */
#define P11D_NEAREST_MAX 3

/* Those of names (NULL-terminated) that are nearest to word, each once, NULL-terminated; none that
 * is far, and not word itself. The caller frees it with g_strfreev. */
char **p11d_nearest_find(const char *word, const char *const *names);

/* "did you mean A, B or C? " and then otherwise; otherwise alone (NULL: "") where nothing is near.
 * Each name stands between before and after. What names hold is made visible. The caller frees it.
 */
char *p11d_nearest_hint(const char *word, const char *const *names, const char *before,
                        const char *after, const char *otherwise);

#endif
