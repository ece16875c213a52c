// SPDX-License-Identifier: MIT
/*
 * A terminal is a descriptor that a person looks at: what can be done there that would spoil a file
 * or a pipe.
 */
#ifndef P11D_TERMINAL_H
#define P11D_TERMINAL_H

#include <stdbool.h>

/* True if fd is a terminal that knows colours and moving the cursor ($TERM is not "dumb"). */
bool p11d_terminal_is_capable(int fd);

/* How many columns a line of fd has: as the terminal says, else as $COLUMNS does; 0 if
 * neither does. */
unsigned p11d_terminal_columns(int fd);

/* Replaces what was drawn before by text of one line, on stderr; "" takes it away. */
void p11d_terminal_draw(const char *text);

/* What to write to stderr so that nothing that was drawn is left. For signal handlers too. */
const char *p11d_terminal_eraser(void);

#endif
