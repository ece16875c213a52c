// SPDX-License-Identifier: MIT
/*
 * A usage is what --help says of a command: made of its tables, in lines that fit a terminal.
 */
#ifndef P11D_USAGE_H
#define P11D_USAGE_H

#include <glib.h>

#include "command.h"

/* How many columns a help has: those of the terminal, but no more than can be read well; 80 where
 * it goes elsewhere. */
int p11d_usage_width(void);

/* The help of command, in lines of at most width columns where words are no longer than that. The
 * caller frees it. */
char *p11d_usage_of(const P11dCommand *command, int width);

/* Adds to text a line (or several) that says what name is: name stands behind indent blanks, what
 * at column, and below itself where that takes more than a line of width columns. */
void p11d_usage_add_row(GString *text, const char *name, const char *what, int indent, int column,
                        int width);

#endif
