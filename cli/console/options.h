// SPDX-License-Identifier: MIT
/*
 * Options are what commands have in common on their command line. They are described once, in the
 * tables of options.c, from which they are parsed and the help is printed.
 */
#ifndef P11D_OPTIONS_H
#define P11D_OPTIONS_H

#include <glib.h>

/* Which shared options a command takes besides the common ones. */
enum {
    P11D_OPTIONS_MODULE = 1 << 0, /* -m, and how it is initialised: --init-reserved, --bus,
                                     --timeout */
    P11D_OPTIONS_KEY = 1 << 1,    /* -k */
    P11D_OPTIONS_CHOICE = 1 << 2, /* --token, --label, --id */
    P11D_OPTIONS_PIN = 1 << 3,    /* --pin-file and its kin */
    P11D_OPTIONS_JSON = 1 << 4,   /* --json */
    /* As P11D_OPTIONS_MODULE, but -m may name several. */
    P11D_OPTIONS_MODULES = 1 << 5,
};

typedef struct P11dOptions {
    gboolean help;
    gboolean version;
    gboolean quiet;
    gboolean verbose;
    char *color; /* "auto", "always" or "never" */
    gboolean json;

    char *module;        /* a path or the name of a p11-kit configuration; NULL: the default */
    char **modules;      /* several of these (hosts.h), NULL-terminated; NULL: the default */
    char *init_reserved; /* for pReserved of C_Initialize */
    char *bus;
    int timeout; /* seconds; 0: none */

    char *key;            /* an RFC 7512 URI */
    gboolean key_is_last; /* nothing stands behind it on the command line */
    char *token;
    char *label;
    char *id; /* hex */

    char *pin_file;
    int pin_fd; /* -1: none */
    gboolean no_input;
    gboolean last_try;
} P11dOptions;

struct P11dCommand;

/*
 * Parses what follows the command's name; arguments (NULL-terminated, argument 0 is the name) keeps
 * what is no option. Returns NULL with error set to a usage error; lives until the process ends.
 */
const P11dOptions *p11d_options_parse(const struct P11dCommand *command, char ***arguments,
                                      GError **error);

/* The options that command takes, of const GOptionEntry. The caller unrefs the array. */
GPtrArray *p11d_options_list(const struct P11dCommand *command);

#endif
