// SPDX-License-Identifier: MIT
/*
 * An asker is a process that asks tokens in our place, so that no module can harm or hold up
 * whoever presses a key: it has no terminal to ask for a PIN on, what a module prints goes nowhere,
 * and it is ended after a moment.
 */
#ifndef P11D_ASKER_H
#define P11D_ASKER_H

#include <stdio.h>

#include <glib.h>

/* Writes lines to out. What it has flushed counts even where it does not come to its end. */
typedef void P11dAskerWork(gconstpointer data, FILE *out);

/* Runs work in a process of its own, and copies the whole lines that it has written within 1.5
 * seconds (no more than 4 MiB) to stream. Where there can be no process there are no lines. */
void p11d_asker_run(P11dAskerWork *work, gconstpointer data, FILE *stream);

#endif
