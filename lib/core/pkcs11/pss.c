// SPDX-License-Identifier: MIT
#include "pss.h"

#include <string.h>

#include "der.h"

/* RFC 4055, section 3.1: what is not said. */
#define SALT_DEFAULT 20
#define TRAILER_DEFAULT 1
/* More than any key has room for, in bytes of the number. */
#define NUMBER_MAX 4

#define CONTEXT(n) (uint8_t)(P11D_DER_CONTEXT_0 + (n))
#define PKCS1_OID 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01

const char p11d_pss_unknown[] =
    "it is bound to parameters of RSA-PSS that are not supported, or damaged";

static bool take_oid(P11dBytes *left, const uint8_t *oid, size_t size)
{
    P11dBytes content;
    return p11d_der_take(left, P11D_DER_OID, &content, NULL) &&
           p11d_der_equal(content, p11d_der(oid, size));
}

/* The AlgorithmIdentifier of a hash, all of left. NULL: of one that has no row. */
static const P11dHash *take_hash(P11dBytes left)
{
    P11dBytes identifier, oid;
    if (!p11d_der_take(&left, P11D_DER_SEQUENCE, &identifier, NULL) || left.size > 0 ||
        !p11d_der_take(&identifier, P11D_DER_OID, &oid, NULL))
        return NULL;
    return p11d_hash_of_oid(oid.data, oid.size);
}

/* The AlgorithmIdentifier of a mask generation, all of left. NULL: not MGF1 with a hash of a row.
 */
static const P11dHash *take_mgf(P11dBytes left)
{
    static const uint8_t mgf1[] = {PKCS1_OID, 0x08};
    P11dBytes identifier;
    if (!p11d_der_take(&left, P11D_DER_SEQUENCE, &identifier, NULL) || left.size > 0 ||
        !take_oid(&identifier, mgf1, sizeof mgf1))
        return NULL;
    return take_hash(identifier);
}

/* An INTEGER, all of left. */
static bool take_number(P11dBytes left, CK_ULONG *number)
{
    P11dBytes magnitude;
    if (!p11d_der_take_unsigned(&left, &magnitude) || left.size > 0 || magnitude.size > NUMBER_MAX)
        return false;
    *number = 0;
    for (size_t i = 0; i < magnitude.size; i++)
        *number = *number << 8 | magnitude.data[i];
    return true;
}

/* RSASSA-PSS-params (RFC 4055, section 3.1), all of left. */
static bool read_parameters(P11dPss *pss, P11dBytes left)
{
    P11dBytes content, field;
    CK_ULONG trailer = TRAILER_DEFAULT;
    if (!p11d_der_take(&left, P11D_DER_SEQUENCE, &content, NULL) || left.size > 0)
        return false;
    pss->hash = pss->mgf = p11d_hash_of_mechanism(CKM_SHA_1);
    pss->salt = SALT_DEFAULT;
    if (p11d_der_take(&content, CONTEXT(0), &field, NULL))
        pss->hash = take_hash(field);
    if (p11d_der_take(&content, CONTEXT(1), &field, NULL))
        pss->mgf = take_mgf(field);
    if (p11d_der_take(&content, CONTEXT(2), &field, NULL) && !take_number(field, &pss->salt))
        return false;
    if (p11d_der_take(&content, CONTEXT(3), &field, NULL) && !take_number(field, &trailer))
        return false;
    return content.size == 0 && trailer == TRAILER_DEFAULT && pss->hash && pss->mgf &&
           pss->mgf->mgf != CK_UNAVAILABLE_INFORMATION;
}

bool p11d_pss_read(P11dPss *pss, const void *info, size_t size)
{
    static const uint8_t algorithm[] = {PKCS1_OID, 0x0a};
    P11dBytes left = p11d_der(info, size);
    P11dBytes body, identifier;
    *pss = (P11dPss){0};
    if (!p11d_der_take(&left, P11D_DER_SEQUENCE, &body, NULL) ||
        !p11d_der_take(&body, P11D_DER_SEQUENCE, &identifier, NULL) ||
        !take_oid(&identifier, algorithm, sizeof algorithm))
        return true;
    pss->only = true;
    pss->bound = identifier.size > 0;
    return !pss->bound || read_parameters(pss, identifier);
}

bool p11d_pss_allows(const P11dPss *pss, const P11dMechanism *row)
{
    if (!pss->only)
        return true;
    return row->shape == &p11d_parameters_pss &&
           (!pss->bound || row->hash == P11D_MECHANISM_NONE || row->hash == pss->hash->mechanism);
}

CK_RV p11d_pss_check(const P11dPss *pss, const CK_MECHANISM *mechanism)
{
    CK_RSA_PKCS_PSS_PARAMS asked;
    const P11dMechanism *row = p11d_mechanism_find(mechanism->mechanism);
    if (!pss->only)
        return CKR_OK;
    if (!row || !p11d_pss_allows(pss, row))
        return CKR_MECHANISM_INVALID;
    if (!mechanism->pParameter || mechanism->ulParameterLen != sizeof asked)
        return CKR_MECHANISM_PARAM_INVALID;
    memcpy(&asked, mechanism->pParameter, sizeof asked);
    bool fits = !pss->bound || (asked.hashAlg == pss->hash->mechanism &&
                                asked.mgf == pss->mgf->mgf && asked.sLen >= pss->salt);
    return fits ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}
