// SPDX-License-Identifier: MIT
/*
 * A pool runs jobs on threads. It begins with one thread and adds one whenever a job finds all of
 * them busy, up to a limit; beyond that jobs wait in their order. Threads stay until the pool is
 * stopped: an idle one costs next to nothing, a new one time. A lane is a pool of few threads, for
 * what takes long, that begins with none; whatever waits for it waits for nothing else.
 */
#ifndef P11D_POOL_H
#define P11D_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define P11D_POOL_THREADS 64
/* Of a lane. */
#define P11D_POOL_LANE_THREADS 2

typedef struct P11dJob P11dJob;

/* Lives in whatever is to be worked on. It is in the pool once at a time, and free to be pushed
 * again as soon as run is called. */
struct P11dJob {
    void (*run)(P11dJob *job);
    P11dJob *next; /* the pool's */
};

typedef struct P11dPool {
    pthread_mutex_t lock;
    pthread_cond_t ready;
    P11dJob *first;
    P11dJob *last;
    pthread_t threads[P11D_POOL_THREADS];
    size_t count;         /* of threads */
    size_t limit;         /* the most of them */
    size_t idle;          /* of those, waiting for a job */
    atomic_size_t queued; /* jobs that no thread has taken */
    atomic_size_t busy;   /* threads that run a job */
    bool stopping;
} P11dPool;

/* Starts the first thread. Returns false with errno set if that is not possible. */
bool p11d_pool_start(P11dPool *pool);

/* Makes a lane. */
void p11d_pool_begin_lane(P11dPool *pool);

/* Ends all threads once the jobs that are queued have run. pool must have been started, or begun as
 * a lane. */
void p11d_pool_stop(P11dPool *pool);

/* Has job run by a thread. False: a lane has no thread, and can have none; job is not in it then.
 */
bool p11d_pool_push(P11dPool *pool, P11dJob *job);

/* True if jobs are waiting for a thread: a job that can be put off should be pushed again. */
bool p11d_pool_is_short(P11dPool *pool);

/* How many threads run a job, of P11D_POOL_THREADS: the more, the sooner one should be given back.
 */
size_t p11d_pool_busy(P11dPool *pool);

#endif
