// SPDX-License-Identifier: MIT
/*
 * A key standing is what of a key directory changes while its token is there, and its properties
 * tell.
 */
#ifndef P11D_KEYSTANDING_H
#define P11D_KEYSTANDING_H

#include <stdbool.h>

#include "pkcs11.h"

typedef struct P11dKeyStanding {
    char label[sizeof((CK_TOKEN_INFO *)NULL)->label + 1]; /* "": that of the directory */
    bool needs_login;                                     /* there is a PIN */
    bool writable;                                        /* clients may make objects */
} P11dKeyStanding;

#endif
