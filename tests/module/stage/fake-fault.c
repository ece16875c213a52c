// SPDX-License-Identifier: MIT
#include "fake-fault.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Fault {
    char method[32];
    char action[96];
} Fault;

static Fault faults[32];
static size_t fault_count;
static struct {
    FakeConnection *connection;
    uint32_t serial;
} hanging[64];
static size_t hanging_count;

void fake_set_fault(const char *method, const char *action)
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

void fake_calm(void)
{
    fault_count = 0;
}

bool fake_has_fault(const char *method, const char *action)
{
    return strcmp(fault_of(method), action) == 0;
}

bool fake_misbehave(FakeConnection *connection, const P11dMessage *call)
{
    const char *fault = fault_of(call->member);
    if (strcmp(fault, "hang") == 0 && hanging_count < 64) {
        hanging[hanging_count].connection = connection;
        hanging[hanging_count++].serial = call->serial;
        return true;
    }
    if (strcmp(fault, "die") == 0)
        _exit(0);
    if (strcmp(fault, "close") == 0) {
        fake_hang_up(connection);
    } else if (strcmp(fault, "absent") == 0) {
        fake_fail(connection, call, "org.freedesktop.DBus.Error.UnknownMethod");
    } else if (strcmp(fault, "type") == 0) {
        P11dWriter writer;
        fake_begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "s", NULL);
        p11d_writer_string(&writer, "something else");
        fake_send(connection, &writer, -1);
    } else if (strchr(fault, '.')) {
        fake_fail(connection, call, fault);
    } else {
        return false;
    }
    return true;
}

void fake_release(void)
{
    for (size_t i = 0; i < hanging_count; i++) {
        const P11dMessage call = {.serial = hanging[i].serial};
        if (hanging[i].connection->open)
            fake_refuse(hanging[i].connection, &call, "FunctionFailed");
    }
    hanging_count = 0;
}
