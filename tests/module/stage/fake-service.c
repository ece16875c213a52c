// SPDX-License-Identifier: MIT
/*
 * A service for tests that does on demand what a real one never does: stays silent, dies or hangs
 * up in the middle of a call, lies about types and sizes, has no channels, has keys that always
 * authenticate. Its signatures are made up; it has public keys only.
 *
 * usage: fake-service ADDRESS LOG [OPTION | FAULT]...
 *   LOG     each call that arrives is appended, one a line: its name, and what matters of it
 *   OPTION  name=org.example.Name, run=N (0: not sent), channels=no, always=yes, bare=yes (keys
 *           without public-key-info), login=yes, pad=yes, open=yes (needs no login, takes any PIN),
 *           features=A,B, mechanisms=A,B, token=no, claims=yes (of everything that it can do all),
 *           flags=A,B (of mechanisms), ciphers=yes (keys say that they encrypt and decrypt),
 *           early=yes (says the token before it lists it behind another)
 *   FAULT   METHOD=ACTION: hang, die, close, type, absent, size, zero (ids), twice (the same
 *           id), or the name of an error
 * Standard input takes FAULT lines and: calm (no faults), release (answers what hangs with an
 * error), changed, add, remove, rename LABEL, lock (as with login=yes).
 * Each is answered by "ok" on standard output, as is the start.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "fake-calls.h"
#include "fake-fault.h"
#include "fake-signals.h"
#include "fake-token.h"
#include "interface.h"

static void say_ok(void)
{
    if (write(STDOUT_FILENO, "ok\n", 3) != 3)
        return; /* started by the bus: nobody listens */
}

static void read_connection(FakeConnection *connection)
{
    for (;;) {
        P11dMessage message;
        const P11dStatus status =
            p11d_channel_receive(&connection->channel, p11d_deadline_now(), &message);
        if (status == P11D_TIMEOUT)
            return;
        if (status != P11D_OK) {
            fake_hang_up(connection);
            return;
        }
        if (message.type == P11D_MESSAGE_CALL)
            fake_answer(connection, &message);
        else if (message.type == P11D_MESSAGE_RETURN)
            say_ok(); /* the name is ours */
        if (!connection->open)
            return;
        p11d_channel_done(&connection->channel);
    }
}

static void obey(char *line)
{
    char *value = strpbrk(line, "= ");
    if (value)
        *value++ = '\0';
    if (strcmp(line, "calm") == 0) {
        fake_calm();
    } else if (strcmp(line, "release") == 0) {
        fake_release();
    } else if (strcmp(line, "changed") == 0) {
        fake_object_count = fake_object_count == 4 ? 5 : 4;
        fake_generation++;
        fake_say_changed();
    } else if (strcmp(line, "add") == 0 || strcmp(line, "remove") == 0) {
        fake_options.token = line[0] == 'a';
        fake_say_token();
    } else if (strcmp(line, "rename") == 0) {
        snprintf(fake_options.label, sizeof fake_options.label, "%s", value);
        fake_say_properties();
    } else if (strcmp(line, "lock") == 0) {
        fake_options.open = false;
        fake_options.login = true;
        fake_say_properties();
    } else {
        fake_set_fault(line, value ? value : "");
    }
}

/* An option or a fault. */
static void set_option(char *word)
{
    char *value = strchr(word, '=');
    if (!value)
        exit(2);
    *value++ = '\0';
    if (!fake_set_option(word, value))
        fake_set_fault(word, value);
}

static void start(const char *address_text)
{
    P11dAddress address;
    P11dBus bus;
    P11dWriter writer;
    const char *bus_name = "org.freedesktop.DBus";
    if (!p11d_address_parse(&address, address_text, NULL) ||
        p11d_bus_connect(&bus, &address, p11d_deadline_in(10000)) != P11D_OK)
        exit(1);
    p11d_bus_begin(&bus, &writer, bus_name, "/org/freedesktop/DBus", bus_name, "RequestName", "su",
                   true);
    p11d_writer_string(&writer, fake_options.name);
    p11d_writer_uint32(&writer, 0);
    /* Calls that waited for us arrive before the reply: it is read like all else. */
    if (p11d_channel_send(&bus.channel, &writer, -1, p11d_deadline_in(10000), NULL) != P11D_OK)
        exit(1);
    fake_connections[0] = (FakeConnection){.channel = bus.channel, .kind = FAKE_BUS, .open = true};
}

/* Returns false at the end of commands: who starts us by D-Bus gives none. */
static bool read_commands(void)
{
    static char lines[1024];
    static size_t size;
    const ssize_t got = read(STDIN_FILENO, lines + size, sizeof lines - size);
    if (got <= 0)
        return false;
    size += (size_t)got;
    for (char *end; (end = memchr(lines, '\n', size)) != NULL;) {
        *end++ = '\0';
        obey(lines);
        size -= (size_t)(end - lines);
        memmove(lines, end, size);
        say_ok();
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    fake_generation = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    fake_log = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (int i = 3; i < argc; i++)
        set_option(argv[i]);
    start(argv[1]);
    bool commands = true;
    for (;;) {
        struct pollfd entries[FAKE_CONNECTIONS + 1];
        for (int i = 0; i < FAKE_CONNECTIONS; i++)
            entries[i] = (struct pollfd){
                .fd = fake_connections[i].open
                          ? p11d_descriptor_number(fake_connections[i].channel.descriptor)
                          : -1,
                .events = POLLIN};
        entries[FAKE_CONNECTIONS] =
            (struct pollfd){.fd = commands ? STDIN_FILENO : -1, .events = POLLIN};
        poll(entries, FAKE_CONNECTIONS + 1, -1);
        for (int i = 0; i < FAKE_CONNECTIONS; i++) {
            if (entries[i].revents && fake_connections[i].open)
                read_connection(&fake_connections[i]);
        }
        if (entries[FAKE_CONNECTIONS].revents)
            commands = read_commands();
    }
}
