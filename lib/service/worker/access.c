// SPDX-License-Identifier: MIT
#include "access.h"

CK_RV p11d_access_check(const P11dClient *client, P11dRight right, uint64_t object)
{
    (void)client;
    (void)right;
    (void)object;
    return CKR_OK;
}
