// SPDX-License-Identifier: MIT
/*
 * An encoding is how an ECDSA signature is written down: "der" is the SEQUENCE of r and s that
 * X.509 and openssl use, "raw" is r and s one after the other, each as long as the order of the
 * curve, as PKCS#11 has it. Signatures of other algorithms are the same bytes in both.
 */
#ifndef P11D_ENCODING_H
#define P11D_ENCODING_H

#include <stdbool.h>

#include <glib.h>

typedef enum P11dEncoding {
    P11D_ENCODING_DER,
    P11D_ENCODING_RAW,
    P11D_ENCODING_UNKNOWN,
} P11dEncoding;

const char *p11d_encoding_name(P11dEncoding encoding);
/* "der" or "raw"; P11D_ENCODING_UNKNOWN for anything else. */
P11dEncoding p11d_encoding_parse_name(const char *name);

/* DER of r and s, which are half of raw each. NULL if raw is empty or of odd length. */
GBytes *p11d_encoding_der_of_raw(GBytes *raw);

/* True if the bytes are exactly one DER signature whose r and s fit into coordinate bytes. */
bool p11d_encoding_is_der(GBytes *signature, size_t coordinate);

#endif
