// SPDX-License-Identifier: MIT
#include "sslcurve.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "curve.h"

/* More than parameters of any curve have. */
#define PARAMS_MAX 4096

static bool take_row(P11dSslCurve *curve, const P11dCurve *row)
{
    *curve = (P11dSslCurve){row->openssl, row->type, row->name, row->bits, row->half};
    return true;
}

/* One that is in no row. */
static bool take_nid(P11dSslCurve *curve, int nid)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(nid);
    if (!group)
        return false;
    const char *nist = EC_curve_nid2nist(nid);
    curve->group = OBJ_nid2sn(nid);
    curve->type = CKK_EC;
    curve->name = nist ? nist : curve->group;
    curve->bits = (unsigned)EC_GROUP_get_degree(group);
    curve->coordinate = ((size_t)EC_GROUP_order_bits(group) + 7) / 8;
    EC_GROUP_free(group);
    return true;
}

/* A row where there is one: OpenSSL, asked for so much as a number, reads its configuration first,
 * which takes longer than all else that a short list does. */
bool p11d_sslcurve_of_group(P11dSslCurve *curve, const char *group)
{
    const P11dCurve *row = p11d_curve_of_openssl(group);
    if (row)
        return row->type != CKK_EC_MONTGOMERY && take_row(curve, row);
    return take_nid(curve, OBJ_sn2nid(group));
}

/* One that is in no row, or whose parameters are not. OpenSSL compares them all. */
static bool ask_openssl(P11dSslCurve *curve, const void *params, size_t size)
{
    const unsigned char *p = params;
    EC_GROUP *group = size <= PARAMS_MAX ? d2i_ECPKParameters(NULL, &p, (long)size) : NULL;
    int nid = group ? EC_GROUP_check_named_curve(group, 0, NULL) : NID_undef;
    EC_GROUP_free(group);
    ERR_clear_error();
    return nid != NID_undef && p11d_sslcurve_of_group(curve, OBJ_nid2sn(nid));
}

bool p11d_sslcurve_parse(P11dSslCurve *curve, const void *params, size_t size)
{
    const P11dCurve *row = p11d_curve_find(p11d_der(params, size));
    if (row)
        return row->type != CKK_EC_MONTGOMERY && take_row(curve, row);
    return ask_openssl(curve, params, size);
}

void p11d_sslcurve_describe(const P11dSslCurve *curve, P11dAlgorithmKey *key)
{
    key->bits = curve->bits;
    key->curve = curve->name;
    key->coordinate = key->type == CKK_EC ? curve->coordinate : 0;
}

void p11d_sslcurve_describe_params(const void *params, size_t size, P11dAlgorithmKey *key)
{
    P11dBytes der = p11d_der(params, size);
    const P11dCurve *row = p11d_curve_find(der); /* also those that sign nothing */
    P11dSslCurve curve;
    if (row ? take_row(&curve, row) : ask_openssl(&curve, params, size))
        p11d_sslcurve_describe(&curve, key);
    else if (p11d_der_is(&der, P11D_DER_SEQUENCE))
        key->problem = p11d_curve_none;
}
