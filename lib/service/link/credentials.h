// SPDX-License-Identifier: MIT
/*
 * Credentials are who is at the other end of a client's channels, as the bus vouched for it. What
 * the client itself says never gets in here.
 */
#ifndef P11D_CREDENTIALS_H
#define P11D_CREDENTIALS_H

#include <stddef.h>
#include <sys/types.h>

typedef struct P11dCredentials {
    pid_t pid; /* 0: not known */
    uid_t uid;
    gid_t *groups; /* owned; primary and supplementary */
    size_t group_count;
} P11dCredentials;

/* Frees the groups. credentials are then all zero, which is safe to clear again. */
void p11d_credentials_clear(P11dCredentials *credentials);

#endif
