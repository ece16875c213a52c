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
    for (P11dWaiter *waiter = instance->waiters; waiter; waiter = waiter->next) {
        const int number = p11d_descriptor_number(waiter->bell[1]);
        /* A bell that is full rings already. */
        if (number >= 0 && write(number, "", 1) < 0)
            continue;
    }
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

static void take_down_bell(P11dWaiter *waiter)
{
    p11d_descriptor_close(waiter->bell[0]);
    p11d_descriptor_close(waiter->bell[1]);
    waiter->bell[0] = waiter->bell[1] = NULL;
}

/* Makes the bell, also if the host has closed it. */
static bool hang_bell(P11dWaiter *waiter)
{
    if (p11d_descriptor_number(waiter->bell[0]) >= 0 &&
        p11d_descriptor_number(waiter->bell[1]) >= 0)
        return true;
    take_down_bell(waiter);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    waiter->bell[0] = p11d_descriptor_adopt(ends[0]);
    waiter->bell[1] = p11d_descriptor_adopt(ends[1]);
    return waiter->bell[0] && waiter->bell[1];
}

static void silence_bell(P11dWaiter *waiter)
{
    char bytes[64];
    const int number = p11d_descriptor_number(waiter->bell[0]);
    while (number >= 0 && read(number, bytes, sizeof bytes) > 0)
        continue;
}

/* Waits until the manager channel has something to read, or somebody rings. */
static void listen(P11dWaiter *waiter, P11dPeer *manager)
{
    struct pollfd entries[2] = {
        {.fd = p11d_descriptor_number(manager->descriptor), .events = POLLIN},
        {.fd = p11d_descriptor_number(waiter->bell[0]), .events = POLLIN},
    };
    if (entries[0].fd < 0 || entries[1].fd < 0)
        return;
    p11d_peer_reference(manager); /* its number must stay its own while we poll */
    p11d_lock_give();
    poll(entries, 2, -1);
    p11d_lock_take();
    p11d_peer_release(manager);
    silence_bell(waiter);
}

/* Waits for something that may be an event. */
static void wait_once(P11dInstance *instance, P11dWaiter *waiter)
{
    P11dPeer *manager = instance->service.peer;
    if (manager && manager->busy) {
        p11d_lock_wait(p11d_deadline_in(FIRST_PAUSE)); /* who speaks on it reads the signals too */
    } else if (manager && !manager->on_bus && hang_bell(waiter)) {
        waiter->pause = 0;
        listen(waiter, manager);
    } else {
        waiter->pause = waiter->pause == 0 ? FIRST_PAUSE : waiter->pause * 2;
        if (waiter->pause > LONGEST_PAUSE)
            waiter->pause = LONGEST_PAUSE;
        p11d_lock_wait(p11d_deadline_in(waiter->pause));
    }
}

static CK_RV wait_as(P11dInstance *instance, P11dWaiter *waiter, CK_FLAGS flags, CK_SLOT_ID *slot)
{
    while (!instance->finalized) {
        p11d_service_look(instance);
        if (take_event(instance, slot))
            return CKR_OK;
        if (flags & CKF_DONT_BLOCK)
            return instance->finalized ? CKR_CRYPTOKI_NOT_INITIALIZED : CKR_NO_EVENT;
        if (!instance->finalized)
            wait_once(instance, waiter);
    }
    return CKR_CRYPTOKI_NOT_INITIALIZED;
}

CK_RV p11d_event_wait(P11dInstance *instance, CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
    if (!slot || reserved)
        return CKR_ARGUMENTS_BAD;
    P11dWaiter waiter = {.next = instance->waiters};
    instance->waiters = &waiter;
    const CK_RV value = wait_as(instance, &waiter, flags, slot);
    P11dWaiter **link = &instance->waiters;
    while (*link != &waiter)
        link = &(*link)->next;
    *link = waiter.next;
    take_down_bell(&waiter);
    return value;
}
