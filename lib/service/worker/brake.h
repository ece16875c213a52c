// SPDX-License-Identifier: MIT
/*
 * A brake keeps users from guessing PINs by the thousand: each may be wrong some times in a row,
 * and then once a second. Nobody is made to wait, and nobody is locked out by what another user
 * does: who is over the limit is refused without a look at the PIN.
 */
#ifndef P11D_BRAKE_H
#define P11D_BRAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How often one may be wrong in a row, and after how many nanoseconds one failure is forgiven. */
#define P11D_BRAKE_FAILURES 20
#define P11D_BRAKE_FORGIVES_NS INT64_C(1000000000)
/* The users who are remembered. */
#define P11D_BRAKE_USERS 64

/* All zero: nobody was ever wrong. */
typedef struct P11dBrake {
    struct {
        uid_t uid;
        int64_t forgiven_at; /* when all failures are forgiven; CLOCK_MONOTONIC, nanoseconds */
    } users[P11D_BRAKE_USERS];
} P11dBrake;

/* May uid try a PIN now? now: nanoseconds of CLOCK_MONOTONIC. */
bool p11d_brake_allows(const P11dBrake *brake, uid_t uid, int64_t now);

/* uid was wrong. Where too many users are, the one who is forgiven first is forgotten. */
void p11d_brake_failed(P11dBrake *brake, uid_t uid, int64_t now);

#endif
