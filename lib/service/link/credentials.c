// SPDX-License-Identifier: MIT
#include "credentials.h"

#include <stdlib.h>

void p11d_credentials_clear(P11dCredentials *credentials)
{
    free(credentials->groups);
    *credentials = (P11dCredentials){0};
}
