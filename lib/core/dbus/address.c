// SPDX-License-Identifier: MIT
#include "address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Longer than any path that a socket can have. */
#define VALUE_SIZE 256

#define SYSTEM_BUS "unix:path=/run/dbus/system_bus_socket"

/* Part of the address's text. */
typedef struct Span {
    const char *start;
    size_t size;
} Span;

/* Cuts off what stands before the next separator; *rest goes on behind it. */
static Span cut(Span *rest, char separator)
{
    const char *end = memchr(rest->start, separator, rest->size);
    Span part = {rest->start, end ? (size_t)(end - rest->start) : rest->size};
    size_t taken = part.size + (end ? 1 : 0);
    rest->start += taken;
    rest->size -= taken;
    return part;
}

static bool is_word(Span span, const char *word)
{
    return span.size == strlen(word) && memcmp(span.start, word, span.size) == 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The bytes that may stand for themselves. */
static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("-_/.\\*", c));
}

/*
 * Takes the %-escapes out of value. *size: bytes in storage, cut off at VALUE_SIZE (what is that
 * long does not fit any socket). Returns false for what is not escaped as it must be.
 */
static bool unescape(Span value, char storage[VALUE_SIZE], size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < value.size; i++) {
        char c = value.start[i];
        if (c == '%') {
            int high = i + 1 < value.size ? hex_digit(value.start[i + 1]) : -1;
            int low = i + 2 < value.size ? hex_digit(value.start[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (!is_plain(c)) {
            return false;
        }
        if (*size < VALUE_SIZE)
            storage[(*size)++] = c;
    }
    return true;
}

/* Adds a socket by path (with its NUL) or, where abstract, by name. Left out if it does not fit. */
static void add(P11dAddress *address, const char *text, size_t size, bool abstract)
{
    if (address->count == P11D_ADDRESS_TRANSPORTS)
        return;
    struct sockaddr_un *name = &address->transports[address->count].name;
    if (size == 0 || size + 1 > sizeof name->sun_path)
        return;
    memset(name, 0, sizeof *name);
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path + (abstract ? 1 : 0), text, size);
    address->transports[address->count].length =
        (unsigned)(offsetof(struct sockaddr_un, sun_path) + size + 1);
    address->count++;
}

static void add_runtime(P11dAddress *address, const char *runtime_dir)
{
    char path[VALUE_SIZE];
    if (!runtime_dir || runtime_dir[0] != '/')
        return;
    int size = snprintf(path, sizeof path, "%s/bus", runtime_dir);
    if (size > 0 && (size_t)size < sizeof path)
        add(address, path, (size_t)size, false);
}

/* The keys of a unix transport that say where it is, and one for all others. */
typedef enum Key { KEY_PATH, KEY_ABSTRACT, KEY_RUNTIME, KEY_OTHER } Key;

static Key key_of(Span key)
{
    if (is_word(key, "path"))
        return KEY_PATH;
    if (is_word(key, "abstract"))
        return KEY_ABSTRACT;
    if (is_word(key, "runtime"))
        return KEY_RUNTIME;
    return KEY_OTHER; /* guid, which nobody needs here, or what only a server uses */
}

/* Parses one transport and adds it if it is one of ours. Returns false if it is no transport. */
static bool parse_transport(P11dAddress *address, Span transport, const char *runtime_dir)
{
    if (!memchr(transport.start, ':', transport.size))
        return false;
    Span kind = cut(&transport, ':');
    Key where = KEY_OTHER;
    char storage[VALUE_SIZE];
    size_t size = 0;
    while (transport.size > 0) {
        Span value = cut(&transport, ',');
        if (!memchr(value.start, '=', value.size))
            return false;
        Span name = cut(&value, '=');
        char ignored[VALUE_SIZE];
        size_t ignored_size;
        Key key = key_of(name);
        if (name.size == 0 || (key != KEY_OTHER && where != KEY_OTHER))
            return false; /* one place, not two */
        if (key == KEY_OTHER) {
            if (!unescape(value, ignored, &ignored_size))
                return false;
            continue;
        }
        where = key;
        if (!unescape(value, storage, &size))
            return false;
    }
    if (!is_word(kind, "unix"))
        return kind.size > 0;
    if (where == KEY_PATH && memchr(storage, '\0', size))
        return false;
    if (where == KEY_PATH || where == KEY_ABSTRACT)
        add(address, storage, size, where == KEY_ABSTRACT);
    if (where == KEY_RUNTIME && is_word((Span){storage, size}, "yes"))
        add_runtime(address, runtime_dir);
    return true;
}

bool p11d_address_parse(P11dAddress *address, const char *text, const char *runtime_dir)
{
    *address = (P11dAddress){0};
    Span rest = {text, strlen(text)};
    while (rest.size > 0)
        if (!parse_transport(address, cut(&rest, ';'), runtime_dir)) {
            address->count = 0;
            return false;
        }
    return address->count > 0;
}

bool p11d_address_is_word(const char *bus)
{
    return strcmp(bus, "session") == 0 || strcmp(bus, "system") == 0;
}

bool p11d_address_of_bus(P11dAddress *address, const char *bus)
{
    const char *runtime_dir = secure_getenv("XDG_RUNTIME_DIR");
    const char *text = bus;
    if (strcmp(bus, "session") == 0) {
        text = secure_getenv("DBUS_SESSION_BUS_ADDRESS");
        if (!text || text[0] == '\0')
            text = "unix:runtime=yes";
    } else if (strcmp(bus, "system") == 0) {
        text = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
        if (!text || text[0] == '\0')
            text = SYSTEM_BUS;
    }
    return p11d_address_parse(address, text, runtime_dir);
}
