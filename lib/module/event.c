// SPDX-License-Identifier: MIT
#include "event.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "connect.h"
#include "lock.h"
#include "token.h"

/* Without a service to listen to, it is looked for again after this, in milliseconds. */
#define FIRST_PAUSE ((int64_t)100)
#define LONGEST_PAUSE ((int64_t)2000)

void p11d_event_happened(P11dToken *token)
{
    P11dInstance *instance = token->instance;
    /* What the first look at the service finds was there before. */
    if (instance->service.attempts == 0)
        return;
    token->event = true;
    p11d_event_ring(instance);
    p11d_lock_wake();
}

void p11d_event_ring(P11dInstance *instance)
{
    const int number = p11d_descriptor_number(instance->bell[1]);
    /* A bell that is full rings already. */
    if (instance->slot_waiters > 0 && number >= 0 && write(number, "", 1) < 0)
        return;
}

static bool take_event(P11dInstance *instance, CK_SLOT_ID *slot)
{
    for (size_t i = 0; i < instance->token_count; i++) {
        if (instance->tokens[i]->event) {
            instance->tokens[i]->event = false;
            *slot = instance->tokens[i]->slot;
            return true;
        }
    }
    return false;
}

/* Makes the bell, also if the host has closed it. */
static bool hang_bell(P11dInstance *instance)
{
    if (p11d_descriptor_number(instance->bell[0]) >= 0 &&
        p11d_descriptor_number(instance->bell[1]) >= 0)
        return true;
    int ends[2];
    p11d_descriptor_close(instance->bell[0]);
    p11d_descriptor_close(instance->bell[1]);
    instance->bell[0] = instance->bell[1] = NULL;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    instance->bell[0] = p11d_descriptor_adopt(ends[0]);
    instance->bell[1] = p11d_descriptor_adopt(ends[1]);
    return instance->bell[0] && instance->bell[1];
}

static void silence_bell(P11dInstance *instance)
{
    char bytes[64];
    const int number = p11d_descriptor_number(instance->bell[0]);
    while (number >= 0 && read(number, bytes, sizeof bytes) > 0)
        continue;
}

static bool is_event_left(const P11dInstance *instance)
{
    for (size_t i = 0; i < instance->token_count; i++) {
        if (instance->tokens[i]->event)
            return true;
    }
    return false;
}

/* Waits until the manager channel has something to read, or somebody rings. */
static void listen(P11dInstance *instance, P11dPeer *manager)
{
    struct pollfd entries[2] = {
        {.fd = p11d_descriptor_number(manager->descriptor), .events = POLLIN},
        {.fd = p11d_descriptor_number(instance->bell[0]), .events = POLLIN},
    };
    if (entries[0].fd < 0 || entries[1].fd < 0)
        return;
    p11d_peer_reference(manager); /* its number must stay its own while we poll */
    p11d_lock_give();
    poll(entries, 2, -1);
    p11d_lock_take();
    p11d_peer_release(manager);
    if (!instance->finalized) /* that is for all who wait */
        silence_bell(instance);
}

/* Waits for something that may be an event. */
static void wait_once(P11dInstance *instance, int64_t *pause)
{
    P11dPeer *manager = instance->service.peer;
    if (manager && manager->busy) {
        p11d_lock_wait(p11d_deadline_never()); /* who speaks on it reads the signals too */
    } else if (manager && !manager->on_bus && hang_bell(instance)) {
        *pause = 0;
        listen(instance, manager);
    } else {
        *pause = *pause == 0 ? FIRST_PAUSE : *pause * 2;
        if (*pause > LONGEST_PAUSE)
            *pause = LONGEST_PAUSE;
        p11d_lock_wait(p11d_deadline_in(*pause));
    }
}

CK_RV p11d_event_wait(P11dInstance *instance, CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
    if (!slot || reserved)
        return CKR_ARGUMENTS_BAD;
    CK_RV value = CKR_NO_EVENT;
    int64_t pause = 0;
    instance->slot_waiters++;
    while (!instance->finalized) {
        p11d_service_look(instance);
        if (take_event(instance, slot)) {
            value = CKR_OK;
            break;
        }
        if (flags & CKF_DONT_BLOCK)
            break;
        if (!instance->finalized)
            wait_once(instance, &pause);
    }
    instance->slot_waiters--;
    if (is_event_left(instance))
        p11d_event_ring(instance); /* for the next one, who may not have heard the first */
    return instance->finalized ? CKR_CRYPTOKI_NOT_INITIALIZED : value;
}
