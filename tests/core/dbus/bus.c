// SPDX-License-Identifier: MIT
#include "bus.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "open-files.h"

#define LATER p11d_deadline_in(20000) /* for what is expected not to time out */
#define DBUS "org.freedesktop.DBus"

/* A message bus of our own, in a directory of its own. */

typedef struct Daemon {
    char directory[32];
    char config[48];
    char text[256]; /* its address */
    P11dAddress address;
    pid_t pid;
} Daemon;

/* more: what the configuration says beside the usual. */
static void start_daemon(Daemon *daemon, const char *more)
{
    int ready[2];
    strcpy(daemon->directory, "/tmp/p11dbus-test-XXXXXX");
    cr_assert_not_null(mkdtemp(daemon->directory));
    sprintf(daemon->config, "%s/bus.conf", daemon->directory);
    FILE *file = fopen(daemon->config, "we");
    fprintf(file,
            "<busconfig><listen>unix:path=%s/bus</listen>%s<policy context='default'>"
            "<allow send_destination='*'/><allow receive_sender='*'/><allow own='*'/>"
            "</policy></busconfig>",
            daemon->directory, more);
    fclose(file);

    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    daemon->pid = fork();
    if (daemon->pid == 0) {
        char config[64], print[32];
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* a test that fails stops nothing */
        int null = open("/dev/null", O_RDWR);
        dup2(null, 2); /* it warns that it may not raise its limit of descriptors */
        snprintf(config, sizeof config, "--config-file=%s", daemon->config);
        snprintf(print, sizeof print, "--print-address=%d", dup(ready[1]));
        execlp("dbus-daemon", "dbus-daemon", "--nofork", "--nopidfile", config, print, NULL);
        _exit(127);
    }
    close(ready[1]);
    ssize_t size = read(ready[0], daemon->text, sizeof daemon->text - 1);
    close(ready[0]);
    cr_assert_gt(size, 1, "dbus-daemon does not start");
    daemon->text[size - 1] = '\0'; /* the end of the line */
    cr_assert(p11d_address_parse(&daemon->address, daemon->text, NULL));
}

static void stop_daemon(Daemon *daemon)
{
    char socket[64];
    kill(daemon->pid, SIGTERM);
    waitpid(daemon->pid, NULL, 0);
    snprintf(socket, sizeof socket, "%s/bus", daemon->directory);
    unlink(socket);
    unlink(daemon->config);
    rmdir(daemon->directory);
}

Test(bus, says_hello_and_calls)
{
    Daemon daemon;
    P11dBus bus;
    P11dWriter writer;
    P11dMessage reply;
    bool complete = false;
    const char *id;
    start_daemon(&daemon, "");
    unsigned before = open_files(false);
    cr_assert_eq(p11d_bus_connect(&bus, &daemon.address, LATER), P11D_OK);
    cr_assert_eq(bus.unique_name[0], ':');
    cr_assert(bus.passes_descriptors);
    p11d_bus_begin(&bus, &writer, DBUS, "/org/freedesktop/DBus", DBUS, "GetId", "", true);
    cr_assert_eq(p11d_bus_call(&bus, &writer, LATER, &reply, &complete), P11D_OK);
    cr_assert(complete && reply.type == P11D_MESSAGE_RETURN);
    cr_assert(p11d_reader_string(&reply.body, &id, NULL));
    cr_assert_eq(strlen(id), 32);
    p11d_bus_clear(&bus);
    p11d_bus_clear(&bus);
    cr_assert_eq(open_files(false), before);
    stop_daemon(&daemon);
}

Test(bus, a_service_that_is_not_there_is_an_error_reply)
{
    Daemon daemon;
    P11dBus bus;
    P11dWriter writer;
    P11dMessage reply;
    start_daemon(&daemon, "");
    cr_assert_eq(p11d_bus_connect(&bus, &daemon.address, LATER), P11D_OK);
    for (int auto_start = 0; auto_start < 2; auto_start++) {
        p11d_bus_begin(&bus, &writer, "org.p11dbus.Nobody", "/", "a.b", "C", "", auto_start);
        cr_assert_eq(p11d_bus_call(&bus, &writer, LATER, &reply, NULL), P11D_OK);
        cr_assert_eq(reply.type, P11D_MESSAGE_ERROR);
        cr_assert_str_eq(reply.error_name,
                         auto_start ? DBUS ".Error.ServiceUnknown" : DBUS ".Error.NameHasNoOwner");
    }
    p11d_bus_clear(&bus);
    stop_daemon(&daemon);
}

Test(bus, the_limit_of_connections_is_refused)
{
    Daemon daemon;
    P11dBus bus[3];
    start_daemon(&daemon, "<limit name='max_connections_per_user'>2</limit>");
    cr_assert_eq(p11d_bus_connect(&bus[0], &daemon.address, LATER), P11D_OK);
    cr_assert_eq(p11d_bus_connect(&bus[1], &daemon.address, LATER), P11D_OK);
    unsigned before = open_files(false);
    cr_assert_eq(p11d_bus_connect(&bus[2], &daemon.address, LATER), P11D_REFUSED);
    cr_assert_eq(open_files(false), before);
    p11d_bus_clear(&bus[0]);
    p11d_bus_clear(&bus[1]);
    stop_daemon(&daemon);
}

