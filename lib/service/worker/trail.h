// SPDX-License-Identifier: MIT
/*
 * The trail is what was done with a token, each as a line of the log: who (uid and pid, as the bus
 * vouched for them), what, and how it ended, before the names, so that a line that is cut has lost
 * only those. A verbose log has them all, another one the logins that were refused.
 */
#ifndef P11D_TRAIL_H
#define P11D_TRAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pkcs11.h"

typedef struct P11dTrailEntry {
    const char *method; /* of Token1 */
    uid_t uid;
    pid_t pid;             /* 0: not known */
    const char *token;     /* its name */
    CK_RV rv;              /* how it ended */
    const char *mechanism; /* its name as the client wrote it; NULL: there is none */
    bool has_object;       /* and then: */
    uint64_t object;       /* its id */
    const char *label;     /* and what it is called; NULL: not known */
} P11dTrailEntry;

/* Adds a line, if the log is to have it. Without -v a login that was refused because too many wrong
 * PINs came before it, and a change of PINs that was refused, are told once a second. */
void p11d_trail_add(const P11dTrailEntry *entry);

/* True if p11d_trail_add would add it, or may: for who would look up what nobody reads otherwise.
 */
bool p11d_trail_wants(const P11dTrailEntry *entry);

/* An object with that label and class came ("added") or went ("removed"). */
void p11d_trail_object(const char *token, const char *what, CK_OBJECT_CLASS class,
                       const char *label);

#endif
