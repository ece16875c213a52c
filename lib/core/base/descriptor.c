// SPDX-License-Identifier: MIT
#include "descriptor.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

/* The most descriptors taken from one recvmsg(2). */
#define RECEIVE_MAX 16

/*
 * A raw clone copies memory page by page while other threads write. Each entry lies within one
 * page, its identity is stored before its number, and all zeroes is a free entry: whatever moment a
 * child sees is one that it can act on.
 */
struct P11dDescriptor {
    _Alignas(32) dev_t device;
    ino_t inode;
    _Atomic int open; /* the number + 1; 0: closed, forgotten or free */
};

#define CHUNK_ENTRIES 64

typedef struct Chunk {
    P11dDescriptor entries[CHUNK_ENTRIES];
    uint64_t used; /* a bit for each entry that has an owner; under the lock */
    struct Chunk *_Atomic next;
} Chunk;

/* Chunks are only ever added, and entries used again: a child can walk them at any moment. */
static Chunk first_chunk;

/* A leaf. Held while a descriptor comes into being and is entered here, and over a fork. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* True if number is what was opened under entry. */
static bool is_same(const P11dDescriptor *entry, int number)
{
    struct stat status;
    return fstat(number, &status) == 0 && status.st_ino == entry->inode &&
           status.st_dev == entry->device;
}

/* Makes sure that count entries are free. Under the lock. */
static bool provide_entries(size_t count)
{
    size_t available = 0;
    for (Chunk *chunk = &first_chunk;; chunk = atomic_load(&chunk->next)) {
        available += (size_t)(CHUNK_ENTRIES - __builtin_popcountll(chunk->used));
        if (available >= count)
            return true;
        if (atomic_load(&chunk->next))
            continue;
        /* Fresh pages, not malloc: a child of a raw clone must find zeroes here, or the truth. */
        Chunk *added =
            mmap(NULL, sizeof(Chunk), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (added == MAP_FAILED)
            return false;
        atomic_store(&chunk->next, added);
    }
}

/* Enters number, which is open, into a free entry; one was provided. Under the lock. */
static P11dDescriptor *enter(int number)
{
    struct stat status;
    if (fstat(number, &status) != 0)
        return NULL;
    Chunk *chunk = &first_chunk;
    while (chunk->used == UINT64_MAX)
        chunk = atomic_load(&chunk->next);
    unsigned index = (unsigned)__builtin_ctzll(~chunk->used);
    chunk->used |= UINT64_C(1) << index;

    P11dDescriptor *entry = &chunk->entries[index];
    entry->device = status.st_dev;
    entry->inode = status.st_ino;
    atomic_store_explicit(&entry->open, number + 1, memory_order_release);
    return entry;
}

/* Gives entry back. Under the lock. */
static void leave(P11dDescriptor *entry)
{
    atomic_store(&entry->open, 0);
    for (Chunk *chunk = &first_chunk; chunk; chunk = atomic_load(&chunk->next))
        if (entry >= chunk->entries && entry < chunk->entries + CHUNK_ENTRIES)
            chunk->used &= ~(UINT64_C(1) << (entry - chunk->entries));
}

P11dDescriptor *p11d_descriptor_socket(void)
{
    P11dDescriptor *entry = NULL;
    pthread_mutex_lock(&lock);
    if (provide_entries(1)) {
        int number = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (number >= 0)
            entry = enter(number);
    } else {
        errno = ENOMEM;
    }
    pthread_mutex_unlock(&lock);
    return entry;
}

P11dDescriptor *p11d_descriptor_adopt(int fd)
{
    P11dDescriptor *entry = NULL;
    pthread_mutex_lock(&lock);
    if (provide_entries(1))
        entry = enter(fd);
    else
        errno = ENOMEM;
    pthread_mutex_unlock(&lock);
    if (!entry) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        errno = error;
    }
    return entry;
}

/*
 * True for what this project passes: sockets of this machine. Anything else from a stranger could
 * stop us: fstat and close on a file of his FUSE file system, close on a lingering TCP socket.
 */
