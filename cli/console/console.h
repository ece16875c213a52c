// SPDX-License-Identifier: MIT
/*
 * The console is where a command talks to whoever started it. stdout carries the result and nothing
 * else: the real one is set aside before any module is loaded, and what a module prints lands on
 * stderr. Everything said about progress and trouble goes to stderr.
 */
#ifndef P11D_CONSOLE_H
#define P11D_CONSOLE_H

#include <stdbool.h>
#include <stdio.h>

#include <json-glib/json-glib.h>

#include "options.h"

/* Sets stdout aside, makes sure that descriptors 0 to 2 are taken, and that what GLib finds strange
 * in the surroundings is not printed. Once, before all else. */
void p11d_console_setup(void);

/* Opens those of the descriptors 0 to 2 that are closed. A closed one would be given to the next
 * file opened, and whoever then prints writes into that file. */
void p11d_console_take_descriptors(void);

/* Takes over --quiet, --verbose and --color. options live until the process ends. */
void p11d_console_configure(const P11dOptions *options);

/* The real stdout. */
FILE *p11d_console_result(void);
/* True if the real stdout is a terminal. */
bool p11d_console_result_is_terminal(void);
/* Its width in columns; 0 if it is no terminal. */
int p11d_console_width(void);

/* Prints root, which is consumed, on the real stdout. */
void p11d_console_print_json(JsonNode *root);

/* Flushes the real stdout. Returns FALSE with error set if not all of it could be written; that is
 * said once. Where who read it has hung up, as head(1) does, the error counts as told. */
gboolean p11d_console_flush(GError **error);

/* Says something on stderr unless --quiet; _detail: only with --verbose. */
void p11d_console_note(const char *format, ...) G_GNUC_PRINTF(1, 2);
void p11d_console_detail(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Says how a check ended: good, in green, unless --quiet; or bad, in red, in any case. */
void p11d_console_verdict(bool good, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Colours of a terminal (ECMA-48, section 8.3.117). */
#define P11D_CONSOLE_RED "31"
#define P11D_CONSOLE_GREEN "32"
#define P11D_CONSOLE_YELLOW "33"

/* text in that colour (NULL: as it is), or in bold, if the real stdout takes colours. The caller
 * frees it. */
char *p11d_console_paint(const char *color, const char *text);
char *p11d_console_bold(const char *text);

/* True if somebody looks at stderr who wants to see how far things are. */
bool p11d_console_shows_progress(void);

/* Tells error and its hint on stderr, unless that was done, and marks it as told. */
void p11d_console_tell(GError *error);

/* The members "code", "ckr", "message" and "hint" of error; and the whole document that a command
 * prints that failed. The caller owns them. */
JsonNode *p11d_console_json_of_error(const GError *error);
JsonNode *p11d_console_json_of_failure(const GError *error);

#endif
