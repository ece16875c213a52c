// SPDX-License-Identifier: MIT
/* A capsule is a secret key made for the owner of a public one, and what that owner gets it from.
 */
#ifndef P11D_CAPSULE_H
#define P11D_CAPSULE_H

#include "making.h"

/*
 * C_EncapsulateKey (PKCS#11 3.2, section 5.18.6). ciphertext NULL: how large is it, *size in bytes?
 * That is known without the service for ECDH, and makes no key. Waits. Errors: those of
 * p11d_making_perform, CKR_BUFFER_TOO_SMALL.
 */
CK_RV p11d_capsule_make(P11dInstance *instance, const P11dMaking *making, CK_BYTE *ciphertext,
                        CK_ULONG *size);

#endif
