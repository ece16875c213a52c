// SPDX-License-Identifier: MIT
#include "slots.h"

#include <string.h>

#include "digest.h"
#include "discovery.h"
#include "mechanism.h"
#include "operation-row.h"
#include "order.h"

CK_RV p11d_slots_list(P11dInstance *instance, CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    if (!count)
        return CKR_ARGUMENTS_BAD;
    const CK_RV rv = p11d_discovery_look(instance);
    if (rv == CKR_HOST_MEMORY || rv == CKR_CRYPTOKI_NOT_INITIALIZED)
        return rv;
    /* A service that is not there is a list of empty slots, not a failure. */
    CK_ULONG found = 0;
    for (size_t i = 0; i < instance->token_count; i++) {
        const P11dToken *token = instance->tokens[i];
        if (present && !token->present)
            continue;
        if (list && found < *count)
            list[found] = token->slot;
        found++;
    }
    const bool fits = !list || found <= *count;
    *count = found;
    return fits ? CKR_OK : CKR_BUFFER_TOO_SMALL;
}

CK_RV p11d_slots_info(P11dInstance *instance, CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
    if (!info)
        return CKR_ARGUMENTS_BAD;
    p11d_discovery_look(instance);
    const P11dToken *token = p11d_token_find(instance, slot);
    if (!token)
        return CKR_SLOT_ID_INVALID;
    /* Removable: every token comes and goes with its service. */
    *info = (CK_SLOT_INFO){.flags = CKF_REMOVABLE_DEVICE | (token->present ? CKF_TOKEN_PRESENT : 0),
                           .hardwareVersion = token->properties.hardware,
                           .firmwareVersion = token->properties.firmware};
    p11d_properties_pad(info->slotDescription, sizeof info->slotDescription, token->title);
    p11d_properties_pad(info->manufacturerID, sizeof info->manufacturerID, "p11dbus");
    return CKR_OK;
}

/* What no service is believed: there are no functions for it here, or it is said here. */
#define NOT_BELIEVED                                                                               \
    (CKF_CLOCK_ON_TOKEN | CKF_DUAL_CRYPTO_OPERATIONS | CKF_RESTORE_KEY_NOT_NEEDED |                \
     CKF_SECONDARY_AUTHENTICATION | CKF_SEED_RANDOM_REQUIRED | CKF_ASYNC_SESSION_SUPPORTED)
/* What is true of every token here: random bytes are the kernel's (random.h). */
#define ALWAYS CKF_RNG

static CK_FLAGS flags_of(const P11dToken *token)
{
    CK_FLAGS flags = (token->properties.flags & ~(CK_FLAGS)NOT_BELIEVED) | ALWAYS;
    /* Whatever encrypts or decrypts does so together with a digest, at least (dual.h). */
    if (p11d_properties_serves(&token->properties, CK_UNAVAILABLE_INFORMATION,
                               CKF_ENCRYPT | CKF_DECRYPT))
        flags |= CKF_DUAL_CRYPTO_OPERATIONS;
    /* Any PIN is right: there is one. Hosts that are told of none want to make it first. */
    return p11d_token_is_open(token) ? flags | CKF_USER_PIN_INITIALIZED : flags;
}

CK_RV p11d_slots_token(P11dInstance *instance, CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    P11dToken *token;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    const CK_RV rv = p11d_discovery_token(instance, slot, &token);
    if (rv != CKR_OK)
        return rv;
    const P11dProperties *properties = &token->properties;
    *info = (CK_TOKEN_INFO){.flags = flags_of(token),
                            .ulMaxSessionCount = CK_EFFECTIVELY_INFINITE,
                            .ulSessionCount = token->session_count,
                            .ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE,
                            .ulRwSessionCount = token->writable_count,
                            .ulMaxPinLen = properties->pin.longest,
                            .ulMinPinLen = properties->pin.shortest,
                            .ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
                            .ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
                            .ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
                            .ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
                            .hardwareVersion = properties->hardware,
                            .firmwareVersion = properties->firmware};
    memcpy(info->label, properties->label, sizeof info->label);
    memcpy(info->manufacturerID, properties->manufacturer, sizeof info->manufacturerID);
    memcpy(info->model, properties->model, sizeof info->model);
    memcpy(info->serialNumber, properties->serial, sizeof info->serialNumber);
    memset(info->utcTime, ' ', sizeof info->utcTime);
    return CKR_OK;
}

/* What flags of a mechanism say beside the functions that it is for. */
#define DESCRIPTIONS                                                                               \
    (CKF_HW | CKF_MULTI_MESSAGE | CKF_EC_F_P | CKF_EC_F_2M | CKF_EC_ECPARAMETERS | CKF_EC_OID |    \
     CKF_EC_UNCOMPRESS | CKF_EC_COMPRESS | CKF_EC_CURVENAME)

/* What the application can do with mechanism; false: nothing. */
static bool can_do(const P11dProperties *properties, CK_MECHANISM_TYPE mechanism,
                   CK_MECHANISM_INFO *info)
{
    *info = (CK_MECHANISM_INFO){0};
    const P11dMechanism *row = p11d_mechanism_find(mechanism);
    const P11dOffer *offer = p11d_properties_offer(properties, mechanism);
    const bool hashed =
        !offer && row && row->raw != P11D_MECHANISM_NONE && p11d_digest_supports(row->hash);
    if (hashed)
        offer = p11d_properties_offer(properties, row->raw);
    if (offer) {
        *info = offer->info;
        info->flags = p11d_properties_flags(properties, offer);
    }
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
    if (!can_do(properties, mechanism, &info))
        return;
    if (list && *count < most)
        list[*count] = mechanism;
    (*count)++;
}

CK_RV p11d_slots_mechanisms(P11dInstance *instance, CK_SLOT_ID slot, CK_MECHANISM_TYPE *list,
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

CK_RV p11d_slots_mechanism(P11dInstance *instance, CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism,
                           CK_MECHANISM_INFO *info)
{
    P11dToken *token;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    const CK_RV rv = p11d_discovery_token(instance, slot, &token);
    if (rv != CKR_OK)
        return rv;
    return can_do(&token->properties, mechanism, info) ? CKR_OK : CKR_MECHANISM_INVALID;
}