static bool is_local_socket(int number)
{
    int domain;
    socklen_t size = sizeof domain;
    return getsockopt(number, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

/* The descriptors in the control data of one recvmsg(2). */
typedef struct Received {
    P11dDescriptor **entries;
    size_t most;
    size_t count;
    int unwanted[RECEIVE_MAX + 1]; /* to be closed once the lock is free: close may block */
    size_t unwanted_count;
} Received;

static void enter_received(Received *received, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET ||
            (c->cmsg_type != SCM_RIGHTS && c->cmsg_type != SCM_PIDFD))
            continue;
        const int *numbers = (const int *)(const void *)CMSG_DATA(c);
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            P11dDescriptor *entry = NULL;
            if (c->cmsg_type == SCM_RIGHTS && received->count < received->most &&
                is_local_socket(numbers[i]))
                entry = enter(numbers[i]);
            if (entry)
                received->entries[received->count++] = entry;
            else if (received->unwanted_count < RECEIVE_MAX + 1)
                received->unwanted[received->unwanted_count++] = numbers[i];
        }
    }
}

ssize_t p11d_descriptor_receive(P11dDescriptor *socket, void *bytes, size_t capacity,
                                P11dDescriptor **received, size_t most, size_t *count)
{
    *count = 0;
    if (most > RECEIVE_MAX)
        most = RECEIVE_MAX;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * RECEIVE_MAX)];
    } control;
    struct iovec vector = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = most > 0 ? &control : NULL,
        /* Exactly that many: the kernel closes those that do not fit. */
        .msg_controllen = most > 0 ? CMSG_LEN(sizeof(int) * most) : 0,
    };
    Received state = {.entries = received, .most = most};
    ssize_t size = -1;

    pthread_mutex_lock(&lock);
    int number = p11d_descriptor_number(socket);
    if (number < 0) {
        errno = EBADF;
    } else if (!provide_entries(most)) {
        errno = ENOMEM;
    } else {
        size = recvmsg(number, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (size >= 0)
            enter_received(&state, &message);
    }
    pthread_mutex_unlock(&lock);

    for (size_t i = 0; i < state.unwanted_count; i++)
        close(state.unwanted[i]);
    *count = state.count;
    return size;
}

int p11d_descriptor_number(P11dDescriptor *descriptor)
{
    if (!descriptor)
        return -1;
    int number = atomic_load_explicit(&descriptor->open, memory_order_acquire) - 1;
    if (number >= 0 && !is_same(descriptor, number)) {
        atomic_store(&descriptor->open, 0);
        number = -1;
    }
    return number;
}

void p11d_descriptor_shutdown(P11dDescriptor *descriptor)
{
    /* Under the lock, so that no close of ours comes between the check and the call. */
    pthread_mutex_lock(&lock);
    int number = p11d_descriptor_number(descriptor);
    if (number >= 0)
        shutdown(number, SHUT_RDWR);
    pthread_mutex_unlock(&lock);
}

/* Under the lock. */
static void hang_up(P11dDescriptor *entry)
{
    int number = p11d_descriptor_number(entry);
    /* First closed, then forgotten: the child of a raw clone between the two finds a number that
     * is not ours any more, and not a socket that nobody knows. */
    if (number >= 0)
        close(number);
    atomic_store(&entry->open, 0);
}

void p11d_descriptor_hang_up(P11dDescriptor *descriptor)
{
    if (!descriptor)
        return;
    pthread_mutex_lock(&lock);
    hang_up(descriptor);
    pthread_mutex_unlock(&lock);
}

void p11d_descriptor_close(P11dDescriptor *descriptor)
{
    if (!descriptor)
        return;
    pthread_mutex_lock(&lock);
    hang_up(descriptor);
    leave(descriptor);
    pthread_mutex_unlock(&lock);
}

void p11d_descriptor_before_fork(void)
{
    pthread_mutex_lock(&lock);
}

void p11d_descriptor_after_fork_in_parent(void)
{
    pthread_mutex_unlock(&lock);
}

void p11d_descriptor_after_fork_in_child(void)
{
    /* Made new, not unlocked: after _Fork or clone another thread of the parent may have held it.
     */
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    /* An entry keeps its owner, who may still close it: what he holds has no number any more. */
    for (Chunk *chunk = &first_chunk; chunk; chunk = atomic_load(&chunk->next))
        for (size_t i = 0; i < CHUNK_ENTRIES; i++)
            hang_up(&chunk->entries[i]);
}
