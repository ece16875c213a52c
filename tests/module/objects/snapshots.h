// SPDX-License-Identifier: MIT
/* What tests of snapshots share: replies applied to one, short questions to it, chance. */
#ifndef P11D_TEST_SNAPSHOTS_H
#define P11D_TEST_SNAPSHOTS_H

#include "snapshot.h"
#include "wire.h"

/* The handle that was given last. */
extern CK_OBJECT_HANDLE snapshots_last;

/* Applies the reply in wire, and clears wire. */
CK_RV snapshots_apply(P11dSnapshot *snapshot, Wire *wire);

/* The handle of the object with that id of the service's; 0: it is not there. */
CK_OBJECT_HANDLE snapshots_handle(const P11dSnapshot *snapshot, uint64_t id);

/* How many objects a search for the label finds. */
size_t snapshots_count(const P11dSnapshot *snapshot, const char *label);

/* A number below limit; the same ones in each run. */
unsigned snapshots_random(unsigned limit);

#endif
