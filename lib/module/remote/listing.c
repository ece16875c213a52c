// SPDX-License-Identifier: MIT
#include "listing.h"

#include "attachment.h"
#include "lock.h"

static CK_OBJECT_HANDLE last_handle; /* of this process: handles never come again */

/* One ListObjects under way. */
typedef struct Listing {
    P11dToken *token;
    uint64_t known; /* the generation that was sent */
    uint64_t epoch; /* of the connection, when it was sent */
    bool outdated;  /* a logout or a loss came in between: the reply tells nothing */
} Listing;

static CK_RV prepare_list(P11dToken *token, void *data)
{
    Listing *listing = data;
    listing->known = p11d_snapshot_ask(&token->snapshot);
    listing->epoch = token->connection.epoch;
    token->stale = false; /* what changes from now on is said again */
    return CKR_OK;
}

static void write_list(P11dWriter *writer, void *data)
{
    p11d_writer_uint64(writer, ((const Listing *)data)->known);
}

static CK_RV read_list(P11dChannel *channel, P11dReader *body, void *data)
{
    (void)channel;
    Listing *listing = data;
    P11dToken *token = listing->token;
    P11dUpdate update;
    p11d_update_init(&update, &token->snapshot.terms);
    CK_RV rv = p11d_update_read(&update, body); /* the long part, and without the lock */
    p11d_lock_take();
    listing->outdated = listing->epoch != token->connection.epoch || !token->snapshot.asked;
    if (listing->outdated)
        rv = CKR_OK;
    else if (rv == CKR_OK)
        rv = p11d_snapshot_apply(&token->snapshot, &update, &last_handle);
    p11d_lock_give();
    p11d_update_clear(&update);
    return rv;
}

/* Asks once. *done: what came could be used, or nothing can come. */
static CK_RV list(P11dToken *token, P11dDeadline deadline, bool *done)
{
    Listing listing = {.token = token};
    P11dRequest request = {.interface = &p11d_interface_token,
                           .method = "ListObjects",
                           .write = write_list,
                           .read = read_list,
                           .data = &listing,
                           .deadline = deadline};
    token->listing = true;
    const CK_RV rv = p11d_callchannel_call(token, &request, prepare_list, &listing);
    token->listing = false;
    *done = rv != CKR_OK || !listing.outdated;
    if (rv != CKR_OK || listing.outdated)
        token->stale = true;
    p11d_lock_wake();
    return rv;
}

CK_RV p11d_listing_look(P11dToken *token)
{
    const P11dConnection *connection = &token->connection;
    const P11dDeadline deadline = p11d_deadline_in(P11D_CALL_TIMEOUT);
    const uint64_t broken_logins = connection->broken_logins;
    for (;;) {
        const CK_RV rv = p11d_attachment_make(token, deadline);
        if (connection->broken_logins != broken_logins)
            return CKR_SESSION_HANDLE_INVALID;
        if (rv != CKR_OK)
            return rv;
        if (connection->control && connection->control->busy) {
            if (!p11d_lock_wait(deadline)) /* another thread opens a channel */
                return CKR_DEVICE_ERROR;
            continue;
        }
        p11d_attachment_look(token);
        if (!connection->control && !connection->on_bus)
            continue;         /* lost at this moment */
        if (token->listing) { /* what it brings counts for this search too */
            if (!p11d_lock_wait(deadline))
                return CKR_DEVICE_ERROR;
            continue;
        }
        /* On the bus nobody says when something changed. */
        if (!token->stale && !connection->on_bus)
            return CKR_OK;
        bool done;
        const CK_RV listed = list(token, deadline, &done);
        if (done)
            return listed;
    }
}

P11dObject *p11d_listing_find(P11dToken *token, CK_OBJECT_HANDLE handle)
{
    return p11d_snapshot_find(&token->snapshot, handle);
}

P11dObject *p11d_listing_know(P11dToken *token, CK_OBJECT_HANDLE handle)
{
    P11dObject *object = p11d_listing_find(token, handle);
    if (!object || !object->draft)
        return object;
    p11d_listing_look(token);
    return p11d_listing_find(token, handle);
}

/* A call about objects under way. */
typedef struct Errand {
    const CK_OBJECT_HANDLE *handles;
    P11dMoment *moment; /* may be NULL */
    P11dArguments *arguments;
    bool unbound; /* the objects are to be bound to those of another run first */
} Errand;

static CK_RV prepare_errand(P11dToken *token, void *data)
{
    Errand *errand = data;
    errand->unbound = token->snapshot.detached && errand->handles[0] != 0;
    if (errand->unbound)
        return CKR_DEVICE_ERROR;
    for (size_t i = 0; i < P11D_ARGUMENTS_EACH && errand->handles[i] != 0; i++) {
        const P11dObject *object = p11d_listing_find(token, errand->handles[i]);
        if (!object)
            return CKR_OBJECT_HANDLE_INVALID;
        errand->arguments->objects[i] = object->id;
    }
    if (errand->moment)
        *errand->moment = (P11dMoment){token->snapshot.moment, token->connection.epoch};
    return CKR_OK;
}

CK_RV p11d_listing_call(P11dToken *token, const CK_OBJECT_HANDLE handles[P11D_ARGUMENTS_EACH],
                        P11dRequest *request, P11dMoment *moment)
{
    Errand errand = {.handles = handles, .moment = moment, .arguments = request->arguments};
    for (;;) {
        CK_RV rv = p11d_callchannel_call(token, request, prepare_errand, &errand);
        if (!errand.unbound)
            return rv;
        errand.unbound = false;
        rv = p11d_listing_look(token);
        if (rv != CKR_OK || p11d_deadline_passed(request->deadline))
            return rv != CKR_OK ? rv : CKR_DEVICE_ERROR;
    }
}

CK_RV p11d_listing_enter(P11dToken *token, P11dMoment moment, P11dUpdate *update, bool *entered)
{
    *entered = false;
    return moment.epoch == token->connection.epoch
               ? p11d_snapshot_enter(&token->snapshot, moment.snapshot, update, &last_handle,
                                     entered)
               : CKR_OK;
}
