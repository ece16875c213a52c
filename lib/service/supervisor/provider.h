// SPDX-License-Identifier: MIT
/*
 * A provider is one worker process: it is started, its word on its tokens is passed on, new clients
 * are handed to it, and when it ends by itself it is started again after a while that doubles each
 * time. A provider knows nothing of the bus.
 */
#ifndef P11D_PROVIDER_H
#define P11D_PROVIDER_H

#include <gio/gio.h>

#include "worker-link.h"

typedef struct P11dProvider P11dProvider;

/* What a provider tells its owner. properties: a{sv} as the worker sent it, borrowed. */
typedef struct P11dProviderEvents {
    void (*added)(P11dProvider *provider, const char *path, GVariant *properties, void *data);
    void (*removed)(P11dProvider *provider, const char *path, void *data);
    void (*changed)(P11dProvider *provider, const char *path, GVariant *properties, void *data);
    void (*lost)(P11dProvider *provider, void *data);    /* the worker is gone, with all tokens */
    void (*settled)(P11dProvider *provider, void *data); /* it is not pending any more */
} P11dProviderEvents;

/*
 * Makes a provider for directory, without starting it. writers: who may change it
 * (P11D_WORKER_LINK_WRITERS_…), or NULL: nobody; borrowed. program and arguments: as worker_program
 * and worker_arguments of P11dSupervisorOptions; they and events are borrowed and outlive the
 * provider.
 */
P11dProvider *p11d_provider_new(const char *directory, const char *writers, const char *program,
                                const char *const *arguments, const P11dProviderEvents *events,
                                void *data);

/* The directory, for messages. */
const char *p11d_provider_name(const P11dProvider *provider);

/* Starts the worker. What goes wrong is logged and tried again later. */
void p11d_provider_start(P11dProvider *provider);

/* True while the worker may still be about to announce tokens for the first time: until its Ready,
 * for at most ten seconds. */
gboolean p11d_provider_is_pending(const P11dProvider *provider);

/*
 * Makes a client of the token at path: hands one end of a new socket pair to the worker and returns
 * the other, close-on-exec, which the caller owns. credentials are borrowed. Returns -1 with error
 * set (org.freedesktop.DBus.Error.LimitsExceeded if the worker does not keep up).
 */
int p11d_provider_open_client(P11dProvider *provider, const char *path,
                              const P11dCredentials *credentials, GError **error);

/* Asks the worker to end, kills it if it does not, and never starts it again. */
void p11d_provider_stop(P11dProvider *provider);
/* True as long as there is a process. */
gboolean p11d_provider_is_running(const P11dProvider *provider);

/* Frees a provider that is not running. */
void p11d_provider_free(P11dProvider *provider);

#endif
