// SPDX-License-Identifier: MIT
/*
 * A procstate is what a library can change in its host's process: threads, descriptors, signal
 * handling, umask, working directory, locale and environment. It is taken before and after, and
 * the differences are told. libc alone.
 */
#ifndef P11D_PROCSTATE_H
#define P11D_PROCSTATE_H

#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

/* What is beyond these is not looked at. */
#define P11D_PROCSTATE_THREADS 256
#define P11D_PROCSTATE_DESCRIPTORS 1024
#define P11D_PROCSTATE_SIGNALS 32
#define P11D_PROCSTATE_TEXT 1024

typedef struct P11dProcstate {
    size_t threads;
    struct {
        pid_t id;
        char name[32];
    } thread[P11D_PROCSTATE_THREADS];
    size_t descriptors;
    struct {
        int number;
        int close_on_exec;
        char target[64]; /* what it is, as /proc/self/fd says */
    } descriptor[P11D_PROCSTATE_DESCRIPTORS];
    struct sigaction handler[P11D_PROCSTATE_SIGNALS]; /* of the signals below that number */
    sigset_t blocked;
    mode_t umask;
    char directory[P11D_PROCSTATE_TEXT];
    char locale[P11D_PROCSTATE_TEXT];
    char **environment; /* a copy; NULL if memory ran out */
} P11dProcstate;

/* Looks how things are now. */
void p11d_procstate_take(P11dProcstate *state);
void p11d_procstate_clear(P11dProcstate *state);

/* Gets one difference: what is one of the words "thread", "descriptor", "inherited" (a descriptor
 * that programs started from here get), "closed" (a descriptor), "handler", "ignored", "blocked",
 * "umask", "directory", "locale" and "environment"; text says which. */
typedef void P11dProcstateTell(const char *what, const char *text);

/* Tells how after differs from before: threads that are new, descriptors that are new or gone, all
 * else that is not the same. */
void p11d_procstate_compare(const P11dProcstate *before, const P11dProcstate *after,
                            P11dProcstateTell *tell);

/* What a leak makes grow: open descriptors, mappings (lines of /proc/self/maps) and bytes that
 * malloc has given out. */
size_t p11d_procstate_count_descriptors(void);
size_t p11d_procstate_count_mappings(void);
size_t p11d_procstate_count_heap(void);

#endif
