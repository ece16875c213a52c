// SPDX-License-Identifier: MIT
/*
 * A binding gives the objects of a service's new run the handles that the same objects had in its
 * last run. Ids mean nothing across runs, so an object is recognised by class, CKA_ID and public
 * key (a certificate by its value too); what has no public key is never recognised, because a
 * handle must not come to mean a stranger's object.
 */
#ifndef P11D_BINDING_H
#define P11D_BINDING_H

#include "object.h"

/*
 * Sets the handle of each of the fresh_count objects in fresh that is one of the old_count objects
 * in old; the others keep 0. Where several are alike the label decides, and where that does not
 * either, none is bound.
 * Errors: CKR_HOST_MEMORY; nothing is bound then.
 */
CK_RV p11d_binding_make(P11dObject *const *old, size_t old_count, P11dObject *const *fresh,
                        size_t fresh_count);

/* True if an object that comes again under the same id in the same run still is the same one: of
 * the same class and, as far as both are known, with the same public key. */
bool p11d_binding_is_same(const P11dObject *a, const P11dObject *b);

#endif
