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
 *           features=A,B, mechanisms=A,B, token=no, claims=yes (of everything that it can do all)
 *   FAULT   METHOD=ACTION: hang, die, close, type, absent, size, or the name of an error
 * Standard input takes FAULT lines and: calm (no faults), release (answers what hangs with an
 * error), changed, add, remove, rename LABEL, lock (as with login=yes).
 * Each is answered by "ok" on standard output, as is the start.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "fake-keys.h"
#include "interface.h"

#define CONNECTIONS 128
#define TOKEN_PATH P11D_TOKENS_PATH "/fake"

typedef enum Kind { BUS, MANAGER, CONTROL, CALLS } Kind;

typedef struct Connection {
    P11dChannel channel;
    Kind kind;
    bool open;
    int client;       /* index of its control connection */
    bool logged_in;   /* of a control connection */
    bool outstanding; /* ObjectsChanged was sent and nobody listed since */
    bool stream_open; /* of a call channel */
    bool stream_authenticated;
} Connection;

typedef struct Fault {
    char method[32];
    char action[96];
} Fault;

static Connection connections[CONNECTIONS];
static Fault faults[32];
static size_t fault_count;
static struct {
    Connection *connection;
    uint32_t serial;
} hanging[64];
static size_t hanging_count;
static int log_fd;
static uint64_t generation;     /* from the clock */
static size_t object_count = 4; /* of objects */
static struct {
    const char *name;
    uint64_t run;
    bool channels;
    bool always;
    bool bare;
    bool login;
    bool pad;
    bool open;
    bool claims;
    bool token;
    char features[64];
    char mechanisms[256];
    char label[64];
} options = {.name = P11D_BUS_NAME,
             .run = 1,
             .channels = true,
             .token = true,
             .features = "prehashed,streams",
             .mechanisms = "ecdsa,ecdsa-sha256,rsa-pkcs,sha256-rsa-pkcs",
             .label = "fake"};

static const struct {
    const char *class;
    const char *label;
    const uint8_t *info;
    size_t info_size;
    bool private;
} objects[] = {
    {"private-key", "ec", fake_ec_info, sizeof fake_ec_info, false},
    {"public-key", "ec", fake_ec_info, sizeof fake_ec_info, false},
    {"private-key", "rsa", fake_rsa_info, sizeof fake_rsa_info, false},
    {"public-key", "rsa", fake_rsa_info, sizeof fake_rsa_info, false},
    {"data", "added", NULL, 0, false},
    {"data", "hidden", NULL, 0, true},
};

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    line[size] = '\n';
    if (write(log_fd, line, (size_t)size + 1) < 0)
        exit(1);
}

static void set_fault(const char *method, const char *action)
{
    size_t at = 0;
    while (at < fault_count && strcmp(faults[at].method, method) != 0)
        at++;
    if (at == sizeof faults / sizeof faults[0] || strlen(method) >= sizeof faults[at].method ||
        strlen(action) >= sizeof faults[at].action)
        exit(2);
    strcpy(faults[at].method, method);
    strcpy(faults[at].action, action);
    if (at == fault_count)
        fault_count++;
}

static const char *fault_of(const char *method)
{
    for (size_t i = 0; i < fault_count; i++) {
        if (strcmp(faults[i].method, method) == 0)
            return faults[i].action;
    }
    return "";
}

/* --- answers --- */

static void begin_reply(Connection *connection, const P11dMessage *call, P11dWriter *writer,
                        P11dMessageType type, const char *signature, const char *error)
{
    P11dMessage reply = {.type = type,
                         .reply_serial = call->serial,
                         .signature = signature,
                         .error_name = error,
                         .destination = call->sender};
    p11d_channel_begin(&connection->channel, writer, &reply);
}

static void send_with(Connection *connection, P11dWriter *writer, int fd)
{
    p11d_channel_send(&connection->channel, writer, fd, p11d_deadline_in(10000), NULL);
}

static void fail(Connection *connection, const P11dMessage *call, const char *error)
{
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_ERROR, "", error);
    send_with(connection, &writer, -1);
}

