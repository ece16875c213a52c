// SPDX-License-Identifier: MIT
/* What the test of the loader and its modules share: the module's symbol loader_module. */
#ifndef P11D_TEST_LOADER_MODULE_H
#define P11D_TEST_LOADER_MODULE_H

#include <stdbool.h>

#include "pkcs11.h"

#define VARIANT_GOOD 0
#define VARIANT_VERSION_3 1
#define VARIANT_VERSION_1 2
#define VARIANT_NULL 3
#define VARIANT_FAILS 4
#define VARIANT_HOLES 5

typedef struct LoaderModule {
    bool refuses; /* set by the test: C_Initialize fails */
    bool initialized;
    unsigned initializations;
    CK_FLAGS flags; /* of the last C_Initialize */
    const char *reserved;
    unsigned *clock; /* set by the test */
    unsigned finalized_at;
} LoaderModule;

extern LoaderModule loader_module;

#endif
