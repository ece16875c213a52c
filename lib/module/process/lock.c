// SPDX-License-Identifier: MIT
#include "lock.h"

#include <pthread.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

void p11d_lock_take(void)
{
    pthread_mutex_lock(&mutex);
}

void p11d_lock_give(void)
{
    pthread_mutex_unlock(&mutex);
}

bool p11d_lock_wait(P11dDeadline deadline)
{
    if (deadline.at == INT64_MAX) {
        pthread_cond_wait(&changed, &mutex);
        return true;
    }
    if (p11d_deadline_passed(deadline))
        return false;
    const struct timespec until = {.tv_sec = (time_t)(deadline.at / 1000000000),
                                   .tv_nsec = (long)(deadline.at % 1000000000)};
    pthread_cond_clockwait(&changed, &mutex, CLOCK_MONOTONIC, &until);
    return true;
}

void p11d_lock_wake(void)
{
    pthread_cond_broadcast(&changed);
}

void p11d_lock_renew(void)
{
    static const pthread_mutex_t new_mutex = PTHREAD_MUTEX_INITIALIZER;
    static const pthread_cond_t new_condition = PTHREAD_COND_INITIALIZER;
    memcpy(&mutex, &new_mutex, sizeof mutex);
    memcpy(&changed, &new_condition, sizeof changed);
}
