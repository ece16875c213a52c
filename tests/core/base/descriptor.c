// SPDX-License-Identifier: MIT
#include "descriptor.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "open-files.h"

#define MANY 1000

/* A socket pair: one end ours, the other the peer's. */
static P11dDescriptor *make_pair(int *peer)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    *peer = ends[1];
    P11dDescriptor *descriptor = p11d_descriptor_adopt(ends[0]);
    cr_assert_not_null(descriptor);
    return descriptor;
}

static bool is_open(int number)
{
    return fcntl(number, F_GETFD) >= 0;
}

Test(descriptor, trap_descriptors_close_on_exec)
{
    P11dDescriptor *descriptor = p11d_descriptor_socket();
    int number = p11d_descriptor_number(descriptor);
    cr_assert_geq(number, 0);
    cr_assert(fcntl(number, F_GETFD) & FD_CLOEXEC);
    cr_assert(fcntl(number, F_GETFL) & O_NONBLOCK);
    p11d_descriptor_close(descriptor);
    cr_assert_not(is_open(number));
}

Test(descriptor, none_has_no_number)
{
    cr_assert_eq(p11d_descriptor_number(NULL), -1);
    p11d_descriptor_close(NULL);
}

Test(descriptor, what_is_not_open_is_not_adopted)
{
    errno = 0;
    cr_assert_null(p11d_descriptor_adopt(-1));
    cr_assert_eq(errno, EBADF);
    cr_assert_null(p11d_descriptor_adopt(OPEN_FILES_MAX - 1));
}

Test(descriptor, a_failure_to_open_is_told)
{
    unsigned before = open_files(false);
    while (dup(0) >= 0)
        ;
    cr_assert_null(p11d_descriptor_socket());
    cr_assert_eq(errno, EMFILE);
    cr_assert_geq(open_files(false), before);
}

Test(descriptor, many_in_any_order)
{
    static P11dDescriptor *all[MANY];
    unsigned before = open_files(false);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < MANY; i++)
            cr_assert_not_null(all[i] = p11d_descriptor_socket());
        for (size_t i = 0; i < MANY; i++)
            for (size_t k = i + 1; k < i + 3 && k < MANY; k++)
                cr_assert_neq(all[i], all[k]);
        cr_assert_eq(open_files(false), before + MANY);
        for (size_t i = 0; i < MANY; i++)
            p11d_descriptor_close(all[(i * 7 + round) % MANY]);
        cr_assert_eq(open_files(false), before);
    }
}

Test(descriptor, trap_foreign_descriptor_is_not_touched__closed_by_the_host)
{
    int peer;
    P11dDescriptor *descriptor = make_pair(&peer);
    close(p11d_descriptor_number(descriptor));
    cr_assert_eq(p11d_descriptor_number(descriptor), -1);
    p11d_descriptor_shutdown(descriptor);
    p11d_descriptor_close(descriptor);
}

Test(descriptor, trap_foreign_descriptor_is_not_touched__used_again)
{
    int peer;
    for (int use = 0; use < 3; use++) {
        P11dDescriptor *descriptor = make_pair(&peer);
        int number = p11d_descriptor_number(descriptor);
        int other[2];
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
        cr_assert_eq(dup2(other[0], number), number); /* closed, and a socket of the host's */
        if (use == 0)
            cr_assert_eq(p11d_descriptor_number(descriptor), -1);
        if (use == 1)
            p11d_descriptor_hang_up(descriptor);
        p11d_descriptor_close(descriptor);
        cr_assert(is_open(number));
        cr_assert_eq(write(number, "x", 1), 1);
        close(number);
    }
}

Test(descriptor, trap_foreign_descriptor_is_not_touched__by_shutdown)
{
    int peer, other[2];
    P11dDescriptor *descriptor = make_pair(&peer);
    int number = p11d_descriptor_number(descriptor);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
    cr_assert_eq(dup2(other[0], number), number);
    p11d_descriptor_shutdown(descriptor);
    cr_assert_eq(write(other[1], "x", 1), 1);
    p11d_descriptor_close(descriptor);
}

static void *wait_for_end(void *data)
{
    struct pollfd entry = {.fd = *(int *)data, .events = POLLIN};
    while (ppoll(&entry, 1, NULL, NULL) < 0)
        ;
    return NULL;
}

Test(descriptor, shutdown_wakes_who_waits)
{
    int peer;
    pthread_t thread;
    P11dDescriptor *descriptor = make_pair(&peer);
    int number = p11d_descriptor_number(descriptor);
    pthread_create(&thread, NULL, wait_for_end, &number);
    p11d_descriptor_shutdown(descriptor);
    pthread_join(thread, NULL);
    p11d_descriptor_close(descriptor);
}

Test(descriptor, one_that_hung_up_is_kept_without_a_number)
{
    int peer;
    char byte;
    P11dDescriptor *descriptor = make_pair(&peer);
    p11d_descriptor_hang_up(descriptor);
    cr_assert_eq(recv(peer, &byte, 1, 0), 0);
    P11dDescriptor *next = p11d_descriptor_adopt(peer);
    cr_assert_neq(next, descriptor);
    cr_assert_eq(p11d_descriptor_number(descriptor), -1);
    p11d_descriptor_shutdown(descriptor);
    p11d_descriptor_hang_up(descriptor);
    p11d_descriptor_close(descriptor);
    p11d_descriptor_close(next);
    p11d_descriptor_hang_up(NULL);
}

