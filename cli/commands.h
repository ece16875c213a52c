// SPDX-License-Identifier: MIT
/*
 * Commands are all the verbs of p11dbus: a row of the table in commands.c each, and a file of its
 * own.
 */
#ifndef P11D_COMMANDS_H
#define P11D_COMMANDS_H

#include "command.h"

extern const P11dCommand p11d_command_list;
extern const P11dCommand p11d_command_audit;
extern const P11dCommand p11d_command_sign;
extern const P11dCommand p11d_command_verify;
extern const P11dCommand p11d_command_serve;
extern const P11dCommand p11d_command_smoke;
extern const P11dCommand p11d_command_help;
extern const P11dCommand p11d_command_smoke_check; /* hidden: one check, in a process of its own */
extern const P11dCommand p11d_command_complete;

/* The i-th command, NULL behind the last; and the one of that name, or NULL. */
const P11dCommand *p11d_commands_at(size_t i);
const P11dCommand *p11d_commands_find(const char *name);

/* The options that can stand in place of a command, ended by an empty entry. */
enum { P11D_COMMANDS_HELP, P11D_COMMANDS_VERSION };
extern const GOptionEntry p11d_commands_instead[];

#endif
