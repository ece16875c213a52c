// SPDX-License-Identifier: MIT
#include "keystreams.h"

#include <stdlib.h>

bool p11d_keystreams_add(P11dKeyStreams *streams, P11dKeyStream *stream, uint64_t channel,
                         uint64_t key, uint64_t *id)
{
    P11dHeldStream *held = streams->count < P11D_KEYSTREAMS_MAX ? malloc(sizeof *held) : NULL;
    if (!held)
        return false;
    *id = ++streams->last_id;
    *held = (P11dHeldStream){
        .stream = stream, .next = streams->first, .id = *id, .channel = channel, .key = key};
    streams->first = held;
    streams->count++;
    return true;
}

P11dHeldStream *p11d_keystreams_find(const P11dKeyStreams *streams, uint64_t id, uint64_t channel)
{
    P11dHeldStream *held = streams->first;
    while (held && (held->id != id || held->channel != channel))
        held = held->next;
    if (held)
        held->used = true;
    return held;
}

/* Takes out what place points at. */
static P11dHeldStream *take_out(P11dKeyStreams *streams, P11dHeldStream **place)
{
    P11dHeldStream *held = *place;
    *place = held->next;
    held->next = NULL;
    streams->count--;
    return held;
}

bool p11d_keystreams_release(P11dKeyStreams *streams, P11dHeldStream *held, bool goes_on)
{
    P11dHeldStream **place = &streams->first;
    held->used = false;
    if (goes_on && !held->ended)
        return true;
    while (*place != held)
        place = &(*place)->next;
    take_out(streams, place);
    return false;
}

void p11d_keystreams_end_some(P11dKeyStreams *streams, P11dKeyStreamEnds *ends, void *data,
                              P11dHeldStream **ended)
{
    P11dHeldStream **place = &streams->first;
    while (*place) {
        P11dHeldStream *held = *place;
        if (!ends(held, data)) {
            place = &held->next;
        } else if (held->used) {
            held->ended = true;
            place = &held->next;
        } else {
            take_out(streams, place);
            held->next = *ended;
            *ended = held;
        }
    }
}

static bool any(const P11dHeldStream *held, void *data)
{
    (void)held;
    (void)data;
    return true;
}

P11dHeldStream *p11d_keystreams_end(P11dKeyStreams *streams)
{
    P11dHeldStream *ended = NULL;
    streams->ended++;
    p11d_keystreams_end_some(streams, any, NULL, &ended);
    return ended;
}

P11dHeldStream *p11d_keystreams_take(P11dKeyStreams *streams, uint64_t channel)
{
    P11dHeldStream **place = &streams->first;
    while (*place && (*place)->channel != channel)
        place = &(*place)->next;
    return *place ? take_out(streams, place) : NULL;
}

void p11d_keystreams_free(P11dHeldStream *held)
{
    while (held) {
        P11dHeldStream *next = held->next;
        p11d_keystream_free(held->stream);
        free(held);
        held = next;
    }
}
