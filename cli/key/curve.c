// SPDX-License-Identifier: MIT
#include "curve.h"

#include <string.h>

#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/objects.h>

#include "oid.h"

/* The curves of nearly all keys. OpenSSL knows more, but has to be started to tell. */
static const struct {
    P11dCurve curve;
    const char *printable; /* or NULL */
} known[] = {
    {{NID_X9_62_prime256v1, "P-256", 256, 32}, NULL},
    {{NID_secp384r1, "P-384", 384, 48}, NULL},
    {{NID_secp521r1, "P-521", 521, 66}, NULL},
    {{NID_secp256k1, "secp256k1", 256, 32}, NULL},
    {{NID_ED25519, "Ed25519", 255, 32}, "edwards25519"},
    {{NID_ED448, "Ed448", 448, 57}, "edwards448"},
};
static const size_t known_count = sizeof known / sizeof known[0];

bool p11d_curve_of_nid(P11dCurve *curve, int nid)
{
    for (size_t i = 0; i < known_count; i++)
        if (known[i].curve.nid == nid) {
            *curve = known[i].curve;
            return true;
        }
    EC_GROUP *group = EC_GROUP_new_by_curve_name(nid);
    if (!group)
        return false;
    const char *nist = EC_curve_nid2nist(nid);
    curve->nid = nid;
    curve->name = nist ? nist : OBJ_nid2sn(nid);
    curve->bits = (unsigned)EC_GROUP_get_degree(group);
    curve->coordinate = ((size_t)EC_GROUP_order_bits(group) + 7) / 8;
    EC_GROUP_free(group);
    return true;
}

static bool is_printable(P11dDer text, const char *printable)
{
    return printable && p11d_der_equal(text, p11d_der(printable, strlen(printable)));
}

/* One that is in no row. */
static bool ask_openssl(P11dCurve *curve, const void *params, size_t size)
{
    const unsigned char *p = params;
    ASN1_OBJECT *object = d2i_ASN1_OBJECT(NULL, &p, (long)size);
    int nid = object ? OBJ_obj2nid(object) : NID_undef;
    ASN1_OBJECT_free(object);
    return nid != NID_undef && p11d_curve_of_nid(curve, nid);
}

bool p11d_curve_parse(P11dCurve *curve, const void *params, size_t size)
{
    P11dDer left = p11d_der(params, size);
    P11dDer content;
    bool is_oid = p11d_der_take(&left, P11D_DER_OID, &content, NULL);
    if (size > 1024 ||
        (!is_oid && !p11d_der_take(&left, P11D_DER_PRINTABLE_STRING, &content, NULL)))
        return false;
    for (size_t i = 0; i < known_count; i++)
        if (is_oid ? p11d_oid_is(content, known[i].curve.nid)
                   : is_printable(content, known[i].printable)) {
            *curve = known[i].curve;
            return true;
        }
    return is_oid && ask_openssl(curve, params, size);
}
