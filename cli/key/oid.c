// SPDX-License-Identifier: MIT
#include "oid.h"

#include <openssl/objects.h>

bool p11d_oid_is(P11dBytes oid, int nid)
{
    const ASN1_OBJECT *object = OBJ_nid2obj(nid);
    return object && p11d_der_equal(oid, p11d_der(OBJ_get0_data(object), OBJ_length(object)));
}
