// SPDX-License-Identifier: MIT
#include "unruly-worker.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "interface.h"
#include "worker-link.h"

static char path[64];          /* of the token */
static P11dChannel supervisor; /* the link */
static P11dChannel client;     /* the last one that came */
static P11dWorkerLinkPeer peer = {.name = "the service"};
static P11dCredentials credentials;

/* Properties with that label, and Run if it is well behaved: where a string makes no sense. */
static void label(P11dBuffer *buffer, const char *text, bool well_behaved)
{
    P11dWriter writer;
    p11d_buffer_init(buffer, 64 << 10);
    p11d_writer_init(&writer, buffer);
    p11d_writer_entry(&writer, "Label", "s");
    p11d_writer_string(&writer, text);
    if (!well_behaved) {
        p11d_writer_entry(&writer, "Run", "s");
        p11d_writer_string(&writer, "not a number");
        p11d_writer_entry(&writer, "Unheard", "s");
        p11d_writer_string(&writer, "of");
    }
}

static void announce(const char *what, bool well_behaved)
{
    P11dBuffer properties;
    label(&properties, "unruly", well_behaved);
    p11d_worker_link_queue_token_added(&supervisor, what, properties.data, properties.size);
    p11d_buffer_clear(&properties);
}

/* What a worker of another time may say. */
static void say_more(void)
{
    P11dWriter writer;
    P11dMessage hello = {.type = P11D_MESSAGE_SIGNAL,
                         .path = P11D_ROOT_PATH,
                         .interface = "org.p11dbus.Worker1",
                         .member = "Hello",
                         .signature = "ua{sv}"};
    P11dMessage freeze = hello;
    p11d_channel_begin(&supervisor, &writer, &hello);
    p11d_writer_uint32(&writer, P11D_WORKER_LINK_VERSION);
    P11dArray fields = p11d_writer_array_begin(&writer, 8);
    p11d_writer_entry(&writer, "colour", "s");
    p11d_writer_string(&writer, "green");
    p11d_writer_array_end(&writer, fields);
    p11d_channel_queue(&supervisor, &writer);
    freeze.member = "Freeze";
    freeze.signature = "s";
    p11d_channel_begin(&supervisor, &writer, &freeze);
    p11d_writer_string(&writer, "now");
    p11d_channel_queue(&supervisor, &writer);
}

static void chatter(void)
{
    P11dBuffer properties;
    char text[8192];
    for (int i = 0; i < 20; i++) {
        memset(text, 'a' + i, sizeof text);
        text[sizeof text - 1] = '\0';
        label(&properties, text, true);
        p11d_worker_link_queue_token_changed(&supervisor, path, properties.data, properties.size);
        p11d_buffer_clear(&properties);
        struct pollfd writable = {p11d_descriptor_number(supervisor.descriptor), POLLOUT, 0};
        while (p11d_channel_flush(&supervisor) == P11D_TIMEOUT)
            poll(&writable, 1, -1);
    }
}

static void answer_largely(const P11dMessage *call)
{
    const size_t size = (size_t)17 << 20;
    P11dWriter writer;
    P11dMessage reply = {
        .type = P11D_MESSAGE_RETURN, .reply_serial = call->serial, .signature = "ay"};
    void *bytes = calloc(1, size);
    p11d_channel_begin(&client, &writer, &reply);
    p11d_writer_bytes(&writer, bytes, size);
    p11d_channel_send(&client, &writer, -1, p11d_deadline_never(), NULL);
    free(bytes);
}

static void answer_with_credentials(const P11dMessage *call)
{
    P11dWriter writer;
    P11dMessage reply = {
        .type = P11D_MESSAGE_RETURN, .reply_serial = call->serial, .signature = "ay"};
    p11d_channel_begin(&client, &writer, &reply);
    P11dArray bytes = p11d_writer_array_begin(&writer, 1);
    p11d_writer_uint32(&writer, (uint32_t)credentials.pid);
    p11d_writer_uint32(&writer, credentials.uid);
    for (size_t i = 0; i < credentials.group_count; i++)
        p11d_writer_uint32(&writer, credentials.groups[i]);
    p11d_writer_array_end(&writer, bytes);
    p11d_channel_send(&client, &writer, -1, p11d_deadline_never(), NULL);
}

static void take_client(const P11dMessage *message)
{
    p11d_credentials_clear(&credentials);
    p11d_worker_link_read_client(&peer, message, &credentials);
    p11d_channel_clear(&client);
    p11d_channel_init(&client, p11d_channel_take(&supervisor, 0), P11D_MESSAGE_MAX);
}

/* Takes what is on the link. False: it hung up. */
static bool serve_link(const char *kind)
{
    P11dMessage message;
    P11dStatus status;
    const char *of;
    while ((status = p11d_channel_receive(&supervisor, p11d_deadline_now(), &message)) == P11D_OK) {
        if (p11d_worker_link_kind(&peer, &message, &of) != P11D_WORKER_LINK_CLIENT)
            continue;
        take_client(&message);
        if (strcmp(kind, "chatty") == 0)
            chatter();
    }
    return status == P11D_TIMEOUT;
}

/* Serves the link and the last client until the link hangs up. */
static int serve(const char *kind)
{
    P11dMessage message;
    while (p11d_channel_is_open(&supervisor)) {
        struct pollfd ready[] = {{p11d_descriptor_number(supervisor.descriptor), POLLIN, 0},
                                 {p11d_descriptor_number(client.descriptor), POLLIN, 0}};
        if (poll(ready, 2, -1) < 0)
            return 1;
        if (!serve_link(kind))
            return 0;
        if (!client.descriptor ||
            p11d_channel_receive(&client, p11d_deadline_now(), &message) != P11D_OK)
            continue;
        if (strcmp(kind, "deserter") == 0)
            return 7;
        if (strcmp(kind, "large") == 0)
            answer_largely(&message);
        if (strcmp(kind, "clerk") == 0 || strcmp(kind, "stranger") == 0)
            answer_with_credentials(&message);
    }
    return 0;
}

int unruly_worker_main(const char *kind)
{
    snprintf(path, sizeof path, "%s/%s", P11D_TOKENS_PATH, kind);
    p11d_channel_init(&supervisor, p11d_descriptor_adopt(P11D_WORKER_LINK_DESCRIPTOR),
                      P11D_MESSAGE_MAX);
    supervisor.accepts_descriptors = true;
    p11d_channel_init(&client, NULL, P11D_MESSAGE_MAX);

    if (strcmp(kind, "stranger") == 0)
        say_more();
    if (strcmp(kind, "garbage") == 0) {
        char noise[4096];
        memset(noise, 0xa5, sizeof noise);
        (void)!write(P11D_WORKER_LINK_DESCRIPTOR, noise, sizeof noise);
    } else if (strcmp(kind, "liar") == 0) {
        announce("/org/p11dbus", true);
        announce(P11D_TOKENS_PATH "/a/b", true);
        announce("/somewhere/else", true);
        announce(path, false);
        announce(path, true);
    } else if (strcmp(kind, "silent") != 0) {
        announce(path, true);
    }
    if (strcmp(kind, "silent") != 0)
        p11d_worker_link_queue_ready(&supervisor);
    if (strcmp(kind, "stuck") == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* not even a test that broke off leaves it behind */
        signal(SIGTERM, SIG_IGN);
        for (;;)
            pause();
    }
    return serve(kind);
}
