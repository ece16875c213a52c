// SPDX-License-Identifier: MIT
/* Buses that are none: what answers there is wrong, silent, slow or gone. */
#include "bus.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "open-files.h"

#define SOON p11d_deadline_in(20)     /* for what is expected to time out */
#define LATER p11d_deadline_in(20000) /* for what is expected not to */
#define DBUS "org.freedesktop.DBus"

typedef struct Server {
    P11dAddress address;
    int socket;
    const void *says;
    size_t size;
    bool in_single_bytes;
    bool hangs_up; /* when it has said that; else it stays silent */
    unsigned accepted;
    pthread_t thread;
} Server;

/* A listening socket with a name that the kernel finds. */
static void open_server(Server *server)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t length = sizeof name;
    server->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(server->socket, (struct sockaddr *)&name, sizeof(sa_family_t)), 0);
    cr_assert_eq(listen(server->socket, 0), 0);
    cr_assert_eq(getsockname(server->socket, (struct sockaddr *)&name, &length), 0);
    server->address = (P11dAddress){.count = 1, .transports[0] = {.name = name, .length = length}};
}

static void *play(void *data)
{
    Server *server = data;
    char bytes[4096];
    for (int client; (client = accept(server->socket, NULL, NULL)) >= 0; close(client)) {
        server->accepted++;
        if (recv(client, bytes, 1, 0) != 1 || bytes[0] != '\0')
            continue;
        size_t step = server->in_single_bytes ? 1 : server->size;
        for (size_t i = 0; i < server->size; i += step)
            if (send(client, (const char *)server->says + i, step, MSG_NOSIGNAL) < 0)
                break;
        if (!server->hangs_up)
            while (recv(client, bytes, sizeof bytes, 0) > 0)
                ;
    }
    return NULL;
}

/* Ends the thread: nobody is accepted any more. */
static void end_thread(Server *server)
{
    shutdown(server->socket, SHUT_RDWR);
    pthread_join(server->thread, NULL);
}

static P11dStatus connect_to(Server *server, P11dBus *bus, P11dDeadline deadline)
{
    open_server(server);
    pthread_create(&server->thread, NULL, play, server);
    unsigned before = open_files(false);
    P11dStatus status = p11d_bus_connect(bus, &server->address, deadline);
    if (status != P11D_OK) {
        end_thread(server);
        cr_assert_eq(open_files(false), before);
    }
    return status;
}

/* Answers a line at a time, and hangs up on who says the next one before. The reply to Hello is
 * what server says. */
static void *play_strictly(void *data)
{
    static const char *const dialog[][2] = {{"\0AUTH EXTERNAL\r\n", "DATA\r\n"},
                                            {"DATA\r\n", "OK 01\r\n"},
                                            {"NEGOTIATE_UNIX_FD\r\n", "AGREE_UNIX_FD\r\n"},
                                            {"BEGIN\r\n", ""}};
    Server *server = data;
    for (int client; (client = accept(server->socket, NULL, NULL)) >= 0; close(client)) {
        char bytes[512];
        server->accepted++;
        for (size_t i = 0; i < 4; i++) {
            /* The first one begins with a NUL. */
            const size_t size = strlen(dialog[i][0] + (i == 0)) + (i == 0);
            if (recv(client, bytes, size, MSG_WAITALL) != (ssize_t)size ||
                memcmp(bytes, dialog[i][0], size) != 0 ||
                (i < 3 && recv(client, bytes, 1, MSG_DONTWAIT) > 0))
                break;
            send(client, dialog[i][1], strlen(dialog[i][1]), MSG_NOSIGNAL);
            if (i < 3)
                continue;
            send(client, server->says, server->size, MSG_NOSIGNAL);
            while (recv(client, bytes, sizeof bytes, 0) > 0)
                ;
        }
    }
    return NULL;
}

static void close_server(Server *server)
{
    close(server->socket);
}

#define DATA "DATA\r\n"
#define OK DATA "OK 0123456789abcdef0123456789abcdef\r\n"

typedef struct Lines {
    char says[64];
    size_t filled; /* and as many times 'x' */
    bool hangs_up;
    P11dStatus expected;
} Lines;

