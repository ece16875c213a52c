// SPDX-License-Identifier: MIT
#include "purpose.h"

#include <string.h>

static const struct {
    const char *name;
    P11dRight right;
} purposes[P11D_PURPOSE_COUNT] = {
    [P11D_PURPOSE_ENCRYPT] = {"encrypt", P11D_RIGHT_DECRYPT},
    [P11D_PURPOSE_DECRYPT] = {"decrypt", P11D_RIGHT_DECRYPT},
    [P11D_PURPOSE_SIGN] = {"sign", P11D_RIGHT_SIGN},
    [P11D_PURPOSE_VERIFY] = {"verify", P11D_RIGHT_SIGN},
    [P11D_PURPOSE_SIGN_RECOVER] = {"sign-recover", P11D_RIGHT_SIGN},
    [P11D_PURPOSE_VERIFY_RECOVER] = {"verify-recover", P11D_RIGHT_SIGN},
    [P11D_PURPOSE_DIGEST] = {"digest", P11D_RIGHT_SEE},
};

const char *p11d_purpose_name(P11dPurpose purpose)
{
    return purposes[purpose].name;
}

bool p11d_purpose_parse(const char *name, P11dPurpose *purpose)
{
    for (unsigned i = 0; i < P11D_PURPOSE_COUNT; i++) {
        if (strcmp(purposes[i].name, name) == 0) {
            *purpose = (P11dPurpose)i;
            return true;
        }
    }
    return false;
}

P11dRight p11d_purpose_right(P11dPurpose purpose)
{
    return purposes[purpose].right;
}
