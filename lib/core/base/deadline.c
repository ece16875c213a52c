// SPDX-License-Identifier: MIT
#include "deadline.h"

#define NANOSECONDS ((int64_t)1000000000)
#define NEVER INT64_MAX

static int64_t monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NANOSECONDS + now.tv_nsec;
}

P11dDeadline p11d_deadline_now(void)
{
    return (P11dDeadline){.at = 0};
}

P11dDeadline p11d_deadline_never(void)
{
    return (P11dDeadline){.at = NEVER};
}

P11dDeadline p11d_deadline_in(int64_t milliseconds)
{
    int64_t nanoseconds;
    int64_t at;
    if (milliseconds <= 0)
        return p11d_deadline_now();
    if (__builtin_mul_overflow(milliseconds, (int64_t)1000000, &nanoseconds) ||
        __builtin_add_overflow(monotonic_now(), nanoseconds, &at))
        return p11d_deadline_never();
    return (P11dDeadline){.at = at};
}

P11dDeadline p11d_deadline_earlier(P11dDeadline a, P11dDeadline b)
{
    return a.at < b.at ? a : b;
}

bool p11d_deadline_passed(P11dDeadline deadline)
{
    return deadline.at != NEVER && (deadline.at == 0 || deadline.at <= monotonic_now());
}

const struct timespec *p11d_deadline_left(P11dDeadline deadline, struct timespec *storage)
{
    if (deadline.at == NEVER)
        return NULL;
    int64_t left = deadline.at == 0 ? 0 : deadline.at - monotonic_now();
    if (left < 0)
        left = 0;
    storage->tv_sec = (time_t)(left / NANOSECONDS);
    storage->tv_nsec = (long)(left % NANOSECONDS);
    return storage;
}
