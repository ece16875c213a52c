// SPDX-License-Identifier: MIT
/*
 * Pins are the orders that set PINs, and the one that makes a token anew. A PIN that is NULL is one
 * that the token asks for by itself, if it can. PINs are in no buffer afterwards, and nothing here
 * is ever sent twice.
 */
#ifndef P11D_PINS_H
#define P11D_PINS_H

#include "order.h"

/* A PIN as a host hands it over: borrowed; size in bytes. */
typedef struct P11dPin {
    const CK_UTF8CHAR *bytes;
    CK_ULONG size;
} P11dPin;

/*
 * C_InitToken (PKCS#11 3.1, section 5.5.7). label: 32 bytes, blank-padded. Waits. Errors:
 * CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_SESSION_EXISTS, CKR_ARGUMENTS_BAD (of the label
 * too: it is not UTF-8), CKR_PIN_LEN_RANGE, those of p11d_order_give.
 */
CK_RV p11d_pins_init_token(P11dInstance *instance, CK_SLOT_ID slot, P11dPin so_pin,
                           const CK_UTF8CHAR *label);

/* C_InitPIN (section 5.5.8), for which the SO must be logged in. Waits. Errors:
 * CKR_SESSION_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN, otherwise as p11d_pins_init_token. */
CK_RV p11d_pins_init(P11dInstance *instance, CK_SESSION_HANDLE session, P11dPin pin);

/* C_SetPIN (section 5.5.9). Waits. Errors: CKR_SESSION_HANDLE_INVALID, CKR_SESSION_READ_ONLY,
 * otherwise as p11d_pins_init_token. */
CK_RV p11d_pins_set(P11dInstance *instance, CK_SESSION_HANDLE session, P11dPin old_pin,
                    P11dPin new_pin);

#endif
