// SPDX-License-Identifier: MIT
#include "plan.h"

#include <string.h>

#include "gcm.h"
#include "listing.h"
#include "pss.h"

/* Whether the key's CKA_ALLOWED_MECHANISMS, if it has any, name mechanism. */
static bool key_allows(const P11dObject *key, CK_MECHANISM_TYPE mechanism)
{
    const CK_ATTRIBUTE *allowed = p11d_object_attribute(key, CKA_ALLOWED_MECHANISMS);
    if (!allowed || allowed->ulValueLen == 0)
        return true;
    const CK_MECHANISM_TYPE *types = allowed->pValue;
    for (CK_ULONG i = 0; i < allowed->ulValueLen / sizeof types[0]; i++) {
        if (types[i] == mechanism)
            return true;
    }
    return false;
}

static CK_RV check_key(const P11dOperationRow *row, const P11dObject *key,
                       const P11dMechanism *mechanism)
{
    if (!key)
        return CKR_KEY_HANDLE_INVALID;
    const P11dDerived *is = &key->derived;
    if ((is->class_bit & row->classes) == 0)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (!p11d_object_boolean(key, row->permission))
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    const bool typed = mechanism && mechanism->key_type != CK_UNAVAILABLE_INFORMATION &&
                       is->key_type != CK_UNAVAILABLE_INFORMATION;
    return typed && mechanism->key_type != is->key_type ? CKR_KEY_TYPE_INCONSISTENT : CKR_OK;
}

/* What a key of RSASSA-PSS alone says of itself is told before there is any data. */
static CK_RV check_pss(const P11dObject *key, const CK_MECHANISM *mechanism)
{
    const CK_ATTRIBUTE *info = p11d_object_attribute(key, CKA_PUBLIC_KEY_INFO);
    P11dPss pss;
    /* What is not understood here the service may understand. */
    return info && p11d_pss_read(&pss, info->pValue, info->ulValueLen)
               ? p11d_pss_check(&pss, mechanism)
               : CKR_OK;
}

/* Whether the token does this with mechanism, and with that key. */
static bool can(const P11dPlan *plan, const P11dProperties *properties, CK_MECHANISM_TYPE mechanism,
                const P11dObject *key)
{
    return p11d_properties_can(properties, mechanism, plan->row->flag) &&
           key_allows(key, mechanism);
}

/*
 * Chooses what the service is asked for: asked is the host's mechanism, or the raw one of the
 * digest; *prehashed: that mechanism, and the digest.
 */
static CK_RV choose(P11dPlan *plan, const P11dProperties *properties, const P11dMechanism *row,
                    const P11dObject *key, CK_MECHANISM *asked, bool *prehashed)
{
    const bool direct = can(plan, properties, asked->mechanism, key);
    const bool hashes = plan->row->hashes && row && p11d_digest_supports(row->hash);
    *prehashed = hashes && direct && properties->features.prehashed;
    const bool raw = hashes && !*prehashed && row->raw != P11D_MECHANISM_NONE &&
                     can(plan, properties, row->raw, key);
    if (raw)
        asked->mechanism = row->raw;
    if (raw || *prehashed)
        plan->hash = row->hash;
    plan->digest_info = raw && row->digest_info;
    return raw || direct ? CKR_OK : CKR_MECHANISM_INVALID;
}

/* Without a service: a digest. */
static CK_RV make_alone(P11dPlan *plan, const CK_MECHANISM *mechanism)
{
    if (!p11d_digest_supports(mechanism->mechanism))
        return CKR_MECHANISM_INVALID;
    plan->hash = mechanism->mechanism;
    return mechanism->ulParameterLen > 0 ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
}

