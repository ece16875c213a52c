// SPDX-License-Identifier: MIT
/* How the fake service answers calls, or what it does instead. */
#ifndef P11D_FAKE_CALLS_H
#define P11D_FAKE_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "channel.h"

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
} FakeConnection;

extern FakeConnection fake_connections[FAKE_CONNECTIONS]; /* the first is to the bus */
extern uint64_t fake_generation;                          /* from the clock */
extern int fake_log;                                      /* descriptor: a line for each call */

/* What to do (action) when the method is called, see the usage in fake-service.c; fake_calm:
 * nothing but answer. */
void fake_set_fault(const char *method, const char *action);
void fake_calm(void);

/* Answers call, or does what was ordered instead. */
void fake_handle(FakeConnection *connection, const P11dMessage *call);
/* Answers with an error what was ordered to hang. */
void fake_release(void);

/* Sends a message, with the descriptor fd unless that is -1. */
void fake_send(FakeConnection *connection, P11dWriter *writer, int fd);
/* Closes a connection, and with a control connection the client's others. */
void fake_hang_up(FakeConnection *connection);

#endif
