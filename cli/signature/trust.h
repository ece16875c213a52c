// SPDX-License-Identifier: MIT
/*
 * A trust is whom the user believes when a signature is checked: keys of which any counts,
 * authorities whose certificates count, or a list of allowed signers.
 */
#ifndef P11D_TRUST_H
#define P11D_TRUST_H

#include "certpurpose.h"
#include "finding.h"
#include "pubkey.h"
#include "target.h"

/* The kinds of trust; a format says which it can be checked by. */
enum {
    P11D_TRUST_KEY = 1 << 0,         /* --pubkey, --cert, -k */
    P11D_TRUST_AUTHORITIES = 1 << 1, /* --CAfile */
    P11D_TRUST_SIGNERS = 1 << 2,     /* --allowed-signers with -I */
};

typedef struct P11dTrust {
    unsigned kind;   /* one of the above */
    GPtrArray *keys; /* P11dPubkey, of P11D_TRUST_KEY: any of them; owned, as the names are */
    GError *trouble; /* with keys that stand with them and cannot be read; NULL: none */
    char *name;      /* what the user calls them: a path or the full URI */
    char *shown;     /* the same to people, who want the URI as they gave it */
    const char *authorities;        /* the file of P11D_TRUST_AUTHORITIES: PEM certificates */
    const char *const *crls;        /* files with CRLs for them, NULL-terminated; or NULL */
    const P11dCertPurpose *purpose; /* that those must serve whom authorities vouch for */
    const char *signers;            /* the file of P11D_TRUST_SIGNERS */
    const char *identity;           /* who must have signed; NULL: of those authorities, anyone */
    gint64 time;           /* a moment (moment.h) when what vouches for who signed must be valid */
    gboolean claimed_time; /* that is instead when who signed claims to have done so */
} P11dTrust;

/* Trusts the keys in the file at path (pubfile.h). FALSE with error set. */
gboolean p11d_trust_file(P11dTrust *trust, const char *path, GError **error);

/* Trusts the public key of the one item on a token that target names. FALSE with error set. */
gboolean p11d_trust_target(P11dTrust *trust, const P11dTarget *target, const P11dOptions *options,
                           GError **error);

/* Trusts the key of the certificate on a token that named is (certname.h). FALSE with error set. */
gboolean p11d_trust_certificate(P11dTrust *trust, const char *named, const P11dOptions *options,
                                GError **error);

/* Asked where none of the keys made a signature: FALSE with error set if one that could not be read
 * may have. */
gboolean p11d_trust_is_whole(const P11dTrust *trust, GError **error);

/* The same, and says in finding, of several keys, that it was none of them. */
gboolean p11d_trust_conclude(const P11dTrust *trust, P11dFinding *finding, GError **error);

void p11d_trust_clear(P11dTrust *trust);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(P11dTrust, p11d_trust_clear)

#endif
