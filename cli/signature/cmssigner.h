// SPDX-License-Identifier: MIT
/*
 * A cmssigner is one signer of a CMS message (SignerInfo, RFC 5652, section 5.3): with which
 * algorithm and over what it has signed.
 */
#ifndef P11D_CMSSIGNER_H
#define P11D_CMSSIGNER_H

#include <openssl/cms.h>

#include "algorithm.h"
#include "finding.h"
#include "moment.h"

typedef struct P11dCmssigner {
    CMS_SignerInfo *info; /* borrowed */
    const char *family;   /* of the algorithm: "rsa", "ed25519" … */
    const P11dHash *hash; /* of what is signed; NULL: the content itself is (EdDSA) */
    const char *mgf;      /* RSA-PSS: OpenSSL's name of the hash in MGF1 */
    GBytes *attributes;   /* DER of what is signed in place of the content (section 5.4), or NULL */
} P11dCmssigner;

/* The hash with OpenSSL's number, if it is strong enough for CMS: here the signature says which
 * hash it is about, so SHA-1, for which two contents with the same hash can be made, does not
 * count. NULL with error set (unsupported). */
const P11dHash *p11d_cmssigner_hash(int nid, GError **error);

/* Reads info. FALSE with error set for algorithms that are not known here, or are too weak. */
gboolean p11d_cmssigner_init(P11dCmssigner *signer, CMS_SignerInfo *info, GError **error);
void p11d_cmssigner_clear(P11dCmssigner *signer);

/* The DER of its signed attributes as it has to be signed, or NULL if it has none. */
GBytes *p11d_cmssigner_attributes(CMS_SignerInfo *info);

/* When it claims, among its signed attributes, to have signed (section 11.3); P11D_MOMENT_UNKNOWN
 * if it does not, or not in one way. */
gint64 p11d_cmssigner_time(const P11dCmssigner *signer);

/*
 * Checks the signature by key. content: the digest of the content by hash; where hash is NULL, the
 * content itself. type: of the content. Sets verdict, why and algorithm of finding, the last two
 * unless they are set. FALSE with error set if it could not be found out.
 */
gboolean p11d_cmssigner_check(const P11dCmssigner *signer, EVP_PKEY *key, GBytes *content,
                              const ASN1_OBJECT *type, P11dFinding *finding, GError **error);

#endif
