// SPDX-License-Identifier: MIT
/*
 * Hashing is C_DigestInit to C_DigestFinal (PKCS#11 3.1, section 5.10), done in this process: no
 * service is asked.
 */
#ifndef P11D_HASHING_H
#define P11D_HASHING_H

#include "session.h"

CK_RV p11d_hashing_begin(P11dInstance *instance, CK_SESSION_HANDLE session,
                         const CK_MECHANISM *mechanism);
CK_RV p11d_hashing_whole(P11dInstance *instance, CK_SESSION_HANDLE session, const CK_BYTE *data,
                         CK_ULONG size, CK_BYTE *digest, CK_ULONG *digest_size);
CK_RV p11d_hashing_update(P11dInstance *instance, CK_SESSION_HANDLE session, const CK_BYTE *data,
                          CK_ULONG size);
CK_RV p11d_hashing_final(P11dInstance *instance, CK_SESSION_HANDLE session, CK_BYTE *digest,
                         CK_ULONG *digest_size);

#endif