static void refuse(Connection *connection, const P11dMessage *call, const char *last_part)
{
    char name[128];
    snprintf(name, sizeof name, "org.p11dbus.Error.%s", last_part);
    fail(connection, call, name);
}

static Connection *connect_to(int fd, Kind kind, int client)
{
    int at = 1;
    while (at < CONNECTIONS && connections[at].open)
        at++;
    if (at == CONNECTIONS)
        exit(1);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    connections[at] = (Connection){.kind = kind, .open = true};
    connections[at].client = kind == CONTROL ? at : client;
    p11d_channel_init(&connections[at].channel, p11d_descriptor_adopt(fd), P11D_MESSAGE_MAX);
    return &connections[at];
}

static void open_channel(Connection *connection, const P11dMessage *call, Kind kind)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        exit(1);
    connect_to(ends[0], kind, connection->client);
    P11dWriter writer;
    /* The header says how many descriptors come along. */
    P11dMessage reply = {.type = P11D_MESSAGE_RETURN,
                         .reply_serial = call->serial,
                         .signature = "h",
                         .destination = call->sender,
                         .descriptors = 1};
    p11d_channel_begin(&connection->channel, &writer, &reply);
    p11d_writer_uint32(&writer, 0);
    send_with(connection, &writer, ends[1]);
    close(ends[1]);
}

static void write_names(P11dWriter *writer, const char *list)
{
    char copy[512];
    snprintf(copy, sizeof copy, "%s", list);
    const P11dArray array = p11d_writer_array_begin(writer, 4);
    for (char *name = strtok(copy, ","); name; name = strtok(NULL, ","))
        p11d_writer_string(writer, name);
    p11d_writer_array_end(writer, array);
}

static void write_mechanisms(P11dWriter *writer)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", options.mechanisms);
    const P11dArray array = p11d_writer_array_begin(writer, 8);
    for (char *save, *name = strtok_r(copy, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
        p11d_writer_struct(writer);
        p11d_writer_string(writer, name);
        p11d_writer_struct(writer);
        p11d_writer_uint64(writer, 256);
        p11d_writer_uint64(writer, 4096);
        write_names(writer, options.claims ? "hw,message-encrypt,message-decrypt,message-sign,"
                                             "message-verify,multi-message,find-objects,encrypt,"
                                             "decrypt,digest,sign,sign-recover,verify,"
                                             "verify-recover,generate,generate-key-pair,wrap,"
                                             "unwrap,derive,encapsulate,decapsulate,extension"
                                           : "sign,verify");
    }
    p11d_writer_array_end(writer, array);
}

static void write_flags(P11dWriter *writer)
{
    p11d_writer_entry(writer, "Flags", "as");
    write_names(writer, options.claims  ? "token-initialized,login-required,"
                                          "restore-key-not-needed,clock-on-token,"
                                          "dual-crypto-operations,secondary-authentication,"
                                          "seed-random-required,async-session-supported"
                        : options.pad   ? "token-initialized,login-required,"
                                          "protected-authentication-path"
                        : options.login ? "token-initialized,login-required,write-protected"
                        : options.open  ? "token-initialized"
                                        : "token-initialized,user-pin-initialized");
}

static void write_properties(P11dWriter *writer)
{
    const P11dArray array = p11d_writer_array_begin(writer, 8);
    p11d_writer_entry(writer, "Label", "s");
    p11d_writer_string(writer, options.label);
    p11d_writer_entry(writer, "Mechanisms", "a{s(ttas)}");
    write_mechanisms(writer);
    p11d_writer_entry(writer, "Features", "as");
    write_names(writer, options.features);
    write_flags(writer);
    if (options.run != 0) {
        p11d_writer_entry(writer, "Run", "t");
        p11d_writer_uint64(writer, options.run);
    }
    p11d_writer_array_end(writer, array);
}

/* The path and a{sa{sv}} of the token, as in a list and in InterfacesAdded. */
static void write_token(P11dWriter *writer)
{
    p11d_writer_string(writer, TOKEN_PATH);
    const P11dArray interfaces = p11d_writer_array_begin(writer, 8);
    p11d_writer_struct(writer);
    p11d_writer_string(writer, p11d_interface_token.name);
    write_properties(writer);
    p11d_writer_array_end(writer, interfaces);
}

