// SPDX-License-Identifier: MIT
/*
 * A command is one verb of p11dbus: what it is called, what options it takes, and what it does.
 */
#ifndef P11D_COMMAND_H
#define P11D_COMMAND_H

#include <stdbool.h>

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
    bool times_itself; /* what --timeout means is the command's own affair */
} P11dCommand;

#endif
