// SPDX-License-Identifier: MIT
/*
 * A finding is what came out of checking a signature: the verdict, why, and who is found to have
 * signed. That a signature is bad is a finding; only what could not be found out is an error.
 */
#ifndef P11D_FINDING_H
#define P11D_FINDING_H

#include <glib.h>

typedef enum P11dVerdict {
    P11D_VERDICT_GOOD,
    P11D_VERDICT_MISMATCH,    /* a signature, but not of this data by this key */
    P11D_VERDICT_MALFORMED,   /* not a signature of such a key at all */
    P11D_VERDICT_UNTRUSTED,   /* a signature of this data, but its certificate is not trusted */
    P11D_VERDICT_NOT_ALLOWED, /* a signature of this data, but by nobody who was asked for */
} P11dVerdict;

/* Whether the signer's certificate leads to one that the user trusts. */
typedef enum P11dTrusted {
    P11D_TRUSTED_NOT_ASKED,
    P11D_TRUSTED_NO,
    P11D_TRUSTED_YES,
} P11dTrusted;

typedef struct P11dFinding {
    P11dVerdict verdict;
    char *why;       /* what makes it bad, more exactly than the verdict; NULL: no more is known */
    char *remark;    /* what else people want to know of a good one; NULL: nothing */
    char *key;       /* what to call the key by which it was signed; NULL: as the user calls it */
    guint matched;   /* the place of that among those that are trusted, from 1; 0: none of them */
    guint tried;     /* how many of those were; 0: no keys are trusted, but others */
    char *signer;    /* who the signature itself or the list of allowed signers says it was */
    char *algorithm; /* by its name on the command line, if it is known */
    const char *format; /* by its name on the command line */
    P11dTrusted trusted;
    char *time; /* when who signed was looked at, if it was said when that is to be; ISO 8601 */
    gboolean attached; /* the signature holds what is signed */
    GBytes *content;   /* that, if the signature is good */
} P11dFinding;

/* The word for a verdict in JSON, NULL for a good one; and a sentence for people. */
const char *p11d_finding_reason(const P11dFinding *finding);
const char *p11d_finding_sentence(const P11dFinding *finding);

/* Sets verdict, and why it is that. Returns TRUE: it was found out. */
gboolean p11d_finding_conclude(P11dFinding *finding, P11dVerdict verdict, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Gives into, beside its verdict, what other knows of why and by which algorithm. */
void p11d_finding_take(P11dFinding *into, P11dFinding *other);

void p11d_finding_clear(P11dFinding *finding);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(P11dFinding, p11d_finding_clear)

#endif