static void write_claims(P11dWriter *writer)
{
    static const char *const claims[] = {
        "modifiable",   "copyable",       "destroyable", "sign",        "verify",
        "sign-recover", "verify-recover", "encrypt",     "decrypt",     "wrap",
        "unwrap",       "derive",         "encapsulate", "decapsulate",
    };
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        p11d_writer_entry(writer, claims[i], "b");
        p11d_writer_boolean(writer, true);
    }
}

static void write_object(P11dWriter *writer, size_t i)
{
    p11d_writer_struct(writer);
    p11d_writer_uint64(writer, options.run * 100 + i + 1);
    const P11dArray array = p11d_writer_array_begin(writer, 8);
    p11d_writer_entry(writer, "class", "s");
    p11d_writer_string(writer, objects[i].class);
    p11d_writer_entry(writer, "label", "s");
    p11d_writer_string(writer, objects[i].label);
    if (objects[i].private) {
        p11d_writer_entry(writer, "private", "b");
        p11d_writer_boolean(writer, true);
    }
    if (objects[i].info && !options.bare) {
        p11d_writer_entry(writer, "public-key-info", "ay");
        p11d_writer_bytes(writer, objects[i].info, objects[i].info_size);
    } else if (objects[i].info) {
        p11d_writer_entry(writer, "key-type", "s");
        p11d_writer_string(writer, objects[i].label);
        if (strcmp(objects[i].class, "public-key") == 0) {
            p11d_writer_entry(writer, "public-key-info", "ay");
            p11d_writer_bytes(writer, objects[i].info, objects[i].info_size);
        }
    }
    if (options.always && strcmp(objects[i].class, "private-key") == 0) {
        p11d_writer_entry(writer, "always-authenticate", "b");
        p11d_writer_boolean(writer, true);
    }
    if (options.claims)
        write_claims(writer);
    p11d_writer_array_end(writer, array);
}

static void list_objects(Connection *connection, const P11dMessage *call)
{
    Connection *client = &connections[connection->client];
    P11dReader body = call->body;
    uint64_t known;
    p11d_reader_uint64(&body, &known);
    client->outstanding = false;
    const uint64_t current = generation + (client->logged_in ? 500 : 0);
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "tba(ta{sv})at", NULL);
    p11d_writer_uint64(&writer, current);
    p11d_writer_boolean(&writer, known != current);
    const P11dArray array = p11d_writer_array_begin(&writer, 8);
    for (size_t i = 0; known != current && i < object_count; i++)
        write_object(&writer, i);
    if (known != current && client->logged_in)
        write_object(&writer, 5);
    p11d_writer_array_end(&writer, array);
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    send_with(connection, &writer, -1);
}

/* A made-up signature of the right size for the key: its first bytes are those of the data. */
static void send_signature(Connection *connection, const P11dMessage *call, uint64_t key,
                           const uint8_t *data, size_t size, bool results)
{
    uint8_t signature[256] = {0};
    const size_t right = key % 100 <= 2 ? 64 : 256;
    const bool wrong = strcmp(fault_of(call->member), "size") == 0;
    memcpy(signature, data, size < right ? size : right);
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, results ? "aya{sv}" : "ay", NULL);
    p11d_writer_bytes(&writer, signature, wrong ? right - 1 : right);
    if (results)
        p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    send_with(connection, &writer, -1);
}

static void sign(Connection *connection, const P11dMessage *call)
{
    P11dReader body = call->body;
    uint64_t key;
    const char *mechanism;
    P11dReader parameters;
    const uint8_t *data;
    size_t size;
    p11d_reader_uint64(&body, &key);
    p11d_reader_string(&body, &mechanism, NULL);
    p11d_reader_array(&body, 8, &parameters);
    p11d_reader_bytes(&body, &data, &size);
    note("sign %s %s %zu", mechanism, p11d_reader_at_end(&parameters) ? "plain" : "parameters",
         size);
    if (key / 100 != options.run || key % 100 == 0 || key % 100 > object_count)
        refuse(connection, call, "ObjectHandleInvalid");
    else
        send_signature(connection, call, key, data, size, false);
}

