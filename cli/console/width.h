// SPDX-License-Identifier: MIT
/*
 * A width is how many columns of a terminal a text takes: wide (East Asian) characters take two,
 * combining ones none.
 */
#ifndef P11D_WIDTH_H
#define P11D_WIDTH_H

#include <glib.h>

/* The width of UTF-8 text without control characters. */
int p11d_width_of(const char *text);

/* text, shortened in its middle, where a "…" then stands, to width columns (at least 1). The caller
 * frees it. */
char *p11d_width_shorten(const char *text, int width);

/*
 * Adds the words of text, which are separated by blanks, to out in lines of at most width columns
 * (0: in one) unless a word alone is longer. at: the column where the first begins; indent: that
 * where each further line does.
 */
void p11d_width_wrap(GString *out, const char *text, int at, int indent, int width);

#endif
