// SPDX-License-Identifier: MIT
/*
 * The log of a process of the service is its standard error: one line for each thing that an
 * administrator should know, each written at once so that lines of several workers do not mix. It
 * never holds a secret. A verbose one also has what is done: see trail.h.
 */
#ifndef P11D_LOG_H
#define P11D_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* Room for any name of a file as p11d_log_quote writes it. */
#define P11D_LOG_QUOTED_SIZE 1024

/* Writes "p11dbus: ", the text and a newline. Characters that are not to be seen, and bytes that
 * are no text, which names of files may hold, are written as \xNN; what is longer than 2 KiB is
 * cut. */
void p11d_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same without "p11dbus: ": for what goes with a line, and for news that is no trouble. */
void p11d_log_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* To be called before other threads run. */
void p11d_log_set_verbose(bool verbose);
/* For who would format something that nobody reads otherwise. */
bool p11d_log_is_verbose(void);

/* text between '"', so that it cannot be taken for what stands around it: with \" and \\, and \xNN
 * as above. What does not fit is cut. Returns quoted. */
const char *p11d_log_quote(const char *text, char quoted[P11D_LOG_QUOTED_SIZE]);

#endif
