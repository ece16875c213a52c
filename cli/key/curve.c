// SPDX-License-Identifier: MIT
#include "curve.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "namedcurve.h"

/* More than parameters of any curve have. */
#define PARAMS_MAX 4096

/* OpenSSL's numbers of the curves of nearly all keys. To ask it for them would make it read its
 * configuration first, which takes longer than all else that a short list does. */
static const struct {
    int nid;
    const char *name;
} numbers[] = {
    {NID_X9_62_prime256v1, "P-256"}, {NID_secp384r1, "P-384"}, {NID_secp521r1, "P-521"},
    {NID_secp256k1, "secp256k1"},    {NID_ED25519, "Ed25519"}, {NID_ED448, "Ed448"},
};
static const size_t number_count = sizeof numbers / sizeof numbers[0];

static bool take_row(P11dCurve *curve, int nid, const P11dNamedCurve *row)
{
    *curve = (P11dCurve){nid, row->name, row->bits, row->order_size};
    return true;
}

bool p11d_curve_of_nid(P11dCurve *curve, int nid)
{
    for (size_t i = 0; i < number_count; i++)
        if (numbers[i].nid == nid)
            return take_row(curve, nid, p11d_namedcurve_of_name(numbers[i].name));
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

/* One that is in no row, or whose parameters are not. OpenSSL compares them all. */
static bool ask_openssl(P11dCurve *curve, const void *params, size_t size)
{
    const unsigned char *p = params;
    EC_GROUP *group = size <= PARAMS_MAX ? d2i_ECPKParameters(NULL, &p, (long)size) : NULL;
    int nid = group ? EC_GROUP_check_named_curve(group, 0, NULL) : NID_undef;
    EC_GROUP_free(group);
    ERR_clear_error();
    return nid != NID_undef && p11d_curve_of_nid(curve, nid);
}

bool p11d_curve_parse(P11dCurve *curve, const void *params, size_t size)
{
    const P11dNamedCurve *row = p11d_namedcurve_find(p11d_der(params, size));
    for (size_t i = 0; row && i < number_count; i++)
        if (strcmp(numbers[i].name, row->name) == 0)
            return take_row(curve, numbers[i].nid, row);
    return ask_openssl(curve, params, size);
}

void p11d_curve_describe(const P11dCurve *curve, P11dAlgorithmKey *key)
{
    key->bits = curve->bits;
    key->curve = curve->name;
    key->coordinate = key->type == CKK_EC ? curve->coordinate : 0;
}

void p11d_curve_describe_params(const void *params, size_t size, P11dAlgorithmKey *key)
{
    P11dDer der = p11d_der(params, size);
    P11dCurve curve;
    if (p11d_curve_parse(&curve, params, size))
        p11d_curve_describe(&curve, key);
    else if (p11d_der_is(&der, P11D_DER_SEQUENCE))
        key->problem = p11d_namedcurve_none;
}
