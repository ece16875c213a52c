// SPDX-License-Identifier: MIT
/*
 * A command is one verb of p11dbus: a row of the table in main.c, and one file of its own.
 */
#ifndef P11D_COMMAND_H
#define P11D_COMMAND_H

#include "options.h"

/*
 * Does the work. arguments: what is left of the command line, NULL-terminated.
 * Returns FALSE with error set (domain P11D_FAILURE) if anything of it failed.
 */
typedef gboolean P11dCommandRun(const P11dOptions *options, char **arguments, GError **error);

/* The i-th word that the first argument can be, NULL behind the last: for completions. */
typedef const char *P11dCommandWord(size_t i);

typedef struct P11dCommand {
    const char *name;
    const char *synopsis;        /* behind the name in the usage line */
    const char *summary;         /* one sentence; NULL: not listed in the help */
    const char *examples;        /* two, for the end of the help */
    unsigned groups;             /* P11D_OPTIONS_…: the shared options that it takes */
    const GOptionEntry *entries; /* its own options, or NULL */
    const char *arguments;       /* what its arguments are (meaning.h), or NULL */
    P11dCommandWord *word;       /* or NULL */
    P11dCommandRun *run;
} P11dCommand;

extern const P11dCommand p11d_command_list;
extern const P11dCommand p11d_command_sign;
extern const P11dCommand p11d_command_verify;
extern const P11dCommand p11d_command_serve;
extern const P11dCommand p11d_command_complete;

/* In main.c: the i-th command, NULL behind the last; the one of that name, or NULL; and the options
 * that can stand in place of a command, ended by an empty entry. */
const P11dCommand *p11d_command_at(size_t i);
const P11dCommand *p11d_command_find(const char *name);
extern const GOptionEntry p11d_command_instead[];

/* The verb under which the supervisor starts a worker, with the key directory behind it. It is in
 * no help: nobody types it. */
#define P11D_COMMAND_WORKER "worker"

/* The exit code of error, 0 for NULL: for the "code" of JSON. In main.c, the one place that knows
 * the codes. */
int p11d_command_exit_code(const GError *error);

#endif
