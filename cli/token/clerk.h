// SPDX-License-Identifier: MIT
/*
 * A clerk is what works in the process of an agent (agent.h): it hosts the module and answers one
 * request after the other. A request is a P11dErrand, for a PIN followed by its bytes, else by a
 * parcel; each gets an answer (parcel.h).
 */
#ifndef P11D_CLERK_H
#define P11D_CLERK_H

#include "options.h"

#include <glib.h>
#include <stdint.h>

/* What can be asked of a token. */
typedef enum P11dErrandKind {
    P11D_ERRAND_SESSION,    /* p11d_host_session */
    P11D_ERRAND_FLAGS,      /* p11d_host_flags */
    P11D_ERRAND_LOGIN,      /* p11d_host_login, the CK_RV */
    P11D_ERRAND_FIND,       /* p11d_item_find */
    P11D_ERRAND_LOOK,       /* p11d_item_look_closer */
    P11D_ERRAND_MECHANISMS, /* the CK_RV of p11d_host_mechanisms, and P11dHostMechanism as bytes */
    P11D_ERRAND_KINDS,
} P11dErrandKind;

/* The types of the parcel that goes with an errand, and of what it is answered with. */
typedef struct P11dErrandTypes {
    const char *sent; /* NULL: a PIN, and no parcel */
    const char *answered;
} P11dErrandTypes;
extern const P11dErrandTypes p11d_errand_types[P11D_ERRAND_KINDS];

/* What is answered first, unasked: the module's path, CK_INFO, and of each token its slot,
 * CK_SLOT_INFO and CK_TOKEN_INFO. */
#define P11D_CLERK_GREETING "(ayaya(tayay)ay)"

typedef struct P11dErrand {
    uint32_t kind;
    uint32_t token; /* index */
    uint64_t user;  /* of a login */
    uint64_t size;  /* of its PIN, in bytes */
    uint8_t has_pin;
} P11dErrand;

/* No PIN is longer. */
#define P11D_CLERK_PIN_MAX 65536

/* Hosts the module that options name, and answers on fd until the other side hangs up. */
void p11d_clerk_run(const P11dOptions *options, int fd);

#endif
