// SPDX-License-Identifier: MIT
/*
 * An order is an operation of one call: arguments go to the service in one message, and what comes
 * back is the answer.
 */
#ifndef P11D_ORDER_H
#define P11D_ORDER_H

#include "arguments.h"
#include "session.h"

typedef struct P11dOrderRow {
    const char *method;
    int64_t timeout; /* milliseconds */
} P11dOrderRow;

typedef struct P11dOrder {
    const P11dOrderRow *row;
    CK_OBJECT_HANDLE objects[P11D_ARGUMENTS_EACH];           /* those of its arguments; 0: none */
    P11dArguments arguments;                                 /* all others */
    CK_RV (*take)(const P11dArguments *results, void *data); /* as in a request */
    void *data;
} P11dOrder;

/* Gives the order to token. Waits. Errors: as p11d_listing_call. */
CK_RV p11d_order_give(P11dToken *token, P11dOrder *order);

/*
 * C_GenerateRandom (PKCS#11 3.1, section 5.20). Random bytes are the kernel's, which
 * costs no message; the token is asked where this process may not ask the kernel.
 */
CK_RV p11d_order_random(P11dInstance *instance, CK_SESSION_HANDLE session, CK_BYTE *bytes,
                        CK_ULONG size);

#endif
