// SPDX-License-Identifier: MIT
/*
 * A derivation is what follows from the attributes that a service sent of one object: class and key
 * type, the parts of a public key from its SubjectPublicKeyInfo and the reverse, the parts of a
 * certificate from its value, the id from the key, the past of a key from its present.
 */
#ifndef P11D_DERIVATION_H
#define P11D_DERIVATION_H

#include "template.h"

/* What kind of object it is. */
typedef struct P11dDerived {
    CK_OBJECT_CLASS object_class;
    unsigned class_bit;      /* P11D_CLASS_ of it */
    CK_KEY_TYPE key_type;    /* of a certificate: that of its key; CK_UNAVAILABLE_INFORMATION if
                              * there is none or it is not known */
    CK_ULONG signature_size; /* bytes of a signature by this key; 0: not known */
    bool has_public_key;     /* public-key-info is known, so also what it lacks */
} P11dDerived;

/*
 * Adds to attributes, which hold what was sent, and fills derived in. Errors: CKR_HOST_MEMORY;
 * CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID where the
 * attributes make no object.
 */
CK_RV p11d_derivation_make(P11dTemplate *attributes, P11dDerived *derived);

#endif