static void login(Connection *connection, const P11dMessage *call)
{
    P11dReader body = call->body;
    const char *user;
    const uint8_t *pin;
    size_t size;
    p11d_reader_string(&body, &user, NULL);
    p11d_reader_bytes(&body, &pin, &size);
    Connection *client = &connections[connection->client];
    if (!options.pad && !options.open && (size != 4 || memcmp(pin, "1234", 4) != 0)) {
        refuse(connection, call, "PinIncorrect");
        return;
    }
    if (strcmp(user, "context-specific") == 0)
        connection->stream_authenticated = connection->stream_open;
    else
        client->logged_in = true;
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "", NULL);
    send_with(connection, &writer, -1);
}

static void begin_stream(Connection *connection, const P11dMessage *call)
{
    connection->stream_open = true;
    connection->stream_authenticated = false;
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "t", NULL);
    p11d_writer_uint64(&writer, 77);
    send_with(connection, &writer, -1);
}

static void finish_stream(Connection *connection, const P11dMessage *call)
{
    P11dReader body = call->body;
    uint64_t stream;
    P11dReader entries;
    const char *key;
    const char *signature;
    const uint8_t *data = NULL;
    size_t size = 0;
    p11d_reader_uint64(&body, &stream);
    p11d_reader_array(&body, 8, &entries);
    while (!p11d_reader_at_end(&entries) && p11d_reader_entry(&entries, &key, &signature))
        p11d_reader_bytes(&entries, &data, &size);
    const bool good = stream == 77 && connection->stream_authenticated;
    connection->stream_open = connection->stream_authenticated = false;
    if (good)
        send_signature(connection, call, options.run * 100 + 1, data, size, true);
    else
        refuse(connection, call, "UserNotLoggedIn");
}

static void get_objects(Connection *connection, const P11dMessage *call)
{
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "a{oa{sa{sv}}}", NULL);
    const P11dArray array = p11d_writer_array_begin(&writer, 8);
    if (options.token) {
        p11d_writer_struct(&writer);
        write_token(&writer);
    }
    p11d_writer_array_end(&writer, array);
    send_with(connection, &writer, -1);
}

static void get_all(Connection *connection, const P11dMessage *call)
{
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "a{sv}", NULL);
    write_properties(&writer);
    send_with(connection, &writer, -1);
}

static void logout(Connection *connection, const P11dMessage *call)
{
    connections[connection->client].logged_in = false;
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "", NULL);
    send_with(connection, &writer, -1);
}

static void answer(Connection *connection, const P11dMessage *call)
{
    const char *name = call->member;
    const bool manager = strcmp(call->interface, p11d_interface_manager.name) == 0;
    if (strcmp(name, "OpenChannel") == 0 && !options.channels)
        fail(connection, call, "org.freedesktop.DBus.Error.UnknownMethod");
    else if (strcmp(name, "OpenChannel") == 0)
        open_channel(connection, call,
                     manager                       ? MANAGER
                     : connection->kind == CONTROL ? CALLS
                                                   : CONTROL);
    else if (strcmp(name, "GetManagedObjects") == 0)
        get_objects(connection, call);
    else if (strcmp(name, "GetAll") == 0)
        get_all(connection, call);
    else if (strcmp(name, "ListObjects") == 0)
        list_objects(connection, call);
    else if (strcmp(name, "Sign") == 0)
        sign(connection, call);
    else if (strcmp(name, "Login") == 0)
        login(connection, call);
    else if (strcmp(name, "Logout") == 0)
        logout(connection, call);
    else if (strcmp(name, "BeginStream") == 0)
        begin_stream(connection, call);
    else if (strcmp(name, "FinishStream") == 0)
        finish_stream(connection, call);
    else
        fail(connection, call, "org.freedesktop.DBus.Error.UnknownMethod");
}

