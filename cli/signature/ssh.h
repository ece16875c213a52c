// SPDX-License-Identifier: MIT
/*
 * The format "ssh": signatures that are an SSHSIG (sshsig.h). They can be checked by a key, or by a
 * list of allowed signers (allowedsigners.h). The functions are those of a P11dFormat (format.h).
 */
#ifndef P11D_SSH_H
#define P11D_SSH_H

#include "format.h"

const char *p11d_ssh_usual_algorithm(const P11dAlgorithmKey *key);

/* Sets the public key and the namespace of signing where they are missing. SSH signs with RSA of
 * 1024 bits or more, P-256, P-384, P-521 and Ed25519, by one algorithm each but for RSA. */
gboolean p11d_ssh_prepare(P11dSigning *signing, const P11dHost *host, GError **error);

GBytes *p11d_ssh_sign(const P11dSigning *signing, P11dInput *input, GError **error);

/* A signature by a key that OpenSSH can check but we cannot is an error. */
gboolean p11d_ssh_verify(const P11dClaim *claim, const P11dTrust *trust, P11dFinding *finding,
                         GError **error);

#endif
