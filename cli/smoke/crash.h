// SPDX-License-Identifier: MIT
/*
 * A crash is the place where a process died of a signal, or hung when it was asked: the library,
 * the offset in it and, where it has one, the symbol. A handler writes it into the journal; then
 * the process dies as it would have. libc alone, for the unload probe too.
 */
#ifndef P11D_CRASH_H
#define P11D_CRASH_H

#include "journal.h"

/* Sent to a process that hangs: it writes "hangs in …" and dies. */
#define P11D_CRASH_WHERE SIGQUIT

/* Takes over the signals of a crash, and P11D_CRASH_WHERE. To be called before a module is loaded:
 * what is loaded by then is not the module's. journal lives until the process ends. */
void p11d_crash_catch(P11dJournal *journal);

/* Remembers where the libraries are that are loaded now, so that a crash in one that was unmapped
 * since can be named. To be called after a module was loaded. */
void p11d_crash_remember(void);

/* "SIGSEGV"; "signal N" is "a signal". */
const char *p11d_crash_signal_name(int number);

#endif
