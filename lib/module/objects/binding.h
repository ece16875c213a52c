// SPDX-License-Identifier: MIT
/*
 * A binding tells which objects of a service's new run are the same as in its last run, so that
 * they keep their handles. Ids mean nothing across runs, so an object is recognised by class,
 * CKA_ID and public key (a certificate by its value too); what has no public key is never
 * recognised, because a handle must not come to mean a stranger's object.
 */
#ifndef P11D_BINDING_H
#define P11D_BINDING_H

#include "object.h"

/* An order in which objects with the same identity stand together, and with the same label within.
 */
int p11d_binding_compare(const P11dObject *a, const P11dObject *b);

/*
 * Makes peers of each of the fresh_count objects in fresh and the one that it is of the old_count
 * objects in old; the others keep none. Both are sorted by p11d_binding_compare. Where several are
 * alike the label decides, and where that does not either, none is bound.
 * Errors: CKR_HOST_MEMORY; nothing is bound then.
 */
CK_RV p11d_binding_make(P11dObject *const *old, size_t old_count, P11dObject *const *fresh,
                        size_t fresh_count);

/* True if an object that comes again under the same id in the same run still is the same one: of
 * the same class and, as far as both are known, with the same public key. */
bool p11d_binding_is_same(const P11dObject *a, const P11dObject *b);

#endif
