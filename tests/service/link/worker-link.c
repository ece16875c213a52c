// SPDX-License-Identifier: MIT
#include "worker-link.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "interface.h"

#define PATH P11D_TOKENS_PATH "/demo"

static P11dChannel worker, supervisor;
static P11dWorkerLinkPeer peer;
static int log_pipe[2];

static void connect_both(void)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    p11d_channel_init(&worker, p11d_descriptor_adopt(ends[0]), 1 << 20);
    p11d_channel_init(&supervisor, p11d_descriptor_adopt(ends[1]), 1 << 20);
    worker.accepts_descriptors = true;
    peer = (P11dWorkerLinkPeer){.name = "the other", .greeted = true};
    cr_assert_eq(pipe2(log_pipe, O_CLOEXEC | O_NONBLOCK), 0);
    cr_assert_geq(dup2(log_pipe[1], STDERR_FILENO), 0);
}

/* What was written to the log since. */
static const char *read_log(void)
{
    static char text[8192];
    ssize_t size = read(log_pipe[0], text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

static void disconnect_both(void)
{
    p11d_channel_clear(&worker);
    p11d_channel_clear(&supervisor);
}

TestSuite(worker_link, .init = connect_both, .fini = disconnect_both);

static P11dMessage receive(P11dChannel *channel)
{
    P11dMessage message;
    cr_assert_eq(p11d_channel_receive(channel, p11d_deadline_in(60000), &message), P11D_OK);
    return message;
}

static void make_properties(P11dBuffer *buffer)
{
    P11dWriter writer;
    p11d_buffer_init(buffer, 1 << 16);
    p11d_writer_init(&writer, buffer);
    p11d_writer_entry(&writer, "Label", "s");
    p11d_writer_string(&writer, "demo");
    p11d_writer_entry(&writer, "Run", "t");
    p11d_writer_uint64(&writer, 7);
    cr_assert(p11d_writer_ok(&writer));
}

/* body: behind the name of Token1. */
static void expect_properties(P11dReader *body)
{
    P11dReader properties;
    const char *key, *signature, *label;
    uint64_t run;
    cr_assert(p11d_reader_array(body, 8, &properties));
    cr_assert(p11d_reader_entry(&properties, &key, &signature));
    cr_assert_str_eq(key, "Label");
    cr_assert(p11d_reader_string(&properties, &label, NULL));
    cr_assert_str_eq(label, "demo");
    cr_assert(p11d_reader_entry(&properties, &key, &signature));
    cr_assert_str_eq(key, "Run");
    cr_assert(p11d_reader_uint64(&properties, &run));
    cr_assert_eq(run, 7);
    cr_assert(p11d_reader_at_end(&properties));
}

Test(worker_link, a_token_is_announced_with_its_properties)
{
    P11dBuffer properties;
    const char *path;
    make_properties(&properties);
    cr_assert_eq(
        p11d_worker_link_queue_token_added(&worker, PATH, properties.data, properties.size),
        P11D_OK);
    P11dMessage message = receive(&supervisor);
    cr_assert_eq(p11d_worker_link_kind(&peer, &message, &path), P11D_WORKER_LINK_TOKEN_ADDED);
    cr_assert_str_eq(path, PATH);
    P11dReader interfaces;
    const char *text;
    cr_assert(p11d_reader_object_path(&message.body, &text));
    cr_assert(p11d_reader_array(&message.body, 8, &interfaces));
    cr_assert(p11d_reader_struct(&interfaces) && p11d_reader_string(&interfaces, &text, NULL));
    cr_assert_str_eq(text, p11d_interface_token.name);
    expect_properties(&interfaces);
    p11d_buffer_clear(&properties);
}

Test(worker_link, changed_properties_arrive)
{
    P11dBuffer properties;
    const char *path;
    make_properties(&properties);
    cr_assert_eq(
        p11d_worker_link_queue_token_changed(&worker, PATH, properties.data, properties.size),
        P11D_OK);
    P11dMessage message = receive(&supervisor);
    cr_assert_eq(p11d_worker_link_kind(&peer, &message, &path), P11D_WORKER_LINK_TOKEN_CHANGED);
    cr_assert_str_eq(path, PATH);
    const char *interface;
    cr_assert(p11d_reader_string(&message.body, &interface, NULL));
    cr_assert_str_eq(interface, p11d_interface_token.name);
    expect_properties(&message.body);
    p11d_buffer_clear(&properties);
}

Test(worker_link, removal_and_ready_arrive_in_order)
{
    const char *path;
    cr_assert_eq(p11d_worker_link_queue_token_removed(&worker, PATH), P11D_OK);
    cr_assert_eq(p11d_worker_link_queue_ready(&worker), P11D_OK);
    P11dMessage message = receive(&supervisor);
    cr_assert_eq(p11d_worker_link_kind(&peer, &message, &path), P11D_WORKER_LINK_TOKEN_REMOVED);
    cr_assert_str_eq(path, PATH);
    message = receive(&supervisor);
    cr_assert_eq(p11d_worker_link_kind(&peer, &message, &path), P11D_WORKER_LINK_READY);
    cr_assert_null(path);
}

static void hand_over(const P11dCredentials *sent, P11dCredentials *received)
{
    int ends[2];
    const char *path;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    cr_assert_eq(
        p11d_worker_link_send_client(&supervisor, PATH, sent, ends[0], p11d_deadline_now()),
        P11D_OK);
    close(ends[0]);

    P11dMessage message = receive(&worker);
    cr_assert_eq(p11d_worker_link_kind(&peer, &message, &path), P11D_WORKER_LINK_CLIENT);
    cr_assert_str_eq(path, PATH);
    cr_assert(p11d_worker_link_read_client(&peer, &message, received));
    P11dDescriptor *descriptor = p11d_channel_take(&worker, 0);
    cr_assert_not_null(descriptor);
    cr_assert_eq(write(p11d_descriptor_number(descriptor), "x", 1), 1);
    char byte = 0;
    cr_assert_eq(read(ends[1], &byte, 1), 1);
    cr_assert_eq(byte, 'x');
    p11d_descriptor_close(descriptor);
    close(ends[1]);
}

Test(worker_link, a_client_arrives_with_credentials_and_descriptor)
{
    gid_t groups[] = {1000, 27, 4294967294U};
    P11dCredentials sent = {.pid = 42, .uid = 1000, .groups = groups, .group_count = 3};
    P11dCredentials received;
    hand_over(&sent, &received);
    cr_assert_eq(received.pid, 42);
    cr_assert_eq(received.uid, 1000);
    cr_assert_eq(received.group_count, 3);
    cr_assert_eq(memcmp(received.groups, groups, sizeof groups), 0);
    p11d_credentials_clear(&received);
    cr_assert_null(received.groups);
}

Test(worker_link, a_client_without_groups_or_pid_arrives)
{
    P11dCredentials sent = {.uid = 0}, received;
    hand_over(&sent, &received);
    cr_assert_eq(received.pid, 0);
    cr_assert_eq(received.group_count, 0);
    cr_assert_null(received.groups);
    p11d_credentials_clear(&received);
}

Test(worker_link, only_paths_of_tokens_are_believed)
{
    static const char *const paths[] = {"/",
                                        P11D_ROOT_PATH,
                                        P11D_TOKENS_PATH,
                                        P11D_TOKENS_PATH "/a/b",
                                        P11D_TOKENS_PATH "s/a",
                                        "/elsewhere"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *path = "";
        cr_assert_eq(p11d_worker_link_queue_token_added(&worker, paths[i], "", 0), P11D_OK);
        P11dMessage message = receive(&supervisor);
        cr_assert_eq(p11d_worker_link_kind(&peer, &message, &path), P11D_WORKER_LINK_NOTHING, "%s",
                     paths[i]);
        cr_assert_null(path);
    }
}

Test(worker_link, anything_else_is_unknown)
{
    P11dMessage call = {.type = P11D_MESSAGE_CALL,
                        .path = PATH,
                        .interface = "org.p11dbus.Worker1",
                        .member = "Ready"};
    P11dMessage wrong_signature = {.type = P11D_MESSAGE_SIGNAL,
                                   .path = PATH,
                                   .interface = "org.p11dbus.Worker1",
                                   .member = "Client"};
    P11dMessage *messages[] = {&call, &wrong_signature};
    for (size_t i = 0; i < 2; i++) {
        P11dWriter writer;
        const char *path;
        p11d_channel_begin(&worker, &writer, messages[i]);
        cr_assert_eq(p11d_channel_queue(&worker, &writer), P11D_OK);
        P11dMessage message = receive(&supervisor);
        cr_assert_eq(p11d_worker_link_kind(&peer, &message, &path), P11D_WORKER_LINK_NOTHING);
    }
}

static P11dWorkerLinkKind pass(P11dChannel *from, P11dChannel *to, P11dWriter *writer)
{
    const char *path;
    cr_assert_eq(p11d_channel_queue(from, writer), P11D_OK);
    P11dMessage message = receive(to);
    return p11d_worker_link_kind(&peer, &message, &path);
}

static void begin(P11dWriter *writer, const char *member, const char *signature)
{
    P11dMessage message = {.type = P11D_MESSAGE_SIGNAL,
                           .path = PATH,
                           .interface = "org.p11dbus.Worker1",
                           .member = member,
                           .signature = signature};
    p11d_channel_begin(&supervisor, writer, &message);
}

static void say_version(uint32_t version, bool with_field)
{
    P11dWriter writer;
    peer.greeted = false;
    begin(&writer, "Hello", "ua{sv}");
    p11d_writer_uint32(&writer, version);
    P11dArray fields = p11d_writer_array_begin(&writer, 8);
    if (with_field) {
        p11d_writer_entry(&writer, "release", "s");
        p11d_writer_string(&writer, "99");
    }
    p11d_writer_array_end(&writer, fields);
    cr_assert_eq(pass(&supervisor, &worker, &writer), P11D_WORKER_LINK_NOTHING);
}

Test(worker_link, the_same_version_is_no_news)
{
    const char *path;
    peer.greeted = false;
    cr_assert_eq(p11d_worker_link_queue_hello(&worker), P11D_OK);
    P11dMessage message = receive(&supervisor);
    cr_assert_eq(p11d_worker_link_kind(&peer, &message, &path), P11D_WORKER_LINK_NOTHING);
    say_version(P11D_WORKER_LINK_VERSION, true);
    cr_assert_str_empty(read_log());
}

Test(worker_link, another_version_is_told)
{
    say_version(P11D_WORKER_LINK_VERSION + 1, false);
    const char *log = read_log();
    cr_assert_not_null(strstr(log, "the other is of another version (its link is version 2"), "%s",
                       log);
}

Test(worker_link, who_does_not_say_its_version_is_older)
{
    const char *path;
    peer.greeted = false;
    cr_assert_eq(p11d_worker_link_queue_ready(&worker), P11D_OK);
    P11dMessage message = receive(&supervisor);
    cr_assert_eq(p11d_worker_link_kind(&peer, &message, &path), P11D_WORKER_LINK_READY);
    const char *log = read_log();
    cr_assert_not_null(strstr(log, "its link is version 0"), "%s", log);
}

Test(worker_link, what_is_not_understood_is_told_once)
{
    P11dWriter writer;
    for (int i = 0; i < 3; i++) {
        begin(&writer, i == 0 ? "Freeze" : "Thaw", "");
        cr_assert_eq(pass(&supervisor, &worker, &writer), P11D_WORKER_LINK_NOTHING);
    }
    const char *log = read_log();
    cr_assert_not_null(strstr(log, "the other says Freeze, which is not understood"), "%s", log);
    cr_assert_null(strstr(log, "Thaw"), "%s", log);
}

/* Begins a Client whose fields are uid, if with_user, and two that nobody knows. */
static void begin_strange_client(P11dWriter *writer, bool with_user)
{
    begin(writer, "Client", "a{sv}");
    P11dArray fields = p11d_writer_array_begin(writer, 8);
    p11d_writer_entry(writer, "unit", "s");
    p11d_writer_string(writer, "a.service");
    if (with_user) {
        p11d_writer_entry(writer, "uid", "u");
        p11d_writer_uint32(writer, 7);
    }
    p11d_writer_entry(writer, "pid", "t"); /* of another type than it has */
    p11d_writer_uint64(writer, 42);
    p11d_writer_array_end(writer, fields);
}

Test(worker_link, fields_that_are_not_understood_are_left_out)
{
    for (int with_user = 1; with_user >= 0; with_user--) {
        P11dWriter writer;
        P11dCredentials credentials;
        const char *path;
        begin_strange_client(&writer, with_user);
        cr_assert_eq(p11d_channel_queue(&supervisor, &writer), P11D_OK);
        P11dMessage message = receive(&worker);
        cr_assert_eq(p11d_worker_link_kind(&peer, &message, &path), P11D_WORKER_LINK_CLIENT);
        cr_assert_eq(p11d_worker_link_read_client(&peer, &message, &credentials), with_user,
                     "a client without a user is none");
        cr_assert_eq(credentials.uid, with_user ? 7 : 0);
        cr_assert_eq(credentials.pid, 0);
        p11d_credentials_clear(&credentials);
    }
    const char *log = read_log();
    cr_assert_not_null(strstr(log, "Client with unit, which is not understood"), "%s", log);
}
