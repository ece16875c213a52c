// SPDX-License-Identifier: MIT
#include "gcm.h"

#include <string.h>

#include "mechanism.h"
#include "random.h"

/* Where IVs are random, so many bits have to be. */
#define RANDOM_BITS_MIN 64
/* NIST SP 800-38D, section 8.3: so many random IVs for one key. */
#define RANDOM_IVS_MAX (UINT64_C(1) << 32)

/* Checks what the host gave, copied from its structure, which need not be aligned. */
static CK_RV take_over(P11dGcm *gcm, const CK_GCM_WRAP_PARAMS *given, CK_BYTE *tag)
{
    *gcm = (P11dGcm){0};
    if (!given->pIv || given->ulIvLen == 0 || given->ulIvLen > P11D_GCM_IV_MAX ||
        given->ulTagBits < 32 || given->ulTagBits > 8 * P11D_GCM_TAG_MAX ||
        given->ulTagBits % 8 != 0)
        return CKR_MECHANISM_PARAM_INVALID;
    if (!given->pAAD && given->ulAADLen > 0)
        return CKR_ARGUMENTS_BAD;
    memcpy(gcm->iv, given->pIv, given->ulIvLen);
    gcm->host_iv = given->pIv;
    gcm->tag = tag;
    gcm->tag_size = given->ulTagBits / 8;
    gcm->fixed_bits = given->ulIvFixedBits;
    gcm->generator = given->ivGenerator;
    gcm->params = (CK_GCM_PARAMS){.pIv = gcm->iv,
                                  .ulIvLen = given->ulIvLen,
                                  .ulIvBits = 8 * given->ulIvLen,
                                  .pAAD = given->pAAD,
                                  .ulAADLen = given->ulAADLen,
                                  .ulTagBits = given->ulTagBits};
    return CKR_OK;
}

bool p11d_gcm_is(CK_MECHANISM_TYPE mechanism)
{
    const P11dMechanism *row = p11d_mechanism_find(mechanism);
    return row && row->shape == &p11d_parameters_gcm;
}

CK_RV p11d_gcm_read(P11dGcm *gcm, const void *parameter, CK_ULONG size, P11dBytes associated)
{
    CK_GCM_MESSAGE_PARAMS given;
    if (!parameter || size != sizeof given)
        return CKR_MECHANISM_PARAM_INVALID;
    memcpy(&given, parameter, sizeof given);
    const CK_GCM_WRAP_PARAMS params = {
        .pIv = given.pIv,
        .ulIvLen = given.ulIvLen,
        .ulIvFixedBits = given.ulIvFixedBits,
        .ivGenerator = given.ivGenerator,
        .pAAD = (CK_BYTE *)associated.data,
        .ulAADLen = associated.size,
        .ulTagBits = given.ulTagBits,
    };
    return given.pTag ? take_over(gcm, &params, given.pTag) : CKR_MECHANISM_PARAM_INVALID;
}

CK_RV p11d_gcm_translate(P11dGcm *gcm, const CK_MECHANISM *given, bool tagged, P11dBytes associated,
                         CK_MECHANISM *asked)
{
    CK_GCM_WRAP_PARAMS params;
    const bool is_gcm = p11d_gcm_is(given->mechanism);
    *gcm = (P11dGcm){0};
    *asked = *given;
    if (tagged && !is_gcm)
        return CKR_MECHANISM_INVALID;
    if (!tagged && (!is_gcm || given->ulParameterLen != sizeof params || !given->pParameter))
        return CKR_OK;
    *asked = (CK_MECHANISM){given->mechanism, &gcm->params, sizeof gcm->params};
    if (tagged)
        return p11d_gcm_read(gcm, given->pParameter, given->ulParameterLen, associated);
    memcpy(&params, given->pParameter, sizeof params);
    return take_over(gcm, &params, NULL);
}

/* The bits of the nth byte from the end that are among the last so many bits. */
static uint8_t mask_of(size_t nth, CK_ULONG bits)
{
    const CK_ULONG left = bits > 8 * nth ? bits - 8 * nth : 0;
    return (uint8_t)(left >= 8 ? 0xff : (1U << left) - 1);
}

/* Puts from, of the same size, in the place of the last so many bits of iv. */
static void put_bits(P11dGcm *gcm, CK_ULONG bits, const uint8_t *from)
{
    const size_t size = gcm->params.ulIvLen;
    for (size_t nth = 0; nth < size; nth++) {
        const size_t at = size - 1 - nth;
        const uint8_t mask = mask_of(nth, bits);
        gcm->iv[at] = (uint8_t)((gcm->iv[at] & ~mask) | (from[at] & mask));
    }
}

