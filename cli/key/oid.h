// SPDX-License-Identifier: MIT
/*
 * An oid is the content of an OBJECT IDENTIFIER (X.690, section 8.19). It is compared with those
 * that OpenSSL has built in. To ask OpenSSL which one it is would make it read its configuration
 * first, which takes longer than all else that a short list does.
 */
#ifndef P11D_OID_H
#define P11D_OID_H

#include "der.h"

/* True if it is the one with that number of OpenSSL's (NID_…). */
bool p11d_oid_is(P11dBytes oid, int nid);

#endif