Test(bus, authentication_can_be_refused)
{
    Daemon daemon;
    P11dBus bus;
    start_daemon(&daemon, "<auth>DBUS_COOKIE_SHA1</auth>");
    cr_assert_eq(p11d_bus_connect(&bus, &daemon.address, LATER), P11D_REFUSED);
    stop_daemon(&daemon);
}

/* In a user namespace, as in a container, the same user has another uid than for the bus. */
Test(bus, a_uid_of_another_user_namespace)
{
    enum { CONNECTED, NOT_CONNECTED, NO_NAMESPACE };
    Daemon daemon;
    int how;
    start_daemon(&daemon, "");
    pid_t pid = fork();
    if (pid == 0) {
        P11dBus bus;
        if (unshare(CLONE_NEWUSER) != 0)
            _exit(NO_NAMESPACE);
        bool connected = p11d_bus_connect(&bus, &daemon.address, LATER) == P11D_OK;
        _exit(connected ? CONNECTED : NOT_CONNECTED);
    }
    cr_assert_eq(waitpid(pid, &how, 0), pid);
    stop_daemon(&daemon);
    if (how == NO_NAMESPACE << 8)
        cr_skip_test("this machine lets nobody make a user namespace");
    cr_assert_eq(how, CONNECTED);
}

/* A service on the bus: before it answers a call, with one end of a socket pair, it sends the
 * caller what the caller did not ask for. */
static void *serve_one_call(void *data)
{
    P11dBus *bus = data;
    P11dMessage call;
    P11dWriter writer;
    int ends[2];
    do
        if (p11d_channel_receive(&bus->channel, LATER, &call) != P11D_OK)
            return NULL;
    while (call.type != P11D_MESSAGE_CALL);
    char caller[64];
    snprintf(caller, sizeof caller, "%s", call.sender);
    uint32_t serial = call.serial;

    p11d_bus_begin(bus, &writer, caller, "/x", "x.y", "Unasked", "", true);
    p11d_channel_send(&bus->channel, &writer, -1, LATER, NULL);
    P11dMessage message = {.type = P11D_MESSAGE_SIGNAL,
                           .path = "/x",
                           .interface = "x.y",
                           .member = "Unasked",
                           .destination = caller};
    p11d_channel_begin(&bus->channel, &writer, &message);
    p11d_channel_send(&bus->channel, &writer, -1, LATER, NULL);

    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
    message = (P11dMessage){.type = P11D_MESSAGE_RETURN,
                            .reply_serial = serial,
                            .destination = caller,
                            .descriptors = 1};
    p11d_channel_begin(&bus->channel, &writer, &message);
    p11d_channel_send(&bus->channel, &writer, ends[0], LATER, NULL);
    close(ends[0]);
    (void)!write(ends[1], "hello", 5);
    close(ends[1]);
    return NULL;
}

Test(bus, a_descriptor_comes_with_its_reply_whatever_else_is_sent_to_us)
{
    Daemon daemon;
    P11dBus bus, service;
    P11dWriter writer;
    P11dMessage reply;
    pthread_t thread;
    char text[6] = {0};
    start_daemon(&daemon, "");
    cr_assert_eq(p11d_bus_connect(&bus, &daemon.address, LATER), P11D_OK);
    cr_assert_eq(p11d_bus_connect(&service, &daemon.address, LATER), P11D_OK);
    pthread_create(&thread, NULL, serve_one_call, &service);
    p11d_bus_begin(&bus, &writer, service.unique_name, "/x", "x.y", "Z", "", false);
    cr_assert_eq(p11d_bus_call(&bus, &writer, LATER, &reply, NULL), P11D_OK);
    cr_assert_eq(reply.type, P11D_MESSAGE_RETURN);
    P11dDescriptor *descriptor = p11d_channel_take(&bus.channel, 0);
    cr_assert_not_null(descriptor);
    pthread_join(thread, NULL);
    cr_assert_eq(recv(p11d_descriptor_number(descriptor), text, 5, MSG_WAITALL), 5);
    cr_assert_str_eq(text, "hello");
    p11d_descriptor_close(descriptor);
    p11d_bus_clear(&bus);
    p11d_bus_clear(&service);
    stop_daemon(&daemon);
}

Test(bus, the_next_transport_is_tried)
{
    Daemon daemon;
    P11dBus bus;
    start_daemon(&daemon, "");
    P11dAddress address = {.count = 2, .transports[1] = daemon.address.transports[0]};
    P11dAddress nobody;
    cr_assert(p11d_address_parse(&nobody, "unix:abstract=p11dbus-test-of-nobody", NULL));
    address.transports[0] = nobody.transports[0];
    cr_assert_eq(p11d_bus_connect(&bus, &address, LATER), P11D_OK);
    p11d_bus_clear(&bus);
    stop_daemon(&daemon);
}
