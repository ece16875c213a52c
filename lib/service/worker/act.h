// SPDX-License-Identifier: MIT
/*
 * An act is what a token does for one method of its interface: a row with the method's name and the
 * function that performs it. It gets the arguments in PKCS#11 form, read and within their limits,
 * for a client that may ask for this, and leaves the results; messages are no affair of it.
 */
#ifndef P11D_ACT_H
#define P11D_ACT_H

#include <stdatomic.h>

#include "arguments.h"
#include "buffer.h"

typedef struct P11dView P11dView;
typedef struct P11dActCall P11dActCall;

/* What an act returns instead of a result while the answer is not there: p11d_act_pend. */
#define P11D_ACT_PENDING (CKR_VENDOR_DEFINED | 0x50454e44UL)

/* More than one client may have: the caller is told org.freedesktop.DBus.Error.LimitsExceeded. */
#define P11D_ACT_LIMIT (CKR_VENDOR_DEFINED | 0x4c494d49UL)

/* One call of an act. */
struct P11dActCall {
    const P11dArguments *arguments; /* valid until the call is complete */
    uint64_t channel;               /* that it came by: one call at a time; see hang_up of tokens */
    P11dArguments results;          /* all zero at first; what is not bytes is put here */
    P11dBuffer output;              /* what is appended is the result that is bytes; wiped after */
    bool changed;                   /* set if the client sees other objects from now on */
    atomic_bool canceled; /* nobody waits any more: what takes long may end with any result */

    /* Of who performs it; see p11d_act_pend and p11d_act_complete. */
    void (*cancel)(void *data);
    void *cancel_data;
    CK_RV rv;
    void (*completed)(P11dActCall *call);
};

/* Performs it; returns a result, or P11D_ACT_PENDING. */
typedef CK_RV P11dActPerform(P11dView *view, P11dActCall *call);

typedef struct P11dAct {
    const char *method;
    P11dActPerform *perform;
    /* Whether it takes so long that others must not wait for its thread; NULL: it never does. Such
     * calls are performed by few threads at a time, one after the other. */
    bool (*is_slow)(const P11dArguments *arguments);
} P11dAct;

/*
 * For an answer that a person has to be waited for: no thread is held, and the call is complete
 * when some thread says so. The act calls this, keeps call, and returns P11D_ACT_PENDING.
 * cancel (or NULL) is called, at most once and until the call is complete, when nobody waits for
 * the answer any more: it only passes that on, so that the call is soon complete, and neither
 * completes it nor waits for who does. data is its own.
 */
void p11d_act_pend(P11dActCall *call, void (*cancel)(void *data), void *data);

/* A pending call is complete, with what was left in it. May be called before the act has returned,
 * by any thread, once, and without a lock that cancel takes. call is not valid any more. */
void p11d_act_complete(P11dActCall *call, CK_RV rv);

#endif
