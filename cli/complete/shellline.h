// SPDX-License-Identifier: MIT
/*
 * A shellline is a command line as it stands in an editor, up to the cursor: quotes may still be
 * open, and nothing in it is run or expanded. bash hands it over like that; zsh and fish take their
 * lines apart themselves.
 */
#ifndef P11D_SHELLLINE_H
#define P11D_SHELLLINE_H

#include <stddef.h>

#include <glib.h>

typedef struct P11dShellline {
    char **words; /* without quotes; the last is the one at the cursor, perhaps empty */
    char quote;   /* the quotation mark that is open at the cursor, or 0 */
    size_t kept;  /* so many bytes of the last word stand before what a completion replaces */
} P11dShellline;

/* Takes text apart. replaced: how many bytes at its end a completion replaces (readline breaks
 * words at '=' and ':' too). FALSE if it is no line of a shell. */
gboolean p11d_shellline_parse(P11dShellline *line, const char *text, size_t replaced);
void p11d_shellline_clear(P11dShellline *line);

/* word, written so that the shell reads it as nothing but itself where quote is open (0: none is).
 * A mark that is open stays open. The caller frees it. */
char *p11d_shellline_quote(const char *word, char quote);

#endif
