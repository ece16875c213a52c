// SPDX-License-Identifier: MIT
#include "stamp.h"

#include <string.h>
#include <time.h>

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

void p11d_stamp_set(P11dStamp *stamp, const struct stat *status)
{
    memset(stamp, 0, sizeof *stamp);
    stamp->device = status->st_dev;
    stamp->inode = status->st_ino;
    stamp->size = status->st_size;
    stamp->mode = status->st_mode;
    stamp->owner = status->st_uid;
    stamp->modified = status->st_mtim;
    stamp->changed = status->st_ctim;
    /* The clock that files are stamped by: it ticks every few milliseconds. */
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    stamp->fresh = !is_before(&stamp->changed, &now);
}

static bool time_equal(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool p11d_stamp_equal(const P11dStamp *a, const P11dStamp *b)
{
    return !a->fresh && !b->fresh && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->mode == b->mode && a->owner == b->owner &&
           time_equal(&a->modified, &b->modified) && time_equal(&a->changed, &b->changed);
}
