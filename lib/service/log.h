// SPDX-License-Identifier: MIT
/*
 * The log of a worker is its standard error: one line for each thing that an administrator should
 * know, each written at once so that lines of several workers do not mix. It never holds a secret.
 */
#ifndef P11D_LOG_H
#define P11D_LOG_H

/* Writes "p11dbus: ", the text and a newline. Control characters, which names of files may hold,
 * are written as '?'; what is longer than 1 KiB is cut. */
void p11d_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
