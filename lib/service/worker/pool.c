// SPDX-License-Identifier: MIT
#include "pool.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* OpenSSL's decoders and our dispatcher stay far below this; the sanitizers' frames do not. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_SIZE ((size_t)1 << 20)
#else
#define STACK_SIZE ((size_t)256 << 10)
#endif

static void *run_jobs(void *data)
{
    P11dPool *pool = data;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->first && !pool->stopping) {
            pool->idle++;
            pthread_cond_wait(&pool->ready, &pool->lock);
            pool->idle--;
        }
        P11dJob *job = pool->first;
        if (!job)
            break;
        pool->first = job->next;
        if (!pool->first)
            pool->last = NULL;
        atomic_fetch_sub_explicit(&pool->queued, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&pool->busy, 1, memory_order_relaxed);
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_relaxed);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Under the lock, or before there is a second thread. */
static int add_thread(P11dPool *pool)
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error)
        return error;
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    error = pthread_create(&pool->threads[pool->count], &attributes, run_jobs, pool);
    if (!error)
        pool->count++;
    pthread_attr_destroy(&attributes);
    return error;
}

static void init(P11dPool *pool, size_t limit)
{
    memset(pool, 0, sizeof *pool);
    pool->limit = limit;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->ready, NULL);
}

void p11d_pool_begin_lane(P11dPool *pool)
{
    init(pool, P11D_POOL_LANE_THREADS);
}

bool p11d_pool_start(P11dPool *pool)
{
    init(pool, P11D_POOL_THREADS);
    pthread_mutex_lock(&pool->lock);
    int error = add_thread(pool);
    pthread_mutex_unlock(&pool->lock);
    if (error) {
        pthread_cond_destroy(&pool->ready);
        pthread_mutex_destroy(&pool->lock);
        errno = error;
    }
    return !error;
}

void p11d_pool_stop(P11dPool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->ready);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->ready);
    pthread_mutex_destroy(&pool->lock);
}

bool p11d_pool_push(P11dPool *pool, P11dJob *job)
{
    job->next = NULL;
    pthread_mutex_lock(&pool->lock);
    size_t queued = atomic_load_explicit(&pool->queued, memory_order_relaxed) + 1;
    /* A thread that cannot be had leaves the job to those that there are. */
    if (queued > pool->idle && pool->count < pool->limit && !pool->stopping)
        add_thread(pool);
    bool some = pool->count > 0;
    if (some) {
        if (pool->last)
            pool->last->next = job;
        else
            pool->first = job;
        pool->last = job;
        atomic_fetch_add_explicit(&pool->queued, 1, memory_order_relaxed);
        pthread_cond_signal(&pool->ready);
    }
    pthread_mutex_unlock(&pool->lock);
    return some;
}

bool p11d_pool_is_short(P11dPool *pool)
{
    return atomic_load_explicit(&pool->queued, memory_order_relaxed) > 0;
}

size_t p11d_pool_busy(P11dPool *pool)
{
    return atomic_load_explicit(&pool->busy, memory_order_relaxed);
}
