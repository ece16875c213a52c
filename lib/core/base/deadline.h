// SPDX-License-Identifier: MIT
/*
 * A deadline is a moment on the monotonic clock after which a wait gives up. It is made once for a
 * whole operation and handed down, so that many short waits never add up to a long one.
 */
#ifndef P11D_DEADLINE_H
#define P11D_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef struct P11dDeadline {
    int64_t at; /* nanoseconds of CLOCK_MONOTONIC; 0: do not wait at all; INT64_MAX: for ever */
} P11dDeadline;

/* A deadline that has passed already: look, but do not wait. */
P11dDeadline p11d_deadline_now(void);

/* A deadline that never passes. */
P11dDeadline p11d_deadline_never(void);

/* A deadline milliseconds from now; milliseconds is not negative. */
P11dDeadline p11d_deadline_in(int64_t milliseconds);

/* The earlier of the two. */
P11dDeadline p11d_deadline_earlier(P11dDeadline a, P11dDeadline b);

bool p11d_deadline_passed(P11dDeadline deadline);

/*
 * What is left, as ppoll(2) takes it. Returns storage, filled, or NULL for a deadline that never
 * passes. A deadline that has passed gives zero.
 */
const struct timespec *p11d_deadline_left(P11dDeadline deadline, struct timespec *storage);

#endif
