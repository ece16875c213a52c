// SPDX-License-Identifier: MIT
/* The connections of the fake service, how it speaks on them, and the log of what it was asked. */
#ifndef P11D_FAKE_CONNECTION_H
#define P11D_FAKE_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "channel.h"
#include "fake-cipher.h"

#define FAKE_CONNECTIONS 128

typedef enum FakeKind { FAKE_BUS, FAKE_MANAGER, FAKE_CONTROL, FAKE_CALLS } FakeKind;

typedef struct FakeConnection {
    P11dChannel channel;
    FakeKind kind;
    bool open;
    int client;       /* index of its control connection */
    bool logged_in;   /* of a control connection */
    bool outstanding; /* ObjectsChanged was sent and nobody listed since */
    bool stream_open; /* of a call channel */
    bool stream_authenticated;
    char stream_purpose[16];
    uint64_t stream_key;
    FakeCipher stream_cipher; /* type 0: the stream is about something else */
    P11dBuffer stream_data;   /* that came, where it is no cipher's */
} FakeConnection;

extern FakeConnection fake_connections[FAKE_CONNECTIONS]; /* the first is to the bus */
extern int fake_log;                                      /* descriptor: a line for each call */

/* Makes a connection of the socket fd; client: as in the record, unless it is a control connection.
 */
FakeConnection *fake_connect(int fd, FakeKind kind, int client);
/* Closes a connection, and with a control connection the client's others. */
void fake_hang_up(FakeConnection *connection);

/* Adds a line to the log. */
void fake_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

void fake_begin_reply(FakeConnection *connection, const P11dMessage *call, P11dWriter *writer,
                      P11dMessageType type, const char *signature, const char *error);
/* Sends a message, with the descriptor fd unless that is -1. */
void fake_send(FakeConnection *connection, P11dWriter *writer, int fd);

/* Replies with nothing, with an error by its whole name, with one by the last part of its name. */
void fake_done(FakeConnection *connection, const P11dMessage *call);
void fake_fail(FakeConnection *connection, const P11dMessage *call, const char *error);
void fake_refuse(FakeConnection *connection, const P11dMessage *call, const char *last_part);

#endif
