// SPDX-License-Identifier: MIT
/*
 * A certview is what people and programs want to see of an X.509 certificate (RFC 5280, section
 * 4.1). Its signature is not looked at.
 */
#ifndef P11D_CERTVIEW_H
#define P11D_CERTVIEW_H

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>
#include <openssl/x509.h>

#include "algorithm.h"
#include "moment.h"

typedef struct P11dCertview {
    char *subject; /* RFC 2253, UTF-8, not escaped for a terminal */
    char *issuer;
    char *serial;      /* the serial number in hex, without the zero byte of a sign */
    gint64 not_before; /* moments; P11D_MOMENT_UNKNOWN: not told */
    gint64 not_after;
} P11dCertview;

/* Parses DER. False, with view empty, if it is no certificate. */
bool p11d_certview_parse(P11dCertview *view, const void *der, size_t size);

void p11d_certview_clear(P11dCertview *view);

/* A name as it stands in a view; and with all that is not ASCII escaped. The caller frees them. */
char *p11d_certview_name(const X509_NAME *name);
char *p11d_certview_escaped_name(const X509_NAME *name);

/* What OpenSSL wrote to bio, which is freed (NULL: nothing), as valid UTF-8. The caller frees it.
 */
char *p11d_certview_take_text(BIO *bio);

/* The kind of key that the certificate in DER is for, as p11d_spki_describe says it. */
P11dAlgorithmKey p11d_certview_describe_key(const void *der, size_t size);

/* True if DER is a certificate, and not one of an authority (RFC 5280, section 4.2.1.9). */
bool p11d_certview_is_leaf(const void *der, size_t size);

/* The SHA-256 in hex of the first element of DER, which may have padding behind it, as certificates
 * on cards do; and DER as PEM. The caller frees them. */
char *p11d_certview_sha256(const void *der, size_t size);
char *p11d_certview_pem(const void *der, size_t size);

#endif
