// SPDX-License-Identifier: MIT
/*
 * A kept mechanism is a mechanism in D-Bus form: its name and the entries of its a{sv}. It is made
 * while the host's structure lives (C_SignInit) and sent later (C_SignFinal).
 */
#ifndef P11D_KEPT_MECHANISM_H
#define P11D_KEPT_MECHANISM_H

#include "buffer.h"
#include "mechanism.h"

/* Parameters in D-Bus form take no more, in bytes. */
#define P11D_KEPT_PARAMETERS_MAX ((size_t)32 << 10)

typedef struct P11dKeptMechanism {
    const char *name;
    char scratch[P11D_NAME_SIZE]; /* the name, where no table has it */
    P11dBuffer parameters;        /* the entries, without the array around them */
} P11dKeptMechanism;

/*
 * Makes kept, which need not be initialised, of the host's mechanism. prehashed: the data will be
 * the digest. p11d_kept_mechanism_clear must follow in any case; the structure is not to be copied.
 * Errors: CKR_MECHANISM_PARAM_INVALID, CKR_HOST_MEMORY.
 */
CK_RV p11d_kept_mechanism_make(P11dKeptMechanism *kept, const CK_MECHANISM *mechanism,
                               bool prehashed);

/* Wipes and frees. Safe on a zeroed structure, and twice. */
void p11d_kept_mechanism_clear(P11dKeptMechanism *kept);

/* Writes mechanism (s) and parameters (a{sv}) as arguments. */
void p11d_kept_mechanism_write_name(const P11dKeptMechanism *kept, P11dWriter *writer);
void p11d_kept_mechanism_write_parameters(const P11dKeptMechanism *kept, P11dWriter *writer);

#endif
