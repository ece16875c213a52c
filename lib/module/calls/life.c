// SPDX-License-Identifier: MIT
#include "life.h"

#include <stdlib.h>

#include "initargs.h"
#include "lock.h"
#include "session.h"
#include "trace.h"
#include "waiter.h"

static P11dInstance *current;

/* Makes *instance, with its configuration. */
static CK_RV make(const void *arguments, P11dInstance **instance)
{
    P11dInitArgs args;
    const CK_RV rv = p11d_initargs_read(arguments, &args);
    if (rv != CKR_OK)
        return rv;
    *instance = calloc(1, sizeof **instance);
    if (!*instance)
        return CKR_HOST_MEMORY;
    (*instance)->references = 1;
    P11dConfiguration *configuration = &(*instance)->configuration;
    const CK_RV loaded =
        p11d_configuration_load(configuration, args.reserved, p11d_configuration_file);
    if (configuration->mistake[0] != '\0')
        p11d_trace(P11D_TRACE_STATE, "no service is asked: %s", configuration->mistake);
    return loaded;
}

CK_RV p11d_life_initialize(const void *arguments)
{
    p11d_trace_set(secure_getenv("P11DBUS_DEBUG"));
    P11dInstance *instance = NULL;
    CK_RV rv = make(arguments, &instance);
    p11d_lock_take();
    if (rv == CKR_OK && current)
        rv = CKR_CRYPTOKI_ALREADY_INITIALIZED;
    else if (rv == CKR_OK)
        current = instance;
    p11d_lock_give();
    if (rv != CKR_OK)
        free(instance);
    return rv;
}

CK_RV p11d_life_finalize(P11dInstance *instance, const void *reserved)
{
    if (reserved)
        return CKR_ARGUMENTS_BAD;
    if (instance->finalized)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    instance->finalized = true;
    current = NULL;
    p11d_peer_shutdown_all(instance);
    p11d_waiter_ring(instance);
    p11d_lock_wake();
    p11d_life_leave(instance);
    return CKR_OK;
}

P11dInstance *p11d_life_enter(void)
{
    if (current)
        current->references++;
    return current;
}

/* Nobody has it any more: no call is in flight, so nothing is taken or busy. */
static void destroy(P11dInstance *instance)
{
    for (size_t i = 0; i < instance->token_count; i++) {
        p11d_session_drop_all(instance->tokens[i]);
        p11d_token_free(instance->tokens[i]);
    }
    p11d_peer_release(instance->service.peer);
    free(instance->tokens);
    free(instance->sessions);
    free(instance);
}

void p11d_life_leave(P11dInstance *instance)
{
    if (--instance->references == 0)
        destroy(instance);
}

void p11d_life_forget(void)
{
    static P11dInstance *forgotten; /* for those who look for leaks */
    forgotten = current;
    current = NULL;
    (void)forgotten;
}

CK_RV p11d_life_info(CK_INFO *info)
{
    if (!info)
        return CKR_ARGUMENTS_BAD;
    *info = (CK_INFO){.cryptokiVersion = {3, 2}, /* the newest interface's */
                      .libraryVersion = {P11D_VERSION_MAJOR, P11D_VERSION_MINOR}};
    p11d_properties_pad(info->manufacturerID, sizeof info->manufacturerID, "p11dbus");
    p11d_properties_pad(info->libraryDescription, sizeof info->libraryDescription,
                        "PKCS #11 over D-Bus");
    return CKR_OK;
}
