// SPDX-License-Identifier: MIT
/*
 * A worker is the process that holds the keys of one token. It is started by the supervisor with
 * one end of a link (worker-link.h), announces its token on it, takes over the control channels of
 * clients, and serves them until the link hangs up. It never talks to a bus. Where keys come from
 * is the affair of a kind of worker, which is a program of its own.
 */
#ifndef P11D_WORKER_H
#define P11D_WORKER_H

#include "worker-token.h"

/* How a worker ends. */
typedef enum P11dWorkerExit {
    P11D_WORKER_DONE = 0,   /* the link hung up */
    P11D_WORKER_FAILED = 1, /* no memory, no threads, a broken link: starting it again may help */
    /* and P11D_WORKER_LINK_ANEW */
    P11D_WORKER_SOURCE = 3, /* what it is to serve cannot be used; the reason is on stderr */
} P11dWorkerExit;

typedef struct P11dWorkerKind {
    /* Prepares the process, after it has given up its privileges and before anything else. False
     * with the reason in the log. */
    bool (*set_up)(void);
    /* Opens the token of source, which the supervisor named. The result is freed by its own
     * operation. NULL with errno set (ENOMEM, or what is wrong with the source) and the reason in
     * the log. */
    P11dWorkerToken *(*open)(const char *source, P11dWorkerTokenWriters writers);
    /* Undoes set_up. */
    void (*tear_down)(void);
} P11dWorkerKind;

/*
 * Runs a worker on descriptor P11D_WORKER_LINK_DESCRIPTOR until the link hangs up. arguments: "-v"
 * if its log is to be verbose, P11D_WORKER_LINK_WRITERS_… if clients may change the source, which
 * is then a directory, and the source; NULL-terminated. To be called first thing in a process of
 * its own: it closes every descriptor above the link's, gives up privileges for the whole process,
 * and starts threads. Returns the process's exit status, a P11dWorkerExit. What an administrator
 * should know (a refused key file, say) goes to stderr, one line each.
 */
int p11d_worker_main(const P11dWorkerKind *kind, char *const *arguments);

#endif
