// SPDX-License-Identifier: MIT
/*
 * A worker is the process that holds the keys of one key directory. It is started by the
 * supervisor with one end of a link (worker-link.h), announces its token on it, takes over the
 * control channels of clients, and serves them until the link hangs up. It never talks to a bus.
 */
#ifndef P11D_WORKER_H
#define P11D_WORKER_H

/* How a worker ends. */
typedef enum P11dWorkerExit {
    P11D_WORKER_DONE = 0,   /* the link hung up */
    P11D_WORKER_FAILED = 1, /* no memory, no threads, a broken link: starting it again may help */
    P11D_WORKER_DIRECTORY = 3, /* the directory cannot be used; the reason is on stderr */
} P11dWorkerExit;

/*
 * Runs a worker for a key directory on descriptor P11D_WORKER_LINK_DESCRIPTOR until the link hangs
 * up. arguments: "-v" if its log is to be verbose, and the directory; NULL-terminated. To be called
 * first thing in a process of its own: it closes every descriptor above the link's, gives up
 * privileges for the whole process, and starts threads. Returns the process's exit status, a
 * P11dWorkerExit. What an administrator should know (a refused key file, say) goes to stderr, one
 * line each.
 */
int p11d_worker_main(char *const *arguments);

#endif
