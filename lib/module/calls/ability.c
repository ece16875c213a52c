// SPDX-License-Identifier: MIT
#include "ability.h"

#include "digest.h"
#include "discovery.h"
#include "mechanism.h"
#include "operation-row.h"
#include "order.h"

/* What flags of a mechanism say beside the functions that it is for. */
#define DESCRIPTIONS                                                                               \
    (CKF_HW | CKF_EC_F_P | CKF_EC_F_2M | CKF_EC_ECPARAMETERS | CKF_EC_OID | CKF_EC_UNCOMPRESS |    \
     CKF_EC_COMPRESS | CKF_EC_CURVENAME)

/* What the application can do with mechanism; false: nothing. */
static bool find(const P11dProperties *properties, CK_MECHANISM_TYPE mechanism,
                 CK_MECHANISM_INFO *info)
{
    *info = (CK_MECHANISM_INFO){0};
    const P11dMechanism *row = p11d_mechanism_find(mechanism);
    const P11dOffer *offer = p11d_properties_offer(properties, mechanism);
    const bool hashed =
        !offer && row && row->raw != P11D_MECHANISM_NONE && p11d_digest_supports(row->hash);
    if (hashed)
        offer = p11d_properties_offer(properties, row->raw);
    if (offer)
        *info = offer->info;
    /* What the service can do beside that is refused here, so it must not be claimed. */
    const CK_FLAGS functions = p11d_operation_flags(hashed) | (hashed ? 0 : P11D_ORDER_FLAGS);
    info->flags &= functions | DESCRIPTIONS;
    if (p11d_digest_supports(mechanism))
        info->flags |= CKF_DIGEST;
    return (info->flags & (functions | CKF_DIGEST)) != 0;
}

/* Enters mechanism in list (of room for most, may be NULL) if the application can use it. */
static void enter(const P11dProperties *properties, CK_MECHANISM_TYPE mechanism,
                  CK_MECHANISM_TYPE *list, CK_ULONG most, CK_ULONG *count)
{
    CK_MECHANISM_INFO info;
    if (!find(properties, mechanism, &info))
        return;
    if (list && *count < most)
        list[*count] = mechanism;
    (*count)++;
}

CK_RV p11d_ability_list(P11dInstance *instance, CK_SLOT_ID slot, CK_MECHANISM_TYPE *list,
                        CK_ULONG *count)
{
    P11dToken *token;
    if (!count)
        return CKR_ARGUMENTS_BAD;
    const CK_RV rv = p11d_discovery_token(instance, slot, &token);
    if (rv != CKR_OK)
        return rv;
    const P11dProperties *properties = &token->properties;
    const CK_ULONG most = *count;
    *count = 0;
    for (size_t i = 0; i < p11d_mechanism_count; i++)
        enter(properties, p11d_mechanisms[i].type, list, most, count);
    for (size_t i = 0; i < properties->offered.count; i++) {
        if (!p11d_mechanism_find(properties->offers[i].type))
            enter(properties, properties->offers[i].type, list, most, count);
    }
    return !list || *count <= most ? CKR_OK : CKR_BUFFER_TOO_SMALL;
}

CK_RV p11d_ability_info(P11dInstance *instance, CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism,
                        CK_MECHANISM_INFO *info)
{
    P11dToken *token;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    const CK_RV rv = p11d_discovery_token(instance, slot, &token);
    if (rv != CKR_OK)
        return rv;
    return find(&token->properties, mechanism, info) ? CKR_OK : CKR_MECHANISM_INVALID;
}
