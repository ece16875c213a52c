// SPDX-License-Identifier: MIT
/*
 * A derivation is what follows from the attributes that a service sent of one object: class and key
 * type, the parts of a public key from its SubjectPublicKeyInfo and the reverse, the parts of a
 * certificate from its value, the id from the key, the past of a key from its present.
 */
#ifndef P11D_DERIVATION_H
#define P11D_DERIVATION_H

#include "object.h"

/*
 * Adds to object->attributes, which hold what was sent, and fills in the members that say what kind
 * of object it is. Errors: CKR_HOST_MEMORY; CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT,
 * CKR_ATTRIBUTE_VALUE_INVALID where the attributes make no object.
 */
CK_RV p11d_derivation_make(P11dObject *object);

#endif
