// SPDX-License-Identifier: MIT
/*
 * A CMS signature (RFC 5652, SignedData) names its signers by their certificates, which it holds,
 * and may hold what is signed as well: format "cms".
 */
#ifndef P11D_CMS_H
#define P11D_CMS_H

#include "format.h"

/* For the row of format.c; what they do and give is said in format.h. */
gboolean p11d_cms_prepare(P11dSigning *signing, const P11dHost *host, GError **error);
GBytes *p11d_cms_sign(const P11dSigning *signing, P11dInput *input, GError **error);
bool p11d_cms_recognise(GBytes *signature);
gboolean p11d_cms_verify(const P11dClaim *claim, const P11dTrust *trust, P11dFinding *finding,
                         GError **error);

#endif
