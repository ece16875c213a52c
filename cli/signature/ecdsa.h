// SPDX-License-Identifier: MIT
/*
 * An ECDSA signature is two numbers, r and s. "der" is the SEQUENCE of both that X.509 and openssl
 * use (RFC 3279, section 2.2.3); "raw" is one after the other, each as long as the order of the
 * curve, as PKCS#11 has it (3.1, section 6.3.1).
 */
#ifndef P11D_ECDSA_H
#define P11D_ECDSA_H

#include <stdbool.h>

#include <glib.h>

typedef enum P11dEcdsaForm {
    P11D_ECDSA_DER,
    P11D_ECDSA_RAW,
    P11D_ECDSA_UNKNOWN,
} P11dEcdsaForm;

/* DER of r and s, which are half of raw each. NULL if raw is empty, of odd length or longer than
 * any curve makes it. */
GBytes *p11d_ecdsa_der_of_raw(GBytes *raw);

/* How long the DER is with which bytes begin, as its own header says; 0: that says no such thing.
 */
size_t p11d_ecdsa_der_size(GBytes *bytes);

/* True if the bytes are exactly one DER signature whose r and s fit into coordinate bytes. */
bool p11d_ecdsa_is_der(GBytes *signature, size_t coordinate);

#endif
