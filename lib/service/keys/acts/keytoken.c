// SPDX-License-Identifier: MIT
#include "keytoken.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keyacts.h"
#include "keylogin.h"
#include "keyproperties.h"
#include "keyring.h"
#include "log.h"
#include "sessionobject.h"
#include "streamacts.h"

typedef struct KeyToken {
    P11dWorkerToken base;
    P11dKeyProperties properties;
    P11dKeyRing ring;
} KeyToken;

static KeyToken *token_of(P11dWorkerToken *base)
{
    return (KeyToken *)(void *)base;
}

static void write_properties(P11dWorkerToken *base, P11dWriter *writer)
{
    KeyToken *token = token_of(base);
    P11dKeyStanding standing;
    p11d_keyring_stand(&token->ring, &standing);
    p11d_keyproperties_write(&token->properties, &standing, writer);
}

static unsigned dispatch(P11dWorkerToken *base)
{
    return p11d_keyring_refresh(&token_of(base)->ring);
}

/* Whoever the supervisor lets in may use every key. */
static P11dView *open_view(P11dWorkerToken *base, const P11dCredentials *credentials)
{
    P11dKeyView *view = p11d_keyring_open_view(&token_of(base)->ring, credentials->uid);
    if (view)
        view->base.token = base;
    return view ? &view->base : NULL;
}

static void close_view(P11dView *view)
{
    p11d_keyring_close_view(p11d_keyview_of(view));
}

static uint64_t generation(P11dView *view)
{
    return p11d_keyring_generation(p11d_keyview_of(view));
}

static bool label(P11dView *view, uint64_t id, char label[P11D_WORKER_TOKEN_LABEL_SIZE])
{
    return p11d_keyring_label(p11d_keyview_of(view), id, label);
}

static void list(P11dView *view, uint64_t known, P11dWriter *writer)
{
    p11d_keyring_list(p11d_keyview_of(view), known, writer);
}

static bool forget(P11dView *view)
{
    p11d_sessionobject_destroy_all(p11d_keyview_of(view));
    return p11d_keylogin_leave(p11d_keyview_of(view)) == CKR_OK;
}

static void free_token(P11dWorkerToken *base)
{
    KeyToken *token = token_of(base);
    p11d_keyring_clear(&token->ring);
    p11d_keyproperties_clear(&token->properties);
    free(token);
}

static void hang_up(P11dView *view, uint64_t channel)
{
    p11d_streamacts_hang_up(p11d_keyview_of(view), channel);
}

static const P11dWorkerTokenOperations operations = {
    .free = free_token,
    .dispatch = dispatch,
    .write_properties = write_properties,
    .open = open_view,
    .close = close_view,
    .generation = generation,
    .label = label,
    .list = list,
    .forget = forget,
    .hang_up = hang_up,
};

static bool set_up(KeyToken *token, const char *directory)
{
    char *path = realpath(directory, NULL);
    if (!path)
        return false;
    if (!p11d_keyproperties_init(&token->properties, path)) {
        free(path);
        return false;
    }
    token->base.name = token->properties.label;
    bool ok = p11d_keyring_open(&token->ring, path, token->base.name);
    token->base.descriptor = token->ring.watch.fd;
    return ok;
}

P11dWorkerToken *p11d_keytoken_open(const char *directory, P11dWorkerTokenWriters writers)
{
    KeyToken *token = calloc(1, sizeof *token);
    if (!token)
        return NULL;
    token->base.operations = &operations;
    token->base.acts = p11d_keyacts;
    p11d_keyring_init(&token->ring, writers);
    if (set_up(token, directory))
        return &token->base;
    int error = errno;
    p11d_log("%s: %s", directory, strerror(error));
    free_token(&token->base);
    errno = error;
    return NULL;
}
