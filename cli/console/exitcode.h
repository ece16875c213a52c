// SPDX-License-Identifier: MIT
/*
 * An exit code is what a failure is to the script that started p11dbus: a number for each kind. The
 * table in exitcode.c is the one place that knows the numbers.
 */
#ifndef P11D_EXITCODE_H
#define P11D_EXITCODE_H

#include <stddef.h>

#include <glib.h>

typedef struct P11dExitcode {
    int code;
    const char *meaning; /* in a few words, for the help; NULL: the row before says it */
} P11dExitcode;

/* The exit code of error, 0 for NULL. An error of another domain than P11D_FAILURE, which nobody
 * gave a kind, is trouble with the device. */
int p11d_exitcode_of(const GError *error);

/* For who goes on after an error: leaves in *worst the one of the two with the higher exit code,
 * and frees the other. error: NULL is none. */
void p11d_exitcode_keep_worst(GError **worst, GError *error);

/* Row i of the table, in the order of P11dFailure; NULL behind the last. */
const P11dExitcode *p11d_exitcode_at(size_t i);

#endif
