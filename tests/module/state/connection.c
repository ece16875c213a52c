// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"

static P11dInstance instance;
static P11dConnection connection;

static void make(void)
{
    p11d_connection_init(&connection);
}

TestSuite(connection, .init = make);

static P11dPeer *new_peer(int *other)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    *other = ends[1];
    return p11d_peer_new(&instance, p11d_descriptor_adopt(ends[0]), false);
}

static bool has_ended(int other)
{
    char byte;
    return recv(other, &byte, 1, MSG_DONTWAIT) == 0;
}

/* Three call channels of which one is in use, and the control channel. */
static P11dPeer *open_all(int others[4])
{
    connection.control = new_peer(&others[0]);
    connection.idle[0] = new_peer(&others[1]);
    connection.idle[1] = new_peer(&others[2]);
    connection.idle_count = 2;
    connection.open = 3;
    connection.most = 3;
    return new_peer(&others[3]);
}

Test(connection, idle_channels_are_closed_and_the_others_stay)
{
    int others[4];
    P11dPeer *used = open_all(others);
    const uint64_t epoch = connection.epoch;
    p11d_connection_close_idle(&connection);
    cr_assert_eq(connection.idle_count, 0);
    cr_assert_eq(connection.open, 1);
    cr_assert_eq(connection.epoch, epoch, "what is in use comes back");
    cr_assert(has_ended(others[1]) && has_ended(others[2]));
    cr_assert_not(has_ended(others[0]) || has_ended(others[3]));
    p11d_peer_release(used);
    p11d_connection_clear(&connection);
    cr_assert_null(instance.peers);
}

Test(connection, that_is_cleared_knows_its_channels_no_more)
{
    int others[4];
    P11dPeer *used = open_all(others);
    connection.known = connection.run.known = true;
    const uint64_t epoch = connection.epoch;
    p11d_connection_clear(&connection);
    cr_assert_null(connection.control);
    cr_assert_eq(connection.open, 0);
    cr_assert_eq(connection.most, P11D_CONNECTION_CHANNELS, "another service may allow more");
    cr_assert_gt(connection.epoch, epoch, "what is in use is not used again");
    cr_assert(connection.known && connection.run.known, "it is remembered which one it was");
    cr_assert(has_ended(others[0]) && has_ended(others[1]) && has_ended(others[2]));
    p11d_peer_release(used);
    cr_assert_null(instance.peers);
}
