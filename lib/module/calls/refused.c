// SPDX-License-Identifier: MIT
/*
 * The functions that have one answer only: what they are about is never there. They are in the
 * function lists like all others, and answer after the checks that every function makes.
 */
#include "entry.h"

#include "call.h"

/* Hardly any of them looks at its arguments. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

/* PKCS#11 3.1, section 5.21: nothing ever runs in parallel. */
CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE session)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_PARALLEL);
}

CK_RV C_CancelFunction(CK_SESSION_HANDLE session)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_PARALLEL);
}

/* Section 5.20: what the kernel has is seeded already. */
CK_RV C_SeedRandom(CK_SESSION_HANDLE session, CK_BYTE *seed, CK_ULONG size)
{
    return p11d_call_refuse(__func__, session,
                            !seed && size > 0 ? CKR_ARGUMENTS_BAD : CKR_RANDOM_SEED_NOT_SUPPORTED);
}

/* PKCS#11 3.2, section 5.21: every session is synchronous, and nothing is ever pending. */
CK_RV C_AsyncComplete(CK_SESSION_HANDLE session, CK_UTF8CHAR *function, CK_ASYNC_DATA *result)
{
    return p11d_call_refuse(__func__, session,
                            function ? CKR_OPERATION_NOT_INITIALIZED : CKR_ARGUMENTS_BAD);
}

CK_RV C_AsyncGetID(CK_SESSION_HANDLE session, CK_UTF8CHAR *function, CK_ULONG *id)
{
    return p11d_call_refuse(__func__, session,
                            function ? CKR_OPERATION_NOT_INITIALIZED : CKR_ARGUMENTS_BAD);
}

CK_RV C_AsyncJoin(CK_SESSION_HANDLE session, CK_UTF8CHAR *function, CK_ULONG id, CK_BYTE *data,
                  CK_ULONG size)
{
    return p11d_call_refuse(__func__, session,
                            function ? CKR_SAVED_STATE_INVALID : CKR_ARGUMENTS_BAD);
}
