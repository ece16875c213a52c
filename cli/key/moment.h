// SPDX-License-Identifier: MIT
/*
 * A moment is a point in time in seconds since 1970, UTC, in 64 bits on every system: certificates
 * and lists of signers tell of times that a time_t of 32 bits does not hold (after 2038-01-19).
 * There is one for the years 1 to 9999.
 */
#ifndef P11D_MOMENT_H
#define P11D_MOMENT_H

#include <stdbool.h>

#include <glib.h>
#include <openssl/asn1.h>

/* A time that is not told. */
#define P11D_MOMENT_UNKNOWN G_MININT64

/* A date and the time of day, as people write them. */
typedef struct P11dCivil {
    int year, month, day;     /* month and day from 1 on */
    int hour, minute, second; /* second: up to 60 */
} P11dCivil;

/* The moment in UTC, or by the clock of this place without summer time. P11D_MOMENT_UNKNOWN if
 * there is no such date or time of day. */
gint64 p11d_moment_utc(const P11dCivil *civil);
gint64 p11d_moment_local(const P11dCivil *civil);

/* A UTCTime or GeneralizedTime (RFC 5280, section 4.1.2.5). P11D_MOMENT_UNKNOWN as above. */
gint64 p11d_moment_of_asn1(const ASN1_TIME *time);

gint64 p11d_moment_now(void);

/* What text says by RFC 3339, section 5.6, such as 2026-11-27T22:00:00Z; fractions of a second are
 * cut off. P11D_MOMENT_UNKNOWN if it is not that. */
gint64 p11d_moment_parse(const char *text);

/* In ISO 8601, "" for one that is not told. The caller frees it. */
char *p11d_moment_text(gint64 moment);

/* The same as X.509 has it; NULL if memory ran out, or it is not told. The caller frees it. */
ASN1_TIME *p11d_moment_asn1(gint64 moment);

#endif