/* The last 8 bytes, or fewer, of size are number; or that exclusive or what is there. */
static void put_number(uint8_t *bytes, size_t size, uint64_t number, bool exclusive)
{
    for (size_t nth = 0; nth < size && nth < sizeof number; nth++, number >>= 8) {
        uint8_t *byte = &bytes[size - 1 - nth];
        *byte = (uint8_t)(number ^ (exclusive ? *byte : 0U));
    }
}

/* Random bits. Of CKG_GENERATE the last 64 go up by one each time, so that none comes twice. */
static CK_RV make_random(P11dGcm *gcm, P11dGcmSource *source, CK_ULONG bits)
{
    const bool ordered = gcm->generator == CKG_GENERATE;
    uint8_t random[P11D_GCM_IV_MAX];
    if (bits < RANDOM_BITS_MIN || source->made >= RANDOM_IVS_MAX)
        return CKR_MECHANISM_PARAM_INVALID;
    CK_RV rv = p11d_random_fill(random, gcm->params.ulIvLen);
    if (rv == CKR_OK && ordered && source->origin == 0)
        rv = p11d_random_fill((CK_BYTE *)&source->origin, sizeof source->origin);
    if (rv != CKR_OK)
        return rv;
    if (ordered)
        put_number(random, gcm->params.ulIvLen, source->origin + source->made, false);
    put_bits(gcm, bits, random);
    return CKR_OK;
}

static CK_RV make_counted(P11dGcm *gcm, P11dGcmSource *source, CK_ULONG bits)
{
    uint8_t counted[P11D_GCM_IV_MAX] = {0};
    put_number(counted, gcm->params.ulIvLen, source->made, false);
    put_bits(gcm, bits, counted);
    return CKR_OK;
}

/* The host has to bring the same base each time: what it got may be in its place. */
static CK_RV make_xored(P11dGcm *gcm, P11dGcmSource *source, CK_ULONG bits)
{
    const size_t size = gcm->params.ulIvLen;
    uint8_t mixed[P11D_GCM_IV_MAX];
    if (source->base_size == 0) {
        memcpy(source->base, gcm->iv, size);
        source->base_size = size;
    }
    if (source->base_size != size || memcmp(source->base, gcm->iv, size) != 0)
        return CKR_MECHANISM_PARAM_INVALID;
    memcpy(mixed, gcm->iv, size);
    put_number(mixed, size, source->made, true);
    put_bits(gcm, bits, mixed);
    return CKR_OK;
}

/* One row a generator. make: changes the last so many bits of the IV. */
static const struct Generator {
    CK_GENERATOR_FUNCTION number;
    bool counts; /* the IVs before it, which have to be known then, and ends with the bits */
    CK_RV (*make)(P11dGcm *gcm, P11dGcmSource *source, CK_ULONG bits);
} generators[] = {
    {CKG_GENERATE, false, make_random},
    {CKG_GENERATE_COUNTER, true, make_counted},
    {CKG_GENERATE_RANDOM, false, make_random},
    {CKG_GENERATE_COUNTER_XOR, true, make_xored},
};

static const struct Generator *find_generator(CK_GENERATOR_FUNCTION number)
{
    for (size_t i = 0; i < sizeof generators / sizeof generators[0]; i++) {
        if (generators[i].number == number)
            return &generators[i];
    }
    return NULL;
}

CK_RV p11d_gcm_generate(P11dGcm *gcm, P11dGcmSource *source)
{
    const struct Generator *generator = find_generator(gcm->generator);
    if (gcm->generator == CKG_NO_GENERATE)
        return CKR_OK;
    if (!generator || gcm->fixed_bits > gcm->params.ulIvBits)
        return CKR_MECHANISM_PARAM_INVALID;
    const CK_ULONG bits = gcm->params.ulIvBits - gcm->fixed_bits;
    if (generator->counts && (bits == 0 || (bits < 64 && source->made >> bits != 0)))
        return CKR_MECHANISM_PARAM_INVALID;
    const CK_RV rv = generator->make(gcm, source, bits);
    source->made += rv == CKR_OK;
    return rv;
}

CK_RV p11d_gcm_generate_once(P11dGcm *gcm)
{
    P11dGcmSource source = {0};
    const struct Generator *generator = find_generator(gcm->generator);
    return generator && generator->counts ? CKR_MECHANISM_PARAM_INVALID
                                          : p11d_gcm_generate(gcm, &source);
}

void p11d_gcm_give_iv(const P11dGcm *gcm)
{
    /* One that the host brought may be where nobody may write. */
    if (gcm->host_iv && gcm->generator != CKG_NO_GENERATE)
        memcpy(gcm->host_iv, gcm->iv, gcm->params.ulIvLen);
}
