// SPDX-License-Identifier: MIT
/*
 * Help is what p11dbus says of itself: of all commands together, or of one.
 */
#ifndef P11D_HELP_H
#define P11D_HELP_H

#include "command.h"

/* Prints the help of command, or the overview for NULL. */
void p11d_help_print(const P11dCommand *command);

/* The command of that name; NULL with error set, which says what may have been meant. */
const P11dCommand *p11d_help_find(const char *name, GError **error);

#endif