static void hang_up(Connection *connection)
{
    if (connection->kind == BUS)
        exit(0);
    if (connection->kind == CONTROL)
        note("hangup control");
    p11d_channel_clear(&connection->channel);
    connection->open = false;
    for (int i = 1; connection->kind == CONTROL && i < CONNECTIONS; i++) {
        if (connections[i].open && connections[i].kind == CALLS &&
            connections[i].client == connection->client)
            hang_up(&connections[i]);
    }
}

/* Answers, or does what was ordered instead. */
static void handle(Connection *connection, const P11dMessage *call)
{
    const char *fault = fault_of(call->member);
    note("%s", call->member);
    if (strcmp(fault, "hang") == 0 && hanging_count < 64) {
        hanging[hanging_count].connection = connection;
        hanging[hanging_count++].serial = call->serial;
        return;
    }
    if (strcmp(fault, "die") == 0)
        _exit(0);
    if (strcmp(fault, "close") == 0) {
        hang_up(connection);
    } else if (strcmp(fault, "absent") == 0) {
        fail(connection, call, "org.freedesktop.DBus.Error.UnknownMethod");
    } else if (strcmp(fault, "type") == 0) {
        P11dWriter writer;
        begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "s", NULL);
        p11d_writer_string(&writer, "something else");
        send_with(connection, &writer, -1);
    } else if (strchr(fault, '.')) {
        fail(connection, call, fault);
    } else {
        answer(connection, call);
    }
}

static void say_ok(void)
{
    if (write(STDOUT_FILENO, "ok\n", 3) != 3)
        return; /* started by the bus: nobody listens */
}

static void read_connection(Connection *connection)
{
    for (;;) {
        P11dMessage message;
        const P11dStatus status =
            p11d_channel_receive(&connection->channel, p11d_deadline_now(), &message);
        if (status == P11D_TIMEOUT)
            return;
        if (status != P11D_OK) {
            hang_up(connection);
            return;
        }
        if (message.type == P11D_MESSAGE_CALL)
            handle(connection, &message);
        else if (message.type == P11D_MESSAGE_RETURN)
            say_ok(); /* the name is ours */
        if (!connection->open)
            return;
        p11d_channel_done(&connection->channel);
    }
}

/* --- signals and commands --- */

static void begin_signal(Connection *connection, P11dWriter *writer, const P11dInterface *interface,
                         const char *name, const char *path)
{
    P11dMessage signal = {.type = P11D_MESSAGE_SIGNAL,
                          .path = path,
                          .interface = interface->name,
                          .member = name,
                          .signature = p11d_interface_signal(interface, name)->signature};
    p11d_channel_begin(&connection->channel, writer, &signal);
}

static void say_changed(Connection *connection)
{
    P11dWriter writer;
    if (connection->outstanding)
        return;
    connection->outstanding = true;
    begin_signal(connection, &writer, &p11d_interface_token, "ObjectsChanged", TOKEN_PATH);
    p11d_writer_uint64(&writer, generation);
    send_with(connection, &writer, -1);
}

static void say_token(Connection *connection)
{
    P11dWriter writer;
    begin_signal(connection, &writer, &p11d_interface_object_manager,
                 options.token ? "InterfacesAdded" : "InterfacesRemoved", P11D_ROOT_PATH);
    if (options.token) {
        write_token(&writer);
    } else {
        p11d_writer_string(&writer, TOKEN_PATH);
        write_names(&writer, p11d_interface_token.name);
    }
    send_with(connection, &writer, -1);
}

static void say_properties(Connection *connection)
{
    P11dWriter writer;
    begin_signal(connection, &writer, &p11d_interface_properties, "PropertiesChanged", TOKEN_PATH);
    p11d_writer_string(&writer, p11d_interface_token.name);
    const P11dArray changed = p11d_writer_array_begin(&writer, 8);
    p11d_writer_entry(&writer, "Label", "s");
    p11d_writer_string(&writer, options.label);
    write_flags(&writer);
    p11d_writer_array_end(&writer, changed);
    write_names(&writer, "Features");
    send_with(connection, &writer, -1);
}

