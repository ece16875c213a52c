// SPDX-License-Identifier: MIT
/*
 * A worker whose token takes its time, for tests of calls that are pending. Sign with key 1 is done
 * at once; with key 2 it is pending until GenerateRandom is called, or nobody waits any more; with
 * key 3 it is pending, and complete before the act has returned. Key 4 tells how many are pending,
 * and how many were canceled, as two bytes.
 */
#include <pthread.h>
#include <stdlib.h>

#include "worker.h"

/* More than a test has. */
#define PENDING_MAX 256

static struct {
    P11dActCall *call; /* NULL: the place is free */
    bool canceled;
} places[PENDING_MAX];
static uint8_t canceled;
static bool released, ending;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_t completer;

/* The next call to be completed, or NULL once the worker ends. */
static P11dActCall *take_next(CK_RV *rv)
{
    P11dActCall *call = NULL;
    pthread_mutex_lock(&lock);
    while (!call && !ending) {
        for (size_t i = 0; i < PENDING_MAX && !call; i++) {
            if (!places[i].call || (!places[i].canceled && !released))
                continue;
            call = places[i].call;
            *rv = places[i].canceled ? CKR_FUNCTION_CANCELED : CKR_OK;
            places[i].call = NULL;
        }
        if (!call) {
            released = false;
            pthread_cond_wait(&changed, &lock);
        }
    }
    pthread_mutex_unlock(&lock);
    return call;
}

static void *complete_calls(void *data)
{
    P11dActCall *call;
    CK_RV rv = CKR_OK;
    while ((call = take_next(&rv))) {
        p11d_buffer_append(&call->output, "late", 4);
        p11d_act_complete(call, rv);
    }
    return data;
}

static void cancel(void *data)
{
    bool *mark = data;
    pthread_mutex_lock(&lock);
    *mark = true;
    canceled++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static CK_RV pend(P11dActCall *call)
{
    CK_RV rv = CKR_HOST_MEMORY;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < PENDING_MAX && rv != P11D_ACT_PENDING; i++) {
        if (places[i].call)
            continue;
        p11d_act_pend(call, cancel, &places[i].canceled);
        places[i].canceled = false;
        places[i].call = call;
        rv = P11D_ACT_PENDING;
    }
    pthread_mutex_unlock(&lock);
    return rv;
}

static CK_RV tell(P11dActCall *call)
{
    uint8_t counts[2] = {0};
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < PENDING_MAX; i++)
        counts[0] = (uint8_t)(counts[0] + (places[i].call != NULL));
    counts[1] = canceled;
    pthread_mutex_unlock(&lock);
    return p11d_buffer_append(&call->output, counts, 2) ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV sign(P11dView *view, P11dActCall *call)
{
    (void)view;
    switch (call->arguments->objects[0]) {
    case 1:
        return p11d_buffer_append(&call->output, "done", 4) ? CKR_OK : CKR_HOST_MEMORY;
    case 2:
        return pend(call);
    case 3:
        p11d_act_pend(call, NULL, NULL);
        p11d_buffer_append(&call->output, "soon", 4);
        p11d_act_complete(call, CKR_OK);
        return P11D_ACT_PENDING;
    case 4:
        return tell(call);
    default:
        return CKR_KEY_HANDLE_INVALID;
    }
}

static CK_RV release(P11dView *view, P11dActCall *call)
{
    (void)view;
    (void)call;
    pthread_mutex_lock(&lock);
    released = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return CKR_OK;
}

static const P11dAct acts[] = {{"Sign", sign}, {"GenerateRandom", release}, {0}};

static void free_token(P11dWorkerToken *token)
{
    (void)token;
    pthread_mutex_lock(&lock);
    ending = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(completer, NULL);
}

static void write_properties(P11dWorkerToken *token, P11dWriter *writer)
{
    (void)token;
    (void)writer;
}

static P11dView *open_view(P11dWorkerToken *token, const P11dCredentials *credentials)
{
    P11dView *view = calloc(1, sizeof *view);
    (void)credentials;
    view->token = token;
    return view;
}

static void close_view(P11dView *view)
{
    free(view);
}

static bool label(P11dView *view, uint64_t id, char text[P11D_WORKER_TOKEN_LABEL_SIZE])
{
    (void)view;
    (void)id;
    (void)text;
    return false;
}

static bool forget(P11dView *view)
{
    (void)view;
    return false;
}

static const P11dWorkerTokenOperations operations = {
    .free = free_token,
    .write_properties = write_properties,
    .open = open_view,
    .close = close_view,
    .label = label,
    .forget = forget,
};

static P11dWorkerToken *open_token(const char *source, P11dWorkerTokenWriters writers)
{
    static P11dWorkerToken token = {.operations = &operations, .acts = acts, .descriptor = -1};
    (void)writers;
    token.name = source;
    return pthread_create(&completer, NULL, complete_calls, NULL) == 0 ? &token : NULL;
}

static bool set_up(void)
{
    return true;
}

static void tear_down(void)
{
}

int main(int argc, char **argv)
{
    static const P11dWorkerKind kind = {set_up, open_token, tear_down};
    return argc > 1 ? p11d_worker_main(&kind, argv + 1) : P11D_WORKER_FAILED;
}
