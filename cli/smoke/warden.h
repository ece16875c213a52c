// SPDX-License-Identifier: MIT
/*
 * A warden is a process that starts a program, ends it when its time is over, and ends whatever the
 * program has started: its process group, and those that left it. It loads nothing, so that it
 * stays in charge whatever happens in there.
 */
#ifndef P11D_WARDEN_H
#define P11D_WARDEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "journal.h"

typedef struct P11dWard {
    char *const *arguments; /* of /proc/self/exe, the program's name included */
    const int *keep;        /* descriptors that the program gets, ended by -1 */
    unsigned seconds;       /* that it may take */
    bool silent;            /* what it prints goes nowhere */
    P11dJournal *journal;   /* gets its end: P11D_JOURNAL_EXITED … */
} P11dWard;

/* Starts a warden, which is a child of this process and ends when all of its ward has ended.
 * Returns -1 with errno set. A warden ends its ward too when it is told to end, or when this
 * process ends. */
pid_t p11d_warden_start(const P11dWard *ward);

#endif
