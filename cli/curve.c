// SPDX-License-Identifier: MIT
#include "curve.h"

#include <string.h>

#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/objects.h>

static const struct {
    P11dCurve curve;
    const char *printable;
} edwards[] = {
    {{NID_ED25519, "Ed25519", 255, 32}, "edwards25519"},
    {{NID_ED448, "Ed448", 448, 57}, "edwards448"},
};
static const size_t edwards_count = sizeof edwards / sizeof edwards[0];

static bool look_up(P11dCurve *curve, int nid)
{
    for (size_t i = 0; i < edwards_count; i++)
        if (edwards[i].curve.nid == nid) {
            *curve = edwards[i].curve;
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

/* OpenSSL builds a group for each question, which takes long where thousands of keys are on the
 * same curve: the last answer is kept. */
bool p11d_curve_of_nid(P11dCurve *curve, int nid)
{
    static _Thread_local P11dCurve last = {.nid = NID_undef};
    if (last.nid != nid || nid == NID_undef) {
        P11dCurve found;
        if (!look_up(&found, nid))
            return false;
        last = found;
    }
    *curve = last;
    return true;
}

static bool parse_printable(P11dCurve *curve, const unsigned char *params, long size)
{
    ASN1_PRINTABLESTRING *text = d2i_ASN1_PRINTABLESTRING(NULL, &params, size);
    bool found = false;
    for (size_t i = 0; text && !found && i < edwards_count; i++) {
        size_t length = strlen(edwards[i].printable);
        found = (size_t)ASN1_STRING_length(text) == length &&
                memcmp(ASN1_STRING_get0_data(text), edwards[i].printable, length) == 0;
        if (found)
            *curve = edwards[i].curve;
    }
    ASN1_PRINTABLESTRING_free(text);
    return found;
}

bool p11d_curve_parse(P11dCurve *curve, const void *params, size_t size)
{
    if (size < 2 || size > 1024)
        return false;
    const unsigned char *p = params;
    if (*p == V_ASN1_PRINTABLESTRING)
        return parse_printable(curve, p, (long)size);
    ASN1_OBJECT *object = d2i_ASN1_OBJECT(NULL, &p, (long)size);
    int nid = object ? OBJ_obj2nid(object) : NID_undef;
    ASN1_OBJECT_free(object);
    return nid != NID_undef && p11d_curve_of_nid(curve, nid);
}
