// SPDX-License-Identifier: MIT
/* One request to a peer whose other end is in this process, and has answered before it is asked. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lock.h"
#include "request.h"

#define SOON p11d_deadline_in(20)
#define LATER p11d_deadline_in(20000)

static P11dInstance instance;
static P11dPeer *peer;
static P11dChannel other;

static void open_peer(void)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    peer = p11d_peer_new(&instance, p11d_descriptor_adopt(ends[0]), false);
    p11d_channel_init(&other, p11d_descriptor_adopt(ends[1]), P11D_MESSAGE_MAX);
    cr_assert(peer);
}

static void close_peer(void)
{
    p11d_peer_release(peer);
    p11d_channel_clear(&other);
}

TestSuite(request, .init = open_peer, .fini = close_peer);

static void send_reply(P11dMessage reply, const char *text)
{
    P11dWriter writer;
    reply.reply_serial = 1;
    p11d_channel_begin(&other, &writer, &reply);
    if (text)
        p11d_writer_string(&writer, text);
    cr_assert_eq(p11d_channel_send(&other, &writer, -1, LATER, NULL), P11D_OK);
}

static CK_RV read_stream(P11dChannel *channel, P11dReader *body, void *data)
{
    (void)channel;
    return p11d_reader_uint64(body, data) ? CKR_OK : CKR_DEVICE_ERROR;
}

static P11dRequest logout(void)
{
    return (P11dRequest){.interface = &p11d_interface_token,
                         .method = "Logout",
                         .path = P11D_TOKENS_PATH "/a",
                         .deadline = LATER};
}

Test(request, an_answer)
{
    P11dAnswer answer;
    P11dMessage call;
    const P11dRequest request = logout();
    send_reply((P11dMessage){.type = P11D_MESSAGE_RETURN, .signature = ""}, NULL);
    p11d_request_perform(&request, peer, &answer);
    cr_assert_eq(answer.rv, CKR_OK);
    cr_assert_eq(answer.status, P11D_OK);
    cr_assert(answer.sent);
    cr_assert_eq(p11d_channel_receive(&other, LATER, &call), P11D_OK);
    cr_assert_str_eq(call.member, "Logout");
    cr_assert_str_eq(call.interface, "org.p11dbus.Token1");
}

Test(request, an_error_of_the_service_leaves_the_peer_as_it_is)
{
    P11dAnswer answer;
    const P11dRequest request = logout();
    send_reply((P11dMessage){.type = P11D_MESSAGE_ERROR,
                             .signature = "",
                             .error_name = "org.p11dbus.Error.UserNotLoggedIn"},
               NULL);
    p11d_request_perform(&request, peer, &answer);
    cr_assert_eq(answer.rv, CKR_USER_NOT_LOGGED_IN);
    cr_assert_eq(answer.status, P11D_OK);
    cr_assert_str_eq(answer.error, "org.p11dbus.Error.UserNotLoggedIn");
}

Test(request, trap_errors_by_scope__what_no_service_can_know)
{
    static const char *const names[] = {"CryptokiNotInitialized", "CryptokiAlreadyInitialized",
                                        "SessionHandleInvalid",   "OperationActive",
                                        "FunctionNotParallel",    "SlotIdInvalid"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        P11dAnswer answer;
        char name[128];
        const P11dRequest request = logout();
        snprintf(name, sizeof name, "org.p11dbus.Error.%s", names[i]);
        peer->bus.channel.serial = 0;
        send_reply((P11dMessage){.type = P11D_MESSAGE_ERROR, .signature = "", .error_name = name},
                   NULL);
        p11d_request_perform(&request, peer, &answer);
        cr_assert_eq(answer.rv, CKR_DEVICE_ERROR, "%s", name);
        cr_assert_eq(answer.status, P11D_OK, "%s", name);
    }
}

Test(request, trap_reply_is_checked_before_use__its_type)
{
    uint64_t stream = 7;
    P11dAnswer answer;
    P11dRequest request = logout();
    request.read = read_stream;
    request.data = &stream;
    send_reply((P11dMessage){.type = P11D_MESSAGE_RETURN, .signature = "s"}, "text");
    p11d_request_perform(&request, peer, &answer);
    cr_assert_eq(answer.rv, CKR_DEVICE_ERROR);
    cr_assert_eq(answer.status, P11D_MALFORMED, "the peer is not used again");
    cr_assert_eq(stream, 7);
}

Test(request, trap_every_wait_has_a_deadline)
{
    P11dAnswer answer;
    P11dRequest request = logout();
    request.deadline = SOON;
    p11d_request_perform(&request, peer, &answer);
    cr_assert_eq(answer.rv, CKR_DEVICE_ERROR);
    cr_assert_eq(answer.status, P11D_TIMEOUT);
    cr_assert(answer.sent);
}

static void write_too_much(P11dWriter *writer, void *data)
{
    char *name = data;
    memset(name, 'a', P11D_MESSAGE_MAX);
    p11d_writer_string(writer, name);
}

Test(request, a_message_that_is_too_large_is_our_own_failure)
{
    P11dAnswer answer;
    P11dRequest request = logout();
    request.write = write_too_much;
    request.data = calloc(1, P11D_MESSAGE_MAX + 1);
    p11d_request_perform(&request, peer, &answer);
    cr_assert_eq(answer.rv, CKR_DATA_LEN_RANGE);
    cr_assert_eq(answer.status, P11D_OK, "the peer is as good as before");
    cr_assert_not(answer.sent);
    free(request.data);
}

Test(request, a_peer_that_hung_up)
{
    P11dAnswer answer;
    const P11dRequest request = logout();
    p11d_channel_clear(&other);
    p11d_request_perform(&request, peer, &answer);
    cr_assert_eq(answer.rv, CKR_DEVICE_ERROR);
    cr_assert_eq(answer.status, P11D_CLOSED);
}

static void *yield(void *data)
{
    (void)data;
    p11d_lock_take();
    p11d_peer_yield(peer);
    p11d_lock_give();
    return NULL;
}

Test(request, a_peer_is_claimed_by_one_thread_at_a_time)
{
    pthread_t thread;
    p11d_lock_take();
    cr_assert_eq(p11d_request_claim(peer, LATER), CKR_OK);
    cr_assert_eq(p11d_request_claim(peer, SOON), CKR_DEVICE_ERROR);
    cr_assert_eq(pthread_create(&thread, NULL, yield, NULL), 0);
    cr_assert_eq(p11d_request_claim(peer, LATER), CKR_OK);
    p11d_peer_yield(peer);
    instance.finalized = true;
    cr_assert_eq(p11d_request_claim(peer, LATER), CKR_CRYPTOKI_NOT_INITIALIZED);
    cr_assert_not(peer->busy);
    p11d_lock_give();
    pthread_join(thread, NULL);
}
