// SPDX-License-Identifier: MIT
/*
 * An address is a D-Bus server address (D-Bus Specification, "Server Addresses"): a list of
 * transports to try in turn. Only UNIX sockets on this machine are taken: unix:path=,
 * unix:abstract= and unix:runtime=yes.
 */
#ifndef P11D_ADDRESS_H
#define P11D_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

/* The most transports of one address that are tried. */
#define P11D_ADDRESS_TRANSPORTS 8

typedef struct P11dAddress {
    struct {
        struct sockaddr_un name;
        unsigned length; /* as connect(2) takes it */
    } transports[P11D_ADDRESS_TRANSPORTS];
    size_t count;
} P11dAddress;

/*
 * Parses text, with its %-escapes. runtime_dir: what unix:runtime=yes means, NULL if unknown.
 * Transports of other kinds and with paths that do not fit are left out.
 * Returns false if no transport is left or the text is not an address.
 */
bool p11d_address_parse(P11dAddress *address, const char *text, const char *runtime_dir);

/* True for "session" and "system", the words that mean a bus without its address. */
bool p11d_address_is_word(const char *bus);

/*
 * The address of the session bus ("session"), the system bus ("system"), or text itself if it is
 * an address. Environment variables (DBUS_SESSION_BUS_ADDRESS, DBUS_SYSTEM_BUS_ADDRESS,
 * XDG_RUNTIME_DIR) are read with secure_getenv(3), so not in a process with AT_SECURE.
 * Returns false if it is not known.
 */
bool p11d_address_of_bus(P11dAddress *address, const char *bus);

#endif
