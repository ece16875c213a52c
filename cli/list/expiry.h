// SPDX-License-Identifier: MIT
/*
 * An expiry is how far a certificate is from the end of its validity, in words for people.
 */
#ifndef P11D_EXPIRY_H
#define P11D_EXPIRY_H

#include <glib.h>

typedef enum P11dExpiry {
    P11D_EXPIRY_UNKNOWN, /* the certificate does not tell */
    P11D_EXPIRY_FAR,
    P11D_EXPIRY_NEAR,  /* within 30 days */
    P11D_EXPIRY_PAST,  /* expired */
    P11D_EXPIRY_EARLY, /* not valid yet */
} P11dExpiry;

/* All times are moments (moment.h), or P11D_MOMENT_UNKNOWN; now is one too. */
P11dExpiry p11d_expiry_of(gint64 not_before, gint64 not_after, gint64 now);

/* "until 2027-01-31", "expires in 12 days", "expired 2024-01-31", "not yet valid" or "". The
 * caller frees it. */
char *p11d_expiry_text(gint64 not_before, gint64 not_after, gint64 now);

#endif
