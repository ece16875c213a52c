// SPDX-License-Identifier: MIT
/*
 * Host memory is what a pointer from the host leads to where it is not known to lead to anything:
 * hosts hand over small numbers, structures of other modules and memory that is no longer there.
 * It is copied by the kernel, which says no where a read of ours would end the host.
 */
#ifndef P11D_HOSTMEMORY_H
#define P11D_HOSTMEMORY_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Copies up to size bytes from address to bytes, as far as they can be read. Returns how many that
 * are (0: none), or -1 with errno if it cannot be found out.
 */
ssize_t p11d_hostmemory_copy(const void *address, void *bytes, size_t size);

#endif
