// SPDX-License-Identifier: MIT
/*
 * A stamp is what tells one version of a file from the next without reading it: what it is, whose,
 * how large, and when it changed. All zero: there is no file.
 */
#ifndef P11D_STAMP_H
#define P11D_STAMP_H

#include <stdbool.h>
#include <sys/stat.h>

typedef struct P11dStamp {
    dev_t device;
    ino_t inode;
    off_t size; /* bytes */
    mode_t mode;
    uid_t owner;
    struct timespec modified;
    struct timespec changed;
    bool fresh; /* a change in the same tick of the kernel's clock would leave no trace in it */
} P11dStamp;

/* status: of now. */
void p11d_stamp_set(P11dStamp *stamp, const struct stat *status);
/* Whether both are certain to be of one version. */
bool p11d_stamp_equal(const P11dStamp *a, const P11dStamp *b);

#endif
