// SPDX-License-Identifier: MIT
/*
 * An order is an operation of one call: arguments go to the service in one message, and what comes
 * back is the answer.
 */
#ifndef P11D_ORDER_H
#define P11D_ORDER_H

#include "listing.h"
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
    P11dMoment moment; /* when it was sent */
} P11dOrder;

/* The flags of mechanisms that stand for orders. */
#define P11D_ORDER_FLAGS                                                                           \
    (CKF_DERIVE | CKF_GENERATE | CKF_GENERATE_KEY_PAIR | CKF_WRAP | CKF_UNWRAP | CKF_ENCAPSULATE | \
     CKF_DECAPSULATE)

/* Gives the order to token: once, and never again. Waits. Errors: as p11d_listing_call. */
CK_RV p11d_order_give(P11dToken *token, P11dOrder *order);

/*
 * Checks what a host brings as a template, and makes it an argument. Errors: CKR_ARGUMENTS_BAD (no
 * attributes where there is a number of them), CKR_ATTRIBUTE_VALUE_INVALID (no value where there is
 * a length), CKR_TEMPLATE_INCONSISTENT (more than P11D_TEMPLATE_MAX).
 */
CK_RV p11d_order_template(const CK_ATTRIBUTE *items, CK_ULONG count, P11dTemplateArgument *templ);

/* What templ says of CKA_TOKEN and its like; fallback: nothing. */
bool p11d_order_boolean(const P11dTemplateArgument *templ, CK_ATTRIBUTE_TYPE type, bool fallback);
CK_ULONG p11d_order_number(const P11dTemplateArgument *templ, CK_ATTRIBUTE_TYPE type);

/*
 * Whether a key may be used for what attribute type and a mechanism's flag stand for, as far as is
 * known. Errors: missing (there is no such object), CKR_KEY_FUNCTION_NOT_PERMITTED,
 * CKR_MECHANISM_INVALID (the token cannot), CKR_ARGUMENTS_BAD (no mechanism). missing CKR_OK: no
 * key is needed.
 */
CK_RV p11d_order_check(P11dToken *token, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type,
                       const CK_MECHANISM *mechanism, CK_FLAGS flag, CK_RV missing);

/*
 * Whether a session may make, change or destroy an object that is on the token (or of a session).
 * Errors: CKR_SESSION_READ_ONLY, CKR_TOKEN_WRITE_PROTECTED.
 */
CK_RV p11d_order_may_write(const P11dSession *session, bool on_token);

/*
 * C_GenerateRandom (PKCS#11 3.1, section 5.19). Random bytes are the kernel's, which
 * costs no message; the token is asked where this process may not ask the kernel.
 */
CK_RV p11d_order_random(P11dInstance *instance, CK_SESSION_HANDLE session, CK_BYTE *bytes,
                        CK_ULONG size);

#endif
