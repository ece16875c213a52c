// SPDX-License-Identifier: MIT
#include "initargs.h"

#include <string.h>

#include "hostmemory.h"
#include "trace.h"

/* What came of p11d_hostmemory_copy, where size bytes are needed. */
static CK_RV rv_of(ssize_t copied, size_t size, const char *what)
{
    if (copied < 0)
        return CKR_HOST_MEMORY;
    if ((size_t)copied >= size)
        return CKR_OK;
    p11d_trace(P11D_TRACE_STATE, "C_Initialize: %s points to memory that is not there", what);
    return CKR_ARGUMENTS_BAD;
}

static CK_RV check_functions(const CK_C_INITIALIZE_ARGS *arguments)
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

static CK_RV read_reserved(const void *reserved, P11dInitArgs *args)
{
    const ssize_t copied = p11d_hostmemory_copy(reserved, args->text, sizeof args->text);
    if (copied > 0 && memchr(args->text, '\0', (size_t)copied)) {
        args->reserved = args->text;
        return CKR_OK;
    }
    const CK_RV rv = rv_of(copied, sizeof args->text, "pReserved");
    if (rv != CKR_OK)
        return rv;
    p11d_trace(P11D_TRACE_STATE, "C_Initialize: pReserved is no string of at most %d bytes",
               P11D_CONFIGURATION_MAX);
    return CKR_ARGUMENTS_BAD;
}

CK_RV p11d_initargs_read(const void *arguments, P11dInitArgs *args)
{
    CK_C_INITIALIZE_ARGS given;
    args->reserved = NULL;
    if (!arguments)
        return CKR_OK;
    CK_RV rv =
        rv_of(p11d_hostmemory_copy(arguments, &given, sizeof given), sizeof given, "its argument");
    if (rv == CKR_OK)
        rv = check_functions(&given);
    if (rv == CKR_OK && given.pReserved)
        rv = read_reserved(given.pReserved, args);
    return rv;
}
