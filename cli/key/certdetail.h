// SPDX-License-Identifier: MIT
/*
 * A certdetail is what auditors want to know of an X.509 certificate besides what a certview holds:
 * how it is signed, whom it names, and what its key is for (RFC 5280, sections 4.1.1.2 and 4.2.1).
 */
#ifndef P11D_CERTDETAIL_H
#define P11D_CERTDETAIL_H

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

typedef struct P11dCertdetail {
    char *signature_algorithm;  /* OpenSSL's long name, or an OID */
    const char *signature_hash; /* "SHA256"; NULL: it has none, or it is not known */
    bool signature_is_weak;     /* that hash is MD5, SHA-1 or one of their time */
    char **names;               /* subjectAltName: "DNS:example.org", "email:…", "URI:…" */
    bool is_authority;          /* it may sign certificates */
    const char **key_usage;     /* "digitalSignature"; NULL: it does not say */
    char **extended_key_usage;  /* OpenSSL's short names or OIDs; NULL: it does not say */
} P11dCertdetail;

/* Parses DER, which may have padding behind it. False, with detail empty, if it is no certificate.
 */
bool p11d_certdetail_parse(P11dCertdetail *detail, const void *der, size_t size);

void p11d_certdetail_clear(P11dCertdetail *detail);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(P11dCertdetail, p11d_certdetail_clear)

#endif
