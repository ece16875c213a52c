// SPDX-License-Identifier: MIT
#include "capsule.h"

#include <string.h>

#include "change.h"
#include "curve.h"
#include "listing.h"

/* How long the ciphertext is: that of ECDH is a public key like the one that it is for. 0: nobody
 * knows. */
static CK_ULONG size_of(const P11dObject *key, const CK_MECHANISM *mechanism)
{
    const P11dMechanism *row = p11d_mechanism_find(mechanism->mechanism);
    const CK_ATTRIBUTE *point = key ? p11d_object_attribute(key, CKA_EC_POINT) : NULL;
    if (!point || !row || row->shape != &p11d_parameters_ecdh1)
        return 0;
    return p11d_curve_unwrap(CK_UNAVAILABLE_INFORMATION, NULL,
                             p11d_der(point->pValue, point->ulValueLen))
        .size;
}

/* Gives the host what came, or takes the key back for which it has no room. */
static CK_RV give(P11dInstance *instance, const P11dMaking *making, const P11dBuffer *output,
                  CK_BYTE *ciphertext, CK_ULONG *size)
{
    const CK_ULONG room = *size;
    *size = output->size;
    if (ciphertext && room >= output->size) {
        if (output->size > 0)
            memcpy(ciphertext, output->data, output->size);
        return CKR_OK;
    }
    p11d_change_destroy(instance, making->session, *making->objects[0].made);
    *making->objects[0].made = CK_INVALID_HANDLE;
    return ciphertext ? CKR_BUFFER_TOO_SMALL : CKR_OK;
}

CK_RV p11d_capsule_make(P11dInstance *instance, const P11dMaking *making, CK_BYTE *ciphertext,
                        CK_ULONG *size)
{
    P11dBuffer output;
    P11dMaking whole = *making;
    const P11dSession *session = p11d_session_find(instance, making->session);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    if (!size || !making->mechanism)
        return CKR_ARGUMENTS_BAD;
    const CK_ULONG due =
        size_of(p11d_listing_find(session->token, making->from), making->mechanism);
    if (due > 0 && (!ciphertext || *size < due)) {
        *size = due;
        return ciphertext ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    }
    p11d_buffer_init(&output, P11D_INTERFACE_DATA_MAX);
    whole.output = &output;
    CK_RV rv = p11d_making_perform(instance, &p11d_making_encapsulated, &whole);
    if (rv == CKR_OK)
        rv = give(instance, making, &output, ciphertext, size);
    p11d_buffer_clear(&output);
    return rv;
}
