// SPDX-License-Identifier: MIT
/*
 * What this process has open, for tests that nothing leaks. No memory is allocated, so a child of
 * a process with threads may ask too.
 */
#ifndef P11D_TEST_OPEN_FILES_H
#define P11D_TEST_OPEN_FILES_H

#include <stdbool.h>
#include <sys/stat.h>

#define OPEN_FILES_MAX 4096

/* The number of open descriptors, or only that of sockets. */
static inline unsigned open_files(bool sockets_only)
{
    unsigned count = 0;
    for (int number = 0; number < OPEN_FILES_MAX; number++) {
        struct stat status;
        if (fstat(number, &status) == 0 && (!sockets_only || S_ISSOCK(status.st_mode)))
            count++;
    }
    return count;
}

#endif
