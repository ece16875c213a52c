// SPDX-License-Identifier: MIT
/*
 * A cmstrust is the question whether those who have signed a CMS message are trusted because of
 * what authorities say of them (P11D_TRUST_AUTHORITIES).
 */
#ifndef P11D_CMSTRUST_H
#define P11D_CMSTRUST_H

#include "authorities.h"
#include "cmsmessage.h"
#include "finding.h"
#include "trust.h"

typedef struct P11dCmstrust {
    const P11dTrust *trust;
    const P11dCmsmessage *message; /* with a certificate of each signer */
    P11dFinding *finding;
    P11dAuthorities authorities; /* owned by who asks */
} P11dCmstrust;

/* Says in finding who has signed, as their certificates have it. */
void p11d_cmstrust_name_signers(P11dCmstrust *asked);

/* Sets finding, whose signatures are all good, to what the authorities say: of all signers, and
 * whether one of them is who is asked for. */
void p11d_cmstrust_ask(P11dCmstrust *asked);

#endif
