// SPDX-License-Identifier: MIT
/*
 * A descriptor is a file descriptor number together with the identity of what was opened under it.
 * Hosts close numbers that they do not know and reuse them, so the identity (device and inode) is
 * checked before each use and before close; a number that is no longer ours is forgotten, not
 * closed. All descriptors of this process are in one registry, which a child after fork closes at
 * once: a copy that lives on in a child keeps the service from seeing its parent hang up.
 */
#ifndef P11D_DESCRIPTOR_H
#define P11D_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct P11dDescriptor P11dDescriptor;

/*
 * Opens a stream socket of the UNIX family (SOCK_CLOEXEC, non-blocking), registered before any
 * fork can see it. Returns NULL with errno set.
 */
P11dDescriptor *p11d_descriptor_socket(void);

/* Registers a descriptor that somebody else opened; owns fd from then on. Returns NULL with errno
 * set, and fd closed, if it cannot (fd is not open, or memory ran out). */
P11dDescriptor *p11d_descriptor_adopt(int fd);

/*
 * Receives bytes (at most capacity) and any descriptors that come with them from a socket, without
 * waiting, and registers the descriptors before any fork can see them. Received descriptors are
 * close-on-exec.
 * received: room for most descriptors; *count: how many were stored, those over most are closed.
 * Returns the number of bytes, 0 at the end of the stream, -1 with errno set (EAGAIN: nothing
 * there).
 */
ssize_t p11d_descriptor_receive(P11dDescriptor *socket, void *bytes, size_t capacity,
                                P11dDescriptor **received, size_t most, size_t *count);

/* The number, after a check that it still is what was opened; -1 if not (then it is forgotten).
 * Safe on NULL: -1. */
int p11d_descriptor_number(P11dDescriptor *descriptor);

/* shutdown(2) of both directions, if still ours: wakes whoever waits on it, in any thread. */
void p11d_descriptor_shutdown(P11dDescriptor *descriptor);

/* Closes, if still ours, but keeps descriptor, which has no number from then on: for one that other
 * threads may ask or shut down until its owner closes it. Safe on NULL. */
void p11d_descriptor_hang_up(P11dDescriptor *descriptor);

/* Closes, if still ours, and frees. Safe on NULL. */
void p11d_descriptor_close(P11dDescriptor *descriptor);

/*
 * For fork: take the registry's lock before, free it in the parent, and in the child make the lock
 * new and close every registered descriptor (after the identity check; closed, never shut down).
 * The child function also works after _Fork or a raw clone, where the other two did not run; it
 * allocates and frees nothing.
 */
void p11d_descriptor_before_fork(void);
void p11d_descriptor_after_fork_in_parent(void);
void p11d_descriptor_after_fork_in_child(void);

#endif