static void say_to_all(Kind kind, void (*say)(Connection *connection))
{
    for (int i = 1; i < CONNECTIONS; i++) {
        if (connections[i].open && connections[i].kind == kind)
            say(&connections[i]);
    }
}

static void release(void)
{
    for (size_t i = 0; i < hanging_count; i++) {
        const P11dMessage call = {.serial = hanging[i].serial};
        if (hanging[i].connection->open)
            refuse(hanging[i].connection, &call, "FunctionFailed");
    }
    hanging_count = 0;
}

static void obey(char *line)
{
    char *value = strpbrk(line, "= ");
    if (value)
        *value++ = '\0';
    if (strcmp(line, "calm") == 0) {
        fault_count = 0;
    } else if (strcmp(line, "release") == 0) {
        release();
    } else if (strcmp(line, "changed") == 0) {
        object_count = object_count == 4 ? 5 : 4;
        generation++;
        say_to_all(CONTROL, say_changed);
    } else if (strcmp(line, "add") == 0 || strcmp(line, "remove") == 0) {
        options.token = line[0] == 'a';
        say_to_all(MANAGER, say_token);
    } else if (strcmp(line, "rename") == 0) {
        snprintf(options.label, sizeof options.label, "%s", value);
        say_to_all(MANAGER, say_properties);
    } else if (strcmp(line, "lock") == 0) {
        options.open = false;
        options.login = true;
        say_to_all(MANAGER, say_properties);
    } else {
        set_fault(line, value ? value : "");
    }
}

static void set_option(char *word)
{
    char *value = strchr(word, '=');
    *value++ = '\0';
    const bool yes = strcmp(value, "yes") == 0;
    if (strcmp(word, "name") == 0)
        options.name = value;
    else if (strcmp(word, "run") == 0)
        options.run = strtoull(value, NULL, 10);
    else if (strcmp(word, "channels") == 0)
        options.channels = yes;
    else if (strcmp(word, "always") == 0)
        options.always = yes;
    else if (strcmp(word, "bare") == 0)
        options.bare = yes;
    else if (strcmp(word, "login") == 0)
        options.login = yes;
    else if (strcmp(word, "pad") == 0)
        options.pad = yes;
    else if (strcmp(word, "claims") == 0)
        options.claims = yes;
    else if (strcmp(word, "open") == 0)
        options.open = yes;
    else if (strcmp(word, "token") == 0)
        options.token = yes;
    else if (strcmp(word, "features") == 0)
        snprintf(options.features, sizeof options.features, "%s", value);
    else if (strcmp(word, "mechanisms") == 0)
        snprintf(options.mechanisms, sizeof options.mechanisms, "%s", value);
    else
        set_fault(word, value);
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
    p11d_writer_string(&writer, options.name);
    p11d_writer_uint32(&writer, 0);
    /* Calls that waited for us arrive before the reply: it is read like all else. */
    if (p11d_channel_send(&bus.channel, &writer, -1, p11d_deadline_in(10000), NULL) != P11D_OK)
        exit(1);
    connections[0] = (Connection){.channel = bus.channel, .kind = BUS, .open = true};
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
    generation = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    log_fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (int i = 3; i < argc; i++)
        set_option(argv[i]);
    start(argv[1]);
    bool commands = true;
    for (;;) {
        struct pollfd entries[CONNECTIONS + 1];
        for (int i = 0; i < CONNECTIONS; i++)
            entries[i] = (struct pollfd){
                .fd = connections[i].open
                          ? p11d_descriptor_number(connections[i].channel.descriptor)
                          : -1,
                .events = POLLIN};
        entries[CONNECTIONS] =
            (struct pollfd){.fd = commands ? STDIN_FILENO : -1, .events = POLLIN};
        poll(entries, CONNECTIONS + 1, -1);
        for (int i = 0; i < CONNECTIONS; i++) {
            if (entries[i].revents && connections[i].open)
                read_connection(&connections[i]);
        }
        if (entries[CONNECTIONS].revents)
            commands = read_commands();
    }
}
