// SPDX-License-Identifier: MIT
/*
 * A certview is what people and programs want to see of an X.509 certificate.
 */
#ifndef P11D_CERTVIEW_H
#define P11D_CERTVIEW_H

#include <stdbool.h>
#include <stddef.h>

typedef struct P11dCertview {
    char *subject; /* RFC 2253, UTF-8, not escaped for a terminal */
    char *issuer;
    char *not_after; /* ISO 8601, UTC */
    char *sha256;    /* of the DER, in hex */
    char *pem;
} P11dCertview;

/* Parses DER. False, with view empty, if it is no certificate. */
bool p11d_certview_parse(P11dCertview *view, const void *der, size_t size);

void p11d_certview_clear(P11dCertview *view);

#endif
