// SPDX-License-Identifier: MIT
#include "connect.h"

#include <string.h>

#include "lock.h"
#include "request.h"
#include "trace.h"

#define FIRST_PAUSE 20
#define LONGEST_PAUSE 500

bool p11d_connect_pause(P11dInstance *instance, int64_t *pause, P11dDeadline deadline)
{
    *pause = *pause == 0 ? FIRST_PAUSE : *pause * 2;
    if (*pause > LONGEST_PAUSE)
        *pause = LONGEST_PAUSE;
    const P11dDeadline until = p11d_deadline_earlier(deadline, p11d_deadline_in(*pause));
    while (!instance->finalized && p11d_lock_wait(until))
        continue;
    return !instance->finalized && !p11d_deadline_passed(deadline);
}

static CK_RV connect_bus(P11dInstance *instance, bool patient, P11dDeadline deadline,
                         P11dPeer **peer)
{
    P11dAddress address;
    if (instance->configuration.mistake[0] != '\0') {
        p11d_trace(P11D_TRACE_STATE, "not connected: %s", instance->configuration.mistake);
        return CKR_DEVICE_REMOVED;
    }
    if (!p11d_configuration_address(&instance->configuration, &address)) {
        p11d_trace(P11D_TRACE_STATE,
                   "not connected: no address of a bus is known that is a UNIX socket");
        return CKR_DEVICE_REMOVED;
    }
    int64_t pause = 0;
    for (;;) {
        P11dBus bus;
        p11d_lock_give();
        const P11dStatus status = p11d_bus_connect(&bus, &address, deadline);
        p11d_lock_take();
        if (status == P11D_OK) {
            if (!bus.passes_descriptors && instance->configuration.channels)
                p11d_trace(P11D_TRACE_STATE, "this bus passes no descriptors: channels=no uses a "
                                             "service without, that has channels");
            *peer = p11d_peer_new_on_bus(instance, &bus, instance->configuration.name);
            return *peer ? CKR_OK : CKR_HOST_MEMORY;
        }
        const bool again = status == P11D_REFUSED || (status == P11D_CLOSED && patient);
        if (again && p11d_connect_pause(instance, &pause, deadline))
            continue;
        p11d_trace(P11D_TRACE_STATE, "not connected: the bus cannot be reached");
        return status == P11D_NO_MEMORY ? CKR_HOST_MEMORY : CKR_DEVICE_REMOVED;
    }
}

static bool may_start(const P11dInstance *instance)
{
    const P11dAutostart autostart = instance->configuration.autostart;
    p11d_lock_give();
    const bool may = p11d_configuration_may_start(autostart);
    p11d_lock_take();
    return may;
}

/* What the service answers if it is there: with a manager channel, or, where none is wanted, with
 * its tokens. */
static void make_question(const P11dInstance *instance, P11dRequest *request,
                          P11dDescriptor **channel)
{
    if (instance->configuration.channels) {
        p11d_request_open_channel(request, &p11d_interface_manager, P11D_ROOT_PATH,
                                  p11d_deadline_in(P11D_CONNECT_TIMEOUT), channel);
        return;
    }
    *channel = NULL;
    *request = (P11dRequest){.interface = &p11d_interface_object_manager,
                             .method = "GetManagedObjects",
                             .path = P11D_ROOT_PATH,
                             .deadline = p11d_deadline_in(P11D_LIST_TIMEOUT)};
}

/* Asks the service on bus, until it answers or there is no hope. */
static void ask(P11dInstance *instance, P11dPeer *bus, bool patient, P11dDescriptor **channel,
                P11dAnswer *answer)
{
    P11dRequest request;
    make_question(instance, &request, channel);
    const P11dDeadline limit = request.deadline;
    int64_t pause = 0;
    for (;;) {
        p11d_request_exchange(&request, bus, answer);
        if (answer->trouble == P11D_TROUBLE_NOBODY && may_start(instance)) {
            /* Not in the first place: only where the bus starts a service is it worth to wait
             * longer, and a service that runs and is silent is noticed sooner. */
            request.auto_start = true;
            request.deadline = p11d_deadline_in(P11D_START_TIMEOUT);
            p11d_request_exchange(&request, bus, answer);
            request.auto_start = false;
            request.deadline = limit;
        }
        const bool hope = answer->trouble == P11D_TROUBLE_GONE ||
                          answer->trouble == P11D_TROUBLE_BUSY ||
                          (answer->trouble == P11D_TROUBLE_NOBODY && patient);
        if (!hope || !p11d_connect_pause(instance, &pause, limit))
            return;
    }
}

CK_RV p11d_connect(P11dInstance *instance, bool patient, P11dPeer **peer)
{
    *peer = NULL;
    P11dPeer *bus = NULL;
    const CK_RV rv = connect_bus(instance, patient, p11d_deadline_in(P11D_CONNECT_TIMEOUT), &bus);
    if (rv != CKR_OK)
        return rv;

    P11dDescriptor *channel = NULL;
    P11dAnswer answer;
    ask(instance, bus, patient, &channel, &answer);
    const bool without = instance->configuration.channels
                             ? answer.status == P11D_OK && answer.trouble == P11D_TROUBLE_ABSENT
                             : answer.rv == CKR_OK;
    if (without) {
        /* From now on this one, and not who may own the name later. */
        if (answer.sender[0] == ':')
            strcpy(bus->destination, answer.sender);
        *peer = bus;
        p11d_trace(P11D_TRACE_STATE, "connected: on the bus, without channels");
        return CKR_OK;
    }
    p11d_peer_release(bus);
    if (answer.rv == CKR_OK) {
        *peer = p11d_peer_new(instance, channel, true);
        p11d_trace(P11D_TRACE_STATE, "connected: manager channel");
        return *peer ? CKR_OK : CKR_HOST_MEMORY;
    }
    p11d_trace(P11D_TRACE_STATE, "not connected: %s",
               answer.error[0] != '\0' ? answer.error : "no answer from the service");
    return answer.rv;
}