/* Sends count copies of fd and one byte. */
static void send_descriptors(int to, int fd, size_t count)
{
    char control[CMSG_SPACE(sizeof(int) * 64)] = {0};
    char byte = 'x';
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    for (size_t i = 0; i < count; i++)
        ((int *)(void *)CMSG_DATA(header))[i] = fd;
    cr_assert_eq(sendmsg(to, &message, 0), 1);
}

Test(descriptor, received_ones_are_counted_and_the_rest_closed)
{
    int peer;
    P11dDescriptor *descriptor = make_pair(&peer);
    P11dDescriptor *received[4];
    char byte;
    size_t count;
    for (size_t sent = 1; sent <= 20; sent++)
        for (size_t most = 0; most <= 4; most++) {
            unsigned before = open_files(false);
            send_descriptors(peer, peer, sent);
            cr_assert_eq(p11d_descriptor_receive(descriptor, &byte, 1, received, most, &count), 1);
            cr_assert_eq(count, sent < most ? sent : most);
            cr_assert_eq(open_files(false), before + count);
            for (size_t i = 0; i < count; i++) {
                int number = p11d_descriptor_number(received[i]);
                cr_assert(fcntl(number, F_GETFD) & FD_CLOEXEC);
                p11d_descriptor_close(received[i]);
            }
            cr_assert_eq(open_files(false), before);
        }
    close(peer);
    cr_assert_eq(p11d_descriptor_receive(descriptor, &byte, 1, received, 4, &count), 0);
    p11d_descriptor_close(descriptor);
}

Test(descriptor, received_files_are_refused)
{
    int peer;
    P11dDescriptor *descriptor = make_pair(&peer);
    P11dDescriptor *received[4];
    char byte;
    size_t count;
    int file = open("/dev/null", O_RDWR | O_CLOEXEC);
    unsigned before = open_files(false);
    send_descriptors(peer, file, 3);
    cr_assert_eq(p11d_descriptor_receive(descriptor, &byte, 1, received, 4, &count), 1);
    cr_assert_eq(count, 0);
    cr_assert_eq(open_files(false), before);
    p11d_descriptor_close(descriptor);
}

Test(descriptor, receive_does_not_wait)
{
    int peer;
    P11dDescriptor *descriptor = make_pair(&peer); /* in blocking mode */
    P11dDescriptor *received[4];
    char byte;
    size_t count;
    cr_assert_eq(p11d_descriptor_receive(descriptor, &byte, 1, received, 4, &count), -1);
    cr_assert_eq(errno, EAGAIN);
    p11d_descriptor_close(descriptor);
}

/* How a child can come into being: with the handlers that pthread_atfork runs, and without. */
static pid_t by_fork(void)
{
    p11d_descriptor_before_fork();
    pid_t child = fork();
    if (child != 0)
        p11d_descriptor_after_fork_in_parent();
    return child;
}

static pid_t by__Fork(void)
{
    return _Fork();
}

static pid_t by_clone(void)
{
    return (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, NULL, NULL, NULL, NULL);
}

/* The child finds itself without sockets of ours; the parent's still work. */
static void check_child(pid_t (*make_child)(void))
{
    unsigned before = open_files(true);
    int peers[100];
    P11dDescriptor *all[100];
    for (size_t i = 0; i < 100; i++)
        all[i] = make_pair(&peers[i]);
    /* And one more, whose number the host uses for a socket of its own. */
    int peer, other[2];
    int number = p11d_descriptor_number(make_pair(&peer));
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
    cr_assert_eq(dup2(other[0], number), number);

    pid_t child = make_child();
    if (child == 0) {
        p11d_descriptor_after_fork_in_child();
        /* The peers' ends, three numbers of the host, and nothing of ours. */
        bool right = open_files(true) == before + 101 + 3;
        for (size_t i = 0; i < 100; i++)
            right = right && p11d_descriptor_number(all[i]) == -1;
        p11d_descriptor_close(all[5]);
        P11dDescriptor *own = p11d_descriptor_socket();
        right = right && p11d_descriptor_number(own) >= 0 && p11d_descriptor_number(all[7]) == -1;
        _exit(right ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (size_t i = 0; i < 100; i++)
        cr_assert_eq(send(p11d_descriptor_number(all[i]), "x", 1, MSG_NOSIGNAL), 1);
}

Test(descriptor, trap_child_holds_no_descriptor__of_fork)
{
    check_child(by_fork);
}

Test(descriptor, trap_child_holds_no_descriptor__of__Fork)
{
    check_child(by__Fork);
}

Test(descriptor, trap_child_holds_no_descriptor__of_clone)
{
    check_child(by_clone);
}

Test(descriptor, trap_child_waits_for_no_lock_of_its_parent)
{
    int peer;
    P11dDescriptor *descriptor = make_pair(&peer);
    p11d_descriptor_before_fork(); /* the lock is held, and no handler frees it in the child */
    pid_t child = _Fork();
    if (child == 0) {
        p11d_descriptor_after_fork_in_child();
        p11d_descriptor_close(descriptor);
        _exit(p11d_descriptor_socket() ? 0 : 1);
    }
    p11d_descriptor_after_fork_in_parent();
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    p11d_descriptor_close(descriptor);
}
