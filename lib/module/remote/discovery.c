// SPDX-License-Identifier: MIT
#include "discovery.h"

#include <stdlib.h>
#include <string.h>

#include "connect.h"
#include "lock.h"
#include "request.h"
#include "slot.h"
#include "token-path.h"
#include "trace.h"
#include "waiter.h"

/* The most signals read at one look: a service must not keep us reading under the lock. */
#define SIGNALS_AT_ONCE 1000

/* Looks for org.p11dbus.Token1 in an a{sa{sv}}; properties then reads its a{sv}'s content. */
static bool find_token_interface(P11dReader *reader, P11dReader *properties)
{
    P11dReader interfaces;
    bool found = false;
    if (!p11d_reader_array(reader, 8, &interfaces))
        return false;
    while (!p11d_reader_at_end(&interfaces)) {
        const char *name;
        P11dReader elements;
        if (!p11d_reader_struct(&interfaces) || !p11d_reader_string(&interfaces, &name, NULL) ||
            !p11d_reader_array(&interfaces, 8, &elements))
            break;
        if (!found && strcmp(name, p11d_interface_token.name) == 0) {
            *properties = elements;
            found = true;
        }
    }
    return found;
}

/* The next token of an a{oa{sa{sv}}}; objects that are none are passed over. */
static bool next_token(P11dReader *objects, const char **name, P11dReader *properties)
{
    const char *path;
    while (!p11d_reader_at_end(objects)) {
        if (!p11d_reader_struct(objects) || !p11d_reader_object_path(objects, &path))
            return false;
        const bool is_token = find_token_interface(objects, properties);
        *name = p11d_token_path_name(path);
        if (is_token && *name)
            return true;
    }
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Gives new names their slots, in the order of names. */
static void assign_slots(P11dReader objects)
{
    const char *names[P11D_SLOT_MAX];
    size_t count = 0;
    P11dReader properties;
    while (count < P11D_SLOT_MAX && next_token(&objects, &names[count], &properties))
        count++;
    qsort(names, count, sizeof names[0], compare_names);
    for (size_t i = 0; i < count; i++)
        p11d_slot_assign(names[i]);
}

static void apply_list(P11dInstance *instance, P11dReader *body)
{
    P11dReader objects;
    if (!p11d_reader_array(body, 8, &objects))
        return;
    assign_slots(objects);
    for (size_t i = 0; i < instance->token_count; i++)
        instance->tokens[i]->listed = false;
    const char *name;
    P11dReader properties;
    while (next_token(&objects, &name, &properties)) {
        P11dToken *token = p11d_token_provide(instance, name);
        if (token) {
            token->listed = true;
            p11d_token_appear(token, properties);
        }
    }
    for (size_t i = 0; i < instance->token_count; i++) {
        if (!instance->tokens[i]->listed)
            p11d_token_vanish(instance->tokens[i]);
    }
}

static void apply_added(P11dInstance *instance, P11dReader body)
{
    const char *path;
    P11dReader properties;
    if (!p11d_reader_object_path(&body, &path) || !find_token_interface(&body, &properties))
        return;
    const char *name = p11d_token_path_name(path);
    P11dToken *token = name ? p11d_token_provide(instance, name) : NULL;
    if (token)
        p11d_token_appear(token, properties);
}

static void apply_removed(P11dInstance *instance, P11dReader body)
{
    const char *path;
    P11dReader interfaces;
    if (!p11d_reader_object_path(&body, &path) || !p11d_reader_array(&body, 4, &interfaces))
        return;
    P11dToken *token = p11d_token_find_path(instance, path);
    const char *name;
    while (token && !p11d_reader_at_end(&interfaces) &&
           p11d_reader_string(&interfaces, &name, NULL)) {
        if (strcmp(name, p11d_interface_token.name) == 0)
            p11d_token_vanish(token);
    }
}

static void apply_changed(P11dInstance *instance, const char *path, P11dReader body)
{
    const char *interface;
    P11dReader changed;
    P11dReader invalidated;
    if (!p11d_reader_string(&body, &interface, NULL) || !p11d_reader_array(&body, 8, &changed) ||
        !p11d_reader_array(&body, 4, &invalidated) ||
        strcmp(interface, p11d_interface_token.name) != 0)
        return;
    P11dToken *token = p11d_token_find_path(instance, path);
    if (token)
        p11d_token_change(token, changed, invalidated);
}

static bool is_signal(const P11dMessage *message, const P11dInterface *interface, const char *name)
{
    const P11dSignal *row = p11d_interface_signal(interface, name);
    return message->interface && message->member && message->path &&
           strcmp(message->interface, interface->name) == 0 && strcmp(message->member, name) == 0 &&
           strcmp(message->signature, row->signature) == 0;
}

static void apply_signal(P11dInstance *instance, const P11dMessage *message)
{
    if (is_signal(message, &p11d_interface_object_manager, "InterfacesAdded"))
        apply_added(instance, message->body);
    else if (is_signal(message, &p11d_interface_object_manager, "InterfacesRemoved"))
        apply_removed(instance, message->body);
    else if (is_signal(message, &p11d_interface_properties, "PropertiesChanged"))
        apply_changed(instance, message->path, message->body);
}

void p11d_discovery_on_signal(const P11dMessage *message, void *instance)
{
    p11d_lock_take();
    apply_signal(instance, message);
    p11d_lock_give();
}

static CK_RV read_list(P11dChannel *channel, P11dReader *body, void *data)
{
    (void)channel;
    p11d_lock_take();
    apply_list(data, body);
    p11d_lock_give();
    return CKR_OK;
}

/* Asks peer for all tokens. Signals before the answer are dropped: it knows what they say, and what
 * they add would have its slot before those whose names come first. */
static CK_RV list(P11dInstance *instance, P11dPeer *peer)
{
    const P11dRequest request = {.interface = &p11d_interface_object_manager,
                                 .method = "GetManagedObjects",
                                 .path = P11D_ROOT_PATH,
                                 .read = read_list,
                                 .data = instance,
                                 .deadline = p11d_deadline_in(P11D_LIST_TIMEOUT)};
    P11dAnswer answer;
    p11d_request_exchange(&request, peer, &answer);
    return answer.rv;
}

static void vanish_all(P11dInstance *instance)
{
    for (size_t i = 0; i < instance->token_count; i++)
        p11d_token_vanish(instance->tokens[i]);
}

static CK_RV connect_and_list(P11dInstance *instance, bool patient, P11dPeer **peer)
{
    CK_RV rv = p11d_connect(instance, patient, peer);
    if (rv == CKR_OK) {
        rv = list(instance, *peer);
        if (rv != CKR_OK) {
            p11d_peer_release(*peer);
            *peer = NULL;
        }
    }
    return rv;
}

/* Connects; nobody else does at the same time. */
static CK_RV attempt(P11dInstance *instance)
{
    P11dPeer *peer;
    instance->service.connecting = true;
    const CK_RV rv = connect_and_list(instance, instance->service.known, &peer);
    instance->service.connecting = false;
    instance->service.attempts++;
    instance->service.outcome = rv;
    /* Patience is for a service that restarts: after it was in vain, absence is the normal case. */
    instance->service.known = rv == CKR_OK;
    instance->service.peer = peer;
    if (rv != CKR_OK)
        vanish_all(instance);
    p11d_lock_wake();
    return instance->finalized ? CKR_CRYPTOKI_NOT_INITIALIZED : rv;
}

void p11d_discovery_lost(P11dInstance *instance, P11dPeer *peer)
{
    if (instance->service.peer != peer)
        return;
    p11d_trace(P11D_TRACE_STATE, "lost: the connection to the service");
    instance->service.peer = NULL;
    p11d_peer_release(peer);
    p11d_waiter_ring(instance); /* who listens to it listens in vain */
    p11d_lock_wake();
}

/* Reads the signals that arrived on a live connection, without connecting. */
static void read_signals(P11dInstance *instance)
{
    P11dPeer *peer = instance->service.peer;
    if (!peer || peer->busy || peer->on_bus)
        return;
    for (int i = 0; i < SIGNALS_AT_ONCE; i++) {
        P11dMessage message;
        const P11dStatus status =
            p11d_channel_receive(&peer->bus.channel, p11d_deadline_now(), &message);
        if (status == P11D_TIMEOUT)
            return;
        if (status != P11D_OK || message.type != P11D_MESSAGE_SIGNAL) {
            p11d_discovery_lost(instance, peer);
            return;
        }
        apply_signal(instance, &message);
        p11d_channel_done(&peer->bus.channel);
    }
}

CK_RV p11d_discovery_look(P11dInstance *instance)
{
    while (!instance->finalized) {
        read_signals(instance);
        if (instance->service.peer && !instance->service.peer->on_bus)
            return CKR_OK;
        if (instance->service.peer) {
            P11dPeer *peer = p11d_peer_reference(instance->service.peer);
            const CK_RV rv = list(instance, peer);
            if (rv != CKR_OK)
                p11d_discovery_lost(instance, peer);
            p11d_peer_release(peer);
            if (rv == CKR_OK && instance->service.peer)
                return CKR_OK;
            continue;
        }
        if (!instance->service.connecting)
            return attempt(instance);
        /* The thread that connects has a deadline; here it only is looked again. */
        const unsigned attempts = instance->service.attempts;
        while (instance->service.attempts == attempts && !instance->finalized)
            p11d_lock_wait(p11d_deadline_in(P11D_CONNECT_TIMEOUT));
        if (!instance->service.peer && instance->service.outcome != CKR_OK)
            return instance->service.outcome;
    }
    return CKR_CRYPTOKI_NOT_INITIALIZED;
}

CK_RV p11d_discovery_token(P11dInstance *instance, CK_SLOT_ID slot, P11dToken **token)
{
    p11d_discovery_look(instance);
    *token = p11d_token_find(instance, slot);
    if (!*token)
        return CKR_SLOT_ID_INVALID;
    return (*token)->present ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
}
