// SPDX-License-Identifier: MIT
/*
 * A failure is why a command did not do what it was asked: a GError whose code says what kind of
 * trouble it is, with the CKR_ value where a module answered with one, and the next step to take.
 * What exit code a kind has is said in exitcode.c.
 */
#ifndef P11D_FAILURE_H
#define P11D_FAILURE_H

#include <stdbool.h>

#include <glib.h>

#include "pkcs11.h"

typedef enum P11dFailure {
    P11D_FAILURE_SIGNATURE,   /* a signature that does not verify */
    P11D_FAILURE_CHECK,       /* a check that a module did not pass */
    P11D_FAILURE_USAGE,       /* what was typed makes no sense */
    P11D_FAILURE_FILE,        /* a file could not be read or written */
    P11D_FAILURE_LEFT,        /* who reads the result has hung up, and knows */
    P11D_FAILURE_NO_MATCH,    /* nothing is what was asked for */
    P11D_FAILURE_AMBIGUOUS,   /* more than one thing is */
    P11D_FAILURE_PIN,         /* a PIN is needed, wrong or locked */
    P11D_FAILURE_DEVICE,      /* module, bus, service or device */
    P11D_FAILURE_TIMEOUT,     /* it took too long */
    P11D_FAILURE_UNSUPPORTED, /* this key or token cannot do it */
    P11D_FAILURE_COUNT,
} P11dFailure;

#define P11D_FAILURE p11d_failure_quark()
GQuark p11d_failure_quark(void);

/* Sets error. hint: the next step to take, copied, or NULL. */
void p11d_failure_set(GError **error, P11dFailure kind, const char *hint, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* Sets error for an answer other than CKR_OK of a module. The kind and the hint come from the
 * table in failure.c; the text is followed by the CKR name. */
void p11d_failure_set_ckr(GError **error, CK_RV value, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Sets error to one that was set before, in another process. */
void p11d_failure_set_as(GError **error, P11dFailure kind, CK_RV value, const char *hint,
                         const char *message);

/* Of an error of this domain; NULL, CKR_OK and false of any other. */
const char *p11d_failure_hint(const GError *error);
CK_RV p11d_failure_ckr(const GError *error);

/* Whether the user was told already; a command that goes on after errors tells each at once. */
bool p11d_failure_is_told(const GError *error);
void p11d_failure_mark_told(GError *error);

#endif
