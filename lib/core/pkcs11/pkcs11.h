// SPDX-License-Identifier: MIT
/*
 * PKCS#11: the header that p11-kit installs (2.40 or 3.0) and, guarded, the numbers and structures
 * of 3.0, 3.1 and 3.2 that it lacks. Everything in the tree includes this file, never p11-kit's.
 * Numbers are macros and are asked for here; which types there are (P11D_HEADER_HAS_…) the compiler
 * is asked when the build is set up.
 */
#ifndef P11D_PKCS11_H
#define P11D_PKCS11_H

#include "pkcs11-functions.h"
#include "pkcs11-numbers.h"

#endif
