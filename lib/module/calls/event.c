// SPDX-License-Identifier: MIT
#include "event.h"

#include <poll.h>

#include "discovery.h"
#include "lock.h"
#include "peer.h"
#include "token.h"
#include "waiter.h"

/* Without a service to listen to, it is looked for again after this, in milliseconds. */
#define FIRST_PAUSE ((int64_t)100)
#define LONGEST_PAUSE ((int64_t)2000)

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
    p11d_waiter_silence(waiter);
}

/* Waits for something that may be an event. */
static void wait_once(P11dInstance *instance, P11dWaiter *waiter)
{
    P11dPeer *manager = instance->service.peer;
    if (manager && manager->busy) {
        p11d_lock_wait(p11d_deadline_in(FIRST_PAUSE)); /* who speaks on it reads the signals too */
    } else if (manager && !manager->on_bus && p11d_waiter_hang_bell(waiter)) {
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
        p11d_discovery_look(instance);
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
    const CK_RV rv = wait_as(instance, &waiter, flags, slot);
    P11dWaiter **link = &instance->waiters;
    while (*link != &waiter)
        link = &(*link)->next;
    *link = waiter.next;
    p11d_waiter_take_down_bell(&waiter);
    return rv;
}
