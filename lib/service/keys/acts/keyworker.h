// SPDX-License-Identifier: MIT
/*
 * A key worker is the kind of worker (worker.h) that serves a key directory, with libcrypto.
 */
#ifndef P11D_KEYWORKER_H
#define P11D_KEYWORKER_H

#include "worker.h"

extern const P11dWorkerKind p11d_keyworker;

#endif
