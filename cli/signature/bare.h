// SPDX-License-Identifier: MIT
/*
 * A bare signature is what the private key made and nothing else: formats "der" and "raw", which
 * differ for ECDSA only (ecdsa.h).
 */
#ifndef P11D_BARE_H
#define P11D_BARE_H

#include "format.h"

/* For the rows of format.c; what they do and give is said in format.h. */
GBytes *p11d_bare_sign_der(const P11dSigning *signing, P11dInput *input, GError **error);
GBytes *p11d_bare_sign_raw(const P11dSigning *signing, P11dInput *input, GError **error);
bool p11d_bare_recognise(GBytes *signature);
gboolean p11d_bare_verify(const P11dClaim *claim, const P11dTrust *trust, P11dFinding *finding,
                          GError **error);

#endif