static const Lines lines[] = {
    {"", 0, true, P11D_CLOSED},
    {"", 0, false, P11D_TIMEOUT},
    {DATA, 0, true, P11D_CLOSED},
    {DATA, 0, false, P11D_TIMEOUT},
    {DATA "OK 01", 0, true, P11D_CLOSED},
    {DATA "OK 01", 0, false, P11D_TIMEOUT},
    {OK, 0, true, P11D_CLOSED},
    {OK, 0, false, P11D_TIMEOUT},
    {OK "AGREE_UNIX_FD\r\n", 0, true, P11D_CLOSED},
    {OK "AGREE_UNIX_FD\r\n", 0, false, P11D_TIMEOUT},
    {"REJECTED EXTERNAL\r\n", 0, false, P11D_REFUSED},
    {"REJECTED\r\n", 0, true, P11D_REFUSED},
    {"ERROR \"no\"\r\n", 0, false, P11D_REFUSED},
    {DATA "REJECTED EXTERNAL\r\n", 0, false, P11D_REFUSED},
    {DATA "ERROR\r\n", 0, true, P11D_REFUSED},
    {DATA DATA, 0, false, P11D_MALFORMED},
    {DATA "OKAY\r\n", 0, false, P11D_MALFORMED},
    {"OK 01\r\n", 0, false, P11D_MALFORMED},
    {"HTTP/1.1 400 Bad Request\r\n", 0, false, P11D_MALFORMED},
    {DATA "OK 01\n", 0, false, P11D_MALFORMED},
    {DATA "OK \x01\r\n", 0, false, P11D_MALFORMED},
    {DATA "OK \xc3\xa4\r\n", 0, false, P11D_MALFORMED},
    {DATA "OK ", 1000, false, P11D_MALFORMED},
    {DATA "OK ", 100000, true, P11D_MALFORMED},
    {OK "AGREE\r\n", 0, false, P11D_MALFORMED},
    {OK "REJECTED\r\n", 0, false, P11D_MALFORMED},
    {OK, 20, false, P11D_TIMEOUT},
    {OK "AGREE_UNIX_FD\r\n", 20, false, P11D_MALFORMED},
};

ParameterizedTestParameters(bus, trap_every_wait_has_a_deadline__handshake)
{
    Lines *parameters = cr_malloc(sizeof lines);
    memcpy(parameters, lines, sizeof lines);
    return cr_make_param_array(Lines, parameters, sizeof lines / sizeof lines[0]);
}

ParameterizedTest(const Lines *test, bus, trap_every_wait_has_a_deadline__handshake)
{
    size_t said = strlen(test->says);
    char *says = malloc(said + test->filled);
    memcpy(says, test->says, said);
    memset(says + said, 'x', test->filled);
    Server server = {.says = says, .size = said + test->filled, .hangs_up = test->hangs_up};
    P11dBus bus;
    P11dStatus status = connect_to(&server, &bus, test->expected == P11D_TIMEOUT ? SOON : LATER);
    cr_assert_eq(status, test->expected, "%.20s: %d", test->says, (int)status);
    cr_assert_eq(server.accepted, status == P11D_CLOSED ? 2 : 1);
    close_server(&server);
    free(says);
}

/* Adds message, the reply to Hello (or not), with the string name. */
static void add_reply(P11dBuffer *says, P11dMessage message, const char *name)
{
    P11dWriter writer;
    message.serial = 1;
    message.signature = "s";
    p11d_message_begin(&writer, says, &message);
    p11d_writer_string(&writer, name);
    cr_assert_eq(p11d_message_end(&writer), P11D_OK);
}

/* Connects to a server that says the lines said and then message. */
static P11dStatus connect_with_reply(P11dMessage message, const char *name, const char *said,
                                     bool in_single_bytes, P11dBus *bus)
{
    P11dBuffer says;
    p11d_buffer_init(&says, 4096);
    p11d_buffer_append(&says, said, strlen(said));
    add_reply(&says, message, name);
    Server server = {.says = says.data, .size = says.size, .in_single_bytes = in_single_bytes};
    P11dStatus status = connect_to(&server, bus, LATER);
    if (status == P11D_OK) {
        P11dBus copy = *bus;
        p11d_bus_clear(bus);
        end_thread(&server);
        *bus = copy; /* only to be looked at */
    }
    close_server(&server);
    p11d_buffer_clear(&says);
    return status;
}

Test(bus, hello_without_descriptors)
{
    P11dBus bus;
    P11dMessage reply = {.type = P11D_MESSAGE_RETURN, .reply_serial = 1};
    cr_assert_eq(connect_with_reply(reply, ":1.7", OK "ERROR\r\n", false, &bus), P11D_OK);
    cr_assert_str_eq(bus.unique_name, ":1.7");
    cr_assert_not(bus.passes_descriptors);
    cr_assert_not(bus.channel.accepts_descriptors);
}

Test(bus, hello_in_single_bytes)
{
    P11dBus bus;
    P11dMessage reply = {.type = P11D_MESSAGE_RETURN, .reply_serial = 1};
    cr_assert_eq(connect_with_reply(reply, ":1.7", OK "AGREE_UNIX_FD\r\n", true, &bus), P11D_OK);
    cr_assert_str_eq(bus.unique_name, ":1.7");
    cr_assert(bus.passes_descriptors);
}

