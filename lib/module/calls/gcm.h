// SPDX-License-Identifier: MIT
/*
 * The parameters of AES-GCM in messages and wraps (PKCS#11 3.2, section 6.13.3): other than those
 * of an operation they tell how the IV is made, which is made here, and for messages where the tag
 * is to be found, which is no part of the ciphertext. Nothing of the host's structure is kept
 * longer than its call.
 */
#ifndef P11D_GCM_H
#define P11D_GCM_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "pkcs11.h"

/* The longest IV, in bytes. */
#define P11D_GCM_IV_MAX 128
/* The longest tag, in bytes (NIST SP 800-38D, section 5.2.1.2). */
#define P11D_GCM_TAG_MAX 16

/* Where the IVs of many messages under one key come from; zero to begin with. */
typedef struct P11dGcmSource {
    uint64_t made;   /* IVs so far */
    uint64_t origin; /* of CKG_GENERATE, random */
    size_t base_size;
    uint8_t base[P11D_GCM_IV_MAX]; /* of CKG_GENERATE_COUNTER_XOR */
} P11dGcmSource;

/* The parameters of one message. It points at itself, so it is not to be copied. */
typedef struct P11dGcm {
    CK_GCM_PARAMS params; /* of the operation that it is; with iv and the host's associated data */
    uint8_t iv[P11D_GCM_IV_MAX];
    CK_BYTE *host_iv;    /* where an IV that was made goes */
    CK_BYTE *tag;        /* where the tag goes or is; NULL: at the end of the ciphertext */
    size_t tag_size;     /* bytes */
    CK_ULONG fixed_bits; /* the first of the IV, which the host says */
    CK_GENERATOR_FUNCTION generator;
} P11dGcm;

/* Whether the parameters of mechanism are those of AES-GCM. */
bool p11d_gcm_is(CK_MECHANISM_TYPE mechanism);

/*
 * Reads and checks parameter, a CK_GCM_MESSAGE_PARAMS of so many bytes. Errors:
 * CKR_MECHANISM_PARAM_INVALID (tags are 4 to 16 bytes), CKR_ARGUMENTS_BAD (no associated data where
 * there is a length).
 */
CK_RV p11d_gcm_read(P11dGcm *gcm, const void *parameter, CK_ULONG size, P11dBytes associated);

/*
 * The mechanism that a host brings to wrap or unwrap a key, as the service is asked for it: *asked,
 * which may point into gcm. That is the host's own, and gcm is empty, unless its parameter is a
 * CK_GCM_WRAP_PARAMS, or tagged a CK_GCM_MESSAGE_PARAMS, the one that may be then. Errors:
 * CKR_MECHANISM_INVALID (not with a tag), those of p11d_gcm_read.
 */
CK_RV p11d_gcm_translate(P11dGcm *gcm, const CK_MECHANISM *given, bool tagged, P11dBytes associated,
                         CK_MECHANISM *asked);

/*
 * Makes the IV as the parameters say, in gcm alone. Never gives one twice from the same source as
 * long as the fixed bits stay the same. Errors: CKR_MECHANISM_PARAM_INVALID (no generator of that
 * number, too few bits that are not fixed, source is exhausted, another base), CKR_FUNCTION_FAILED
 * (no random bytes).
 */
CK_RV p11d_gcm_generate(P11dGcm *gcm, P11dGcmSource *source);

/* The same where nothing is known of those before: generators that count are none then. Does
 * nothing to one that is empty. */
CK_RV p11d_gcm_generate_once(P11dGcm *gcm);

/* Gives an IV that was made to the host. */
void p11d_gcm_give_iv(const P11dGcm *gcm);

#endif
