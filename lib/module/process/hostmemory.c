// SPDX-License-Identifier: MIT
#include "hostmemory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* No page is smaller, so what does not cross a multiple of it is readable as a whole or not. */
#define PAGE 4096

/*
 * The system calls are made by number: a sanitizer looks at what is given to their functions, and
 * would take for our mistake what is the host's.
 */
static ssize_t copy_by_kernel(uintptr_t address, void *bytes, size_t size)
{
    const struct iovec to = {bytes, size};
    const struct iovec from = {(void *)address, size};
    return syscall(SYS_process_vm_readv, getpid(), &to, 1UL, &from, 1UL, 0UL);
}

/* For sandboxes that forbid the other: what write(2) cannot read is EFAULT. */
static ssize_t copy_by_pipe(uintptr_t address, void *bytes, size_t size)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    ssize_t copied = syscall(SYS_write, ends[1], address, size);
    int error = errno;
    if (copied > 0) {
        copied = read(ends[0], bytes, (size_t)copied);
        error = errno;
    }
    close(ends[0]);
    close(ends[1]);
    errno = error;
    return copied;
}

/* What does not cross a page. */
static ssize_t copy_piece(uintptr_t address, void *bytes, size_t size)
{
    ssize_t copied = copy_by_kernel(address, bytes, size);
    if (copied < 0 && errno != EFAULT)
        copied = copy_by_pipe(address, bytes, size);
    return copied < 0 && errno == EFAULT ? 0 : copied;
}

ssize_t p11d_hostmemory_copy(const void *address, void *bytes, size_t size)
{
    size_t copied = 0;
    while (copied < size) {
        const uintptr_t from = (uintptr_t)address + copied; /* behind the last comes the first,
                                                             * which nobody can read */
        const size_t to_page = PAGE - from % PAGE;
        const size_t piece = size - copied < to_page ? size - copied : to_page;
        const ssize_t got = copy_piece(from, (char *)bytes + copied, piece);
        if (got < 0)
            return -1;
        copied += (size_t)got;
        if ((size_t)got < piece)
            break;
    }
    return (ssize_t)copied;
}