Test(bus, who_hangs_up_on_a_handshake_in_one_piece_gets_it_in_steps)
{
    P11dBus bus;
    P11dBuffer says;
    P11dMessage reply = {.type = P11D_MESSAGE_RETURN, .reply_serial = 1};
    p11d_buffer_init(&says, 4096);
    add_reply(&says, reply, ":1.7");
    Server server = {.says = says.data, .size = says.size};
    open_server(&server);
    const unsigned before = open_files(false);
    pthread_create(&server.thread, NULL, play_strictly, &server);
    cr_assert_eq(p11d_bus_connect(&bus, &server.address, LATER), P11D_OK);
    cr_assert_str_eq(bus.unique_name, ":1.7");
    cr_assert(bus.passes_descriptors);
    p11d_bus_clear(&bus);
    end_thread(&server);
    cr_assert_eq(open_files(false), before);
    cr_assert_eq(server.accepted, 2);
    close_server(&server);
    p11d_buffer_clear(&says);
}

Test(bus, hello_refused)
{
    P11dBus bus;
    P11dMessage reply = {
        .type = P11D_MESSAGE_ERROR, .reply_serial = 1, .error_name = DBUS ".Error.LimitsExceeded"};
    cr_assert_eq(connect_with_reply(reply, "full", OK "AGREE_UNIX_FD\r\n", false, &bus),
                 P11D_REFUSED);
}

Test(bus, hello_with_a_name_that_is_none)
{
    static const char *const names[] = {
        "", "org.example.Name",
        ":1.0123456789012345678901234567890123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        P11dBus bus;
        P11dMessage reply = {.type = P11D_MESSAGE_RETURN, .reply_serial = 1};
        cr_assert_eq(connect_with_reply(reply, names[i], OK "AGREE_UNIX_FD\r\n", false, &bus),
                     P11D_MALFORMED);
    }
}

Test(bus, nobody_there_is_closed)
{
    P11dBus bus;
    Server server;
    open_server(&server);
    close_server(&server);
    cr_assert_eq(p11d_bus_connect(&bus, &server.address, LATER), P11D_CLOSED);
    P11dAddress address;
    cr_assert(p11d_address_parse(&address, "unix:path=/nonexistent/bus", NULL));
    cr_assert_eq(p11d_bus_connect(&bus, &address, LATER), P11D_CLOSED);
    cr_assert(p11d_address_parse(&address, "unix:path=/dev/null/bus", NULL));
    cr_assert_eq(p11d_bus_connect(&bus, &address, LATER), P11D_CLOSED);
    address.count = 0;
    cr_assert_eq(p11d_bus_connect(&bus, &address, LATER), P11D_CLOSED);
}

/* Fills the queue of connections that server has not accepted. Returns how many that were. */
static size_t fill_queue(const Server *server, int clients[64])
{
    size_t count = 0;
    for (; count < 64; count++) {
        clients[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connect(clients[count], (const struct sockaddr *)&server->address.transports[0].name,
                    server->address.transports[0].length) != 0)
            break;
    }
    cr_assert_eq(errno, EAGAIN);
    return count;
}

Test(bus, trap_every_wait_has_a_deadline__connect)
{
    P11dBus bus;
    Server server;
    int clients[64];
    open_server(&server);
    fill_queue(&server, clients);
    cr_assert_eq(p11d_bus_connect(&bus, &server.address, SOON), P11D_TIMEOUT);
    cr_assert_eq(p11d_bus_connect(&bus, &server.address, p11d_deadline_now()), P11D_TIMEOUT);
    close_server(&server);
}

static void *accept_all(void *data)
{
    const Server *server = data;
    for (size_t i = 0; i < server->size; i++)
        close(accept(server->socket, NULL, NULL));
    return play(data);
}

Test(bus, a_full_queue_is_waited_for)
{
    P11dBus bus;
    Server server;
    int clients[64];
    open_server(&server);
    size_t count = fill_queue(&server, clients);
    server.says = "REJECTED\r\nREJECTED\r\nREJECTED\r\nREJECTED\r\n";
    server.size = count;
    server.in_single_bytes = true;
    server.hangs_up = true;
    pthread_create(&server.thread, NULL, accept_all, &server);
    P11dStatus status = p11d_bus_connect(&bus, &server.address, LATER);
    end_thread(&server);
    /* It was connected, and heard a few bytes. */
    cr_assert_eq(status, P11D_CLOSED);
    close_server(&server);
}
