// SPDX-License-Identifier: MIT
#include "instance.h"

#include <stdlib.h>

#include "event.h"
#include "fork.h"
#include "lock.h"
#include "session.h"
#include "token.h"
#include "trace.h"

static P11dInstance *current;

static CK_RV check(const CK_C_INITIALIZE_ARGS *arguments)
{
    const bool some = arguments->CreateMutex || arguments->DestroyMutex || arguments->LockMutex ||
                      arguments->UnlockMutex;
    const bool all = arguments->CreateMutex && arguments->DestroyMutex && arguments->LockMutex &&
                     arguments->UnlockMutex;
    if (some && !all)
        return CKR_ARGUMENTS_BAD;
    /* Waiting needs a condition, which the application's mutexes have not. */
    return some && !(arguments->flags & CKF_OS_LOCKING_OK) ? CKR_CANT_LOCK : CKR_OK;
}

CK_RV p11d_instance_initialize(const CK_C_INITIALIZE_ARGS *arguments)
{
    if (arguments) {
        const CK_RV value = check(arguments);
        if (value != CKR_OK)
            return value;
    }
    p11d_trace_set(secure_getenv("P11DBUS_DEBUG"));
    P11dInstance *instance = calloc(1, sizeof *instance);
    if (!instance)
        return CKR_HOST_MEMORY;
    instance->references = 1;
    P11dConfiguration *configuration = &instance->configuration;
    CK_RV value = p11d_configuration_load(configuration, arguments ? arguments->pReserved : NULL,
                                          p11d_configuration_file);
    if (configuration->mistake[0] != '\0')
        p11d_trace(P11D_TRACE_STATE, "no service is asked: %s", configuration->mistake);
    p11d_lock_take();
    if (current)
        value = CKR_CRYPTOKI_ALREADY_INITIALIZED;
    else if (value == CKR_OK)
        current = instance;
    p11d_lock_give();
    if (value != CKR_OK)
        free(instance);
    return value;
}

CK_RV p11d_instance_finalize(P11dInstance *instance)
{
    if (instance->finalized)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    instance->finalized = true;
    current = NULL;
    p11d_peer_shutdown_all(instance);
    p11d_event_ring(instance);
    p11d_lock_wake();
    p11d_instance_leave(instance);
    return CKR_OK;
}

P11dInstance *p11d_instance_enter(void)
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

void p11d_instance_leave(P11dInstance *instance)
{
    if (--instance->references == 0)
        destroy(instance);
}

void p11d_instance_forget(void)
{
    static P11dInstance *forgotten; /* for those who look for leaks */
    forgotten = current;
    current = NULL;
    (void)forgotten;
}