/* How data flow through the mechanism, of which asked is what the service is asked for. */
static CK_RV plan_cipher(P11dPlan *plan, const CK_MECHANISM *asked)
{
    const bool is_cipher =
        plan->row->output == P11D_OUTPUT_CIPHERTEXT || plan->row->output == P11D_OUTPUT_PLAINTEXT;
    plan->cipher = is_cipher ? p11d_cipher_find(asked->mechanism) : NULL;
    if (!plan->cipher || !plan->cipher->tagged)
        return CKR_OK;
    CK_GCM_PARAMS gcm; /* of a host, which need not align it */
    memcpy(&gcm, asked->pParameter, sizeof gcm);
    plan->tag_size = gcm.ulTagBits / 8;
    /* An IV that the service made could not be told: the host's structure need not live until then.
     */
    return gcm.ulTagBits <= 8 * P11D_GCM_TAG_MAX && gcm.ulIvLen > 0 ? CKR_OK
                                                                    : CKR_MECHANISM_PARAM_INVALID;
}

CK_RV p11d_plan_make(P11dPlan *plan, const P11dOperationRow *row, P11dToken *token,
                     const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    *plan = (P11dPlan){.row = row, .key = key, .hash = P11D_MECHANISM_NONE};
    if (!row->method)
        return make_alone(plan, mechanism);
    const P11dObject *object = p11d_listing_know(token, key);
    const P11dMechanism *mechanism_row = p11d_mechanism_find(mechanism->mechanism);
    CK_MECHANISM asked = *mechanism;
    bool prehashed = false;
    CK_RV rv = check_key(row, object, mechanism_row);
    if (rv == CKR_OK)
        rv = check_pss(object, mechanism);
    if (rv != CKR_OK)
        return rv;
    plan->key_size = object->derived.signature_size;
    plan->is_rsa = object->derived.key_type == CKK_RSA;
    plan->authenticates = p11d_object_boolean(object, CKA_ALWAYS_AUTHENTICATE);
    rv = choose(plan, &token->properties, mechanism_row, object, &asked, &prehashed);
    if (rv == CKR_OK)
        rv = p11d_kept_mechanism_make(&plan->mechanism, &asked, prehashed);
    if (rv == CKR_OK)
        rv = plan_cipher(plan, &asked);
    return rv;
}

CK_RV p11d_plan_delegate(P11dPlan *plan, const P11dToken *token)
{
    const CK_MECHANISM mechanism = {.mechanism = plan->hash};
    if (!token->properties.features.streams ||
        !p11d_properties_can(&token->properties, plan->hash, plan->row->flag))
        return CKR_KEY_INDIGESTIBLE;
    plan->elsewhere = true;
    return p11d_kept_mechanism_make(&plan->mechanism, &mechanism, false);
}

bool p11d_plan_hashes(const P11dPlan *plan)
{
    return plan->hash != P11D_MECHANISM_NONE && !plan->elsewhere;
}

void p11d_plan_clear(P11dPlan *plan)
{
    p11d_kept_mechanism_clear(&plan->mechanism);
}

bool p11d_plan_judges(const P11dPlan *plan)
{
    return plan->row->output == P11D_OUTPUT_VERDICT || plan->row->output == P11D_OUTPUT_GIVEN;
}

bool p11d_plan_output_size(const P11dPlan *plan, uint64_t input, CK_ULONG *size, bool *exact)
{
    const P11dOutput output = plan->row->output;
    if (plan->cipher) {
        *size = (CK_ULONG)p11d_cipher_size(plan->cipher, output == P11D_OUTPUT_CIPHERTEXT, input,
                                           plan->tag_size, exact);
        return true;
    }
    *exact = output != P11D_OUTPUT_PLAINTEXT;
    if (output == P11D_OUTPUT_PLAINTEXT && !plan->is_rsa) {
        *size = (CK_ULONG)input;
        return true;
    }
    if (output == P11D_OUTPUT_DIGEST)
        *size = p11d_hash_of_mechanism(plan->hash)->size;
    else if (p11d_plan_judges(plan) || (output == P11D_OUTPUT_CIPHERTEXT && !plan->is_rsa))
        *size = 0;
    else
        *size = plan->key_size;
    return *size > 0;
}
