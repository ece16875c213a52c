// SPDX-License-Identifier: MIT
/*
 * A purpose is what a stream is for: one row each, with its name on D-Bus (org.p11dbus.xml,
 * BeginStream) and the right that a caller needs for it.
 */
#ifndef P11D_PURPOSE_H
#define P11D_PURPOSE_H

#include "interface.h"

typedef enum P11dPurpose {
    P11D_PURPOSE_ENCRYPT,
    P11D_PURPOSE_DECRYPT,
    P11D_PURPOSE_SIGN,
    P11D_PURPOSE_VERIFY,
    P11D_PURPOSE_SIGN_RECOVER,
    P11D_PURPOSE_VERIFY_RECOVER,
    P11D_PURPOSE_DIGEST,
    P11D_PURPOSE_COUNT,
} P11dPurpose;

/* Its name, never NULL. */
const char *p11d_purpose_name(P11dPurpose purpose);
/* The purpose of that name, compared exactly. False: there is none. */
bool p11d_purpose_parse(const char *name, P11dPurpose *purpose);
/* The right that it needs, never P11D_RIGHT_PURPOSE. */
P11dRight p11d_purpose_right(P11dPurpose purpose);

#endif
