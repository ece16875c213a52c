// SPDX-License-Identifier: MIT
/*
 * A cmsmessage is a signed CMS message (RFC 5652, section 5) that OpenSSL has taken apart: what it
 * holds, and who has signed it.
 */
#ifndef P11D_CMSMESSAGE_H
#define P11D_CMSMESSAGE_H

#include <openssl/cms.h>

#include "certfile.h"
#include "cmssigner.h"

typedef struct P11dCmsmessage {
    CMS_ContentInfo *info;
    P11dCertificates *certificates; /* in it */
    GBytes *inside;                 /* the content in it, or NULL */
    P11dCmssigner *signers;
    X509 **named; /* the certificate of each signer, borrowed; NULL: it is nowhere */
    int count;    /* of both */
} P11dCmsmessage;

/* Takes bytes apart. False if they are no such message, or none that anybody would make who means
 * well. message is empty before, and to be cleared in any case. */
bool p11d_cmsmessage_parse(P11dCmsmessage *message, GBytes *bytes);

/* Finds out who has signed and how; others: more certificates, which outlive message, or NULL.
 * FALSE with error set for algorithms that are not known here, or are too weak. */
gboolean p11d_cmsmessage_read_signers(P11dCmsmessage *message, const P11dCertificates *others,
                                      GError **error);

/* What to call signer i: "CN=web", or what is said of one without a certificate. The caller frees
 * it. */
char *p11d_cmsmessage_name(const P11dCmsmessage *message, int i);

void p11d_cmsmessage_clear(P11dCmsmessage *message);

#endif
