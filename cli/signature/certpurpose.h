// SPDX-License-Identifier: MIT
/*
 * A purpose is what somebody must be meant to sign whose signature counts (--purpose): mail, code,
 * or anything. Certificates say by their extensions what their keys are for.
 */
#ifndef P11D_CERTPURPOSE_H
#define P11D_CERTPURPOSE_H

#include <stdbool.h>

#include "certfile.h"

typedef struct P11dCertPurpose P11dCertPurpose;

/* The choices as a help text shows them. */
#define P11D_CERTPURPOSE_NAMES "email|code|any"

/* The purpose of that name; NULL: the one where none is named, which is to sign mail, code or
 * documents. NULL with error set to a usage error. */
const P11dCertPurpose *p11d_certpurpose_find(const char *name, GError **error);

/*
 * Why certificate does not serve purpose; NULL if it does. The caller frees the text.
 * Where there is an extendedKeyUsage (RFC 5280, section 4.2.1.12), what purpose needs or
 * anyExtendedKeyUsage must be in it, for those who have issued a certificate too; where there is a
 * keyUsage (section 4.2.1.3), signatures must be in that of who signs.
 */
char *p11d_certpurpose_object(const P11dCertPurpose *purpose, X509 *certificate, bool signs);

/*
 * Why not all of chain, from who signs up to the authority, serves purpose; NULL if it does. The
 * caller frees the text. Where purpose is one of several, it must be the same for all of them.
 * authority: the last of chain as the user has it, who may have it trusted for some purposes alone,
 * or not for others (openssl x509 -addtrust, -addreject).
 */
char *p11d_certpurpose_object_to_chain(const P11dCertPurpose *purpose,
                                       const P11dCertificates *chain, X509 *authority);

#endif
