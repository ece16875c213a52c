// SPDX-License-Identifier: MIT
/*
 * A counterpart is what lies beside a private key on its token and belongs to it: the public key
 * and certificates with the same CKA_ID (PKCS#11 3.1, section 4.8).
 */
#ifndef P11D_COUNTERPART_H
#define P11D_COUNTERPART_H

#include "groups.h"
#include "item.h"

/*
 * The public half of key: as the private key itself tells it, else of the public key, else of the
 * certificate with its CKA_ID; where several have that, of the one of its kind and label. The
 * caller frees it. NULL with error set if the token does not tell it.
 */
EVP_PKEY *p11d_counterpart_public_key(const P11dItem *key, GError **error);

/* Those of items, of one token, that can tell the public half of a key, by their CKA_ID. They are
 * borrowed; the caller frees what is returned. */
P11dGroups *p11d_counterpart_index(const GPtrArray *items);

/* The public half of key as what is in index tells it, by the same rules; NULL if it does not, or
 * does not agree. The caller frees it. */
EVP_PKEY *p11d_counterpart_among(const P11dItem *key, const P11dGroups *index);

/* What kind of key key is: what it tells of itself, and where it does not tell its curve, what its
 * public half does. */
P11dAlgorithmKey p11d_counterpart_describe(const P11dItem *key);

/* Adds the certificates with the CKA_ID of key to items (p11d_item_array). A key without CKA_ID has
 * none. FALSE with error set if the token cannot be searched. */
gboolean p11d_counterpart_certificates(const P11dItem *key, GPtrArray *items, GError **error);

#endif
