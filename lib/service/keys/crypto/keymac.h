// SPDX-License-Identifier: MIT
/*
 * Key MAC is what served secret keys do with messages: authenticate them (HMAC with every hash that
 * OpenSSL has), and check that. Which mechanisms there are follows from the core's table.
 */
#ifndef P11D_KEYMAC_H
#define P11D_KEYMAC_H

#include "buffer.h"
#include "bytes.h"
#include "servedkey.h"

/* True if it is computed here. smallest and largest: key sizes as in CK_MECHANISM_INFO. */
bool p11d_keymac_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest);

/* Begins the MAC of what is fed to *context, which the caller frees; EVP_MAC_CTX_get_mac_size is
 * its size in bytes. Errors: CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
 * CKR_KEY_TYPE_INCONSISTENT, CKR_HOST_MEMORY, CKR_FUNCTION_FAILED; *context is NULL then. */
CK_RV p11d_keymac_begin(const P11dServedKey *key, const P11dParameters *parameters,
                        EVP_MAC_CTX **context);
/* Appends the MAC of what was fed. */
CK_RV p11d_keymac_finish(EVP_MAC_CTX *context, P11dBuffer *output);
/* Whether it is mac. Errors: CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE. */
CK_RV p11d_keymac_compare(EVP_MAC_CTX *context, P11dBytes mac);

/* All of that for bytes[0], as p11d_keysign_sign and p11d_keysign_verify do it. */
CK_RV p11d_keymac_sign(P11dServedKey *key, const P11dParameters *parameters, const P11dBytes *bytes,
                       P11dBuffer *output);
CK_RV p11d_keymac_verify(P11dServedKey *key, const P11dParameters *parameters,
                         const P11dBytes *bytes, P11dBuffer *output);

#endif
