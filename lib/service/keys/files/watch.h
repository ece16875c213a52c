// SPDX-License-Identifier: MIT
/*
 * A watch tells when something in a key directory may have changed, by inotify(7): a file that was
 * written completely, moved, linked, removed, or whose mode was changed; the directory itself, too.
 * Where the directory is gone, its parent is watched until it comes back.
 */
#ifndef P11D_WATCH_H
#define P11D_WATCH_H

#include <stdbool.h>
#include <stddef.h>

typedef struct P11dWatch {
    const char *path; /* absolute, borrowed */
    int fd;           /* readable when there is something to read */
    int directory;    /* watch descriptor, -1: the directory is not there */
    int parent;       /* watch descriptor, -1: not watched */
    int *others;      /* watch descriptors of files that are elsewhere, too; owned */
    size_t other_count;
} P11dWatch;

/* Begins to watch the directory at path. Returns false with errno set. */
bool p11d_watch_init(P11dWatch *watch, const char *path);

void p11d_watch_clear(P11dWatch *watch);

/* Reads what happened, without waiting. True if the directory is worth a scan. */
bool p11d_watch_read(P11dWatch *watch);

#endif
