// SPDX-License-Identifier: MIT
#include "keystream.h"

#include <stdlib.h>
#include <string.h>

#include "keyblock.h"
#include "keymac.h"
#include "keyrecover.h"
#include "keysign.h"

/* How the parts of a stream are worked on. */
typedef struct Family {
    CK_RV (*begin)(P11dKeyStream *stream, const P11dParameters *parameters);
    CK_RV (*update)(P11dKeyStream *stream, P11dBytes part, P11dBuffer *output);
    CK_RV (*finish)(P11dKeyStream *stream, P11dBytes signature, P11dBuffer *output);
} Family;

struct P11dKeyStream {
    P11dPurpose purpose;
    const Family *family;
    P11dServedKey *key;
    P11dParameters parameters; /* on the digest, of a signature */
    P11dKeyBlock block;        /* that of the family; the others are clear */
    EVP_MAC_CTX *mac;
    EVP_MD_CTX *digest;
    P11dBuffer data; /* of which a signature is, or a signature, from which data are recovered */
};

static CK_RV begin_block(P11dKeyStream *stream, const P11dParameters *parameters)
{
    return p11d_keyblock_begin(&stream->block, stream->key, parameters,
                               stream->purpose == P11D_PURPOSE_ENCRYPT);
}

static CK_RV update_block(P11dKeyStream *stream, P11dBytes part, P11dBuffer *output)
{
    return p11d_keyblock_update(&stream->block, part, output);
}

static CK_RV finish_block(P11dKeyStream *stream, P11dBytes signature, P11dBuffer *output)
{
    (void)signature;
    return p11d_keyblock_finish(&stream->block, output);
}

static CK_RV begin_mac(P11dKeyStream *stream, const P11dParameters *parameters)
{
    return p11d_keymac_begin(stream->key, parameters, &stream->mac);
}

static CK_RV update_mac(P11dKeyStream *stream, P11dBytes part, P11dBuffer *output)
{
    (void)output;
    return EVP_MAC_update(stream->mac, part.data, part.size) == 1 ? CKR_OK
                                                                  : p11d_servedkey_failure();
}

static CK_RV finish_mac(P11dKeyStream *stream, P11dBytes signature, P11dBuffer *output)
{
    return stream->purpose == P11D_PURPOSE_SIGN ? p11d_keymac_finish(stream->mac, output)
                                                : p11d_keymac_compare(stream->mac, signature);
}

static CK_RV begin_hash(P11dKeyStream *stream, const P11dHash *hash)
{
    const EVP_MD *digest = p11d_servedkey_digest(hash);
    if (!digest)
        return CKR_MECHANISM_INVALID;
    stream->digest = EVP_MD_CTX_new();
    if (!stream->digest)
        return CKR_HOST_MEMORY;
    return EVP_DigestInit_ex2(stream->digest, digest, NULL) == 1 ? CKR_OK
                                                                 : p11d_servedkey_failure();
}

static CK_RV update_hash(P11dKeyStream *stream, P11dBytes part, P11dBuffer *output)
{
    (void)output;
    return EVP_DigestUpdate(stream->digest, part.data, part.size) == 1 ? CKR_OK
                                                                       : p11d_servedkey_failure();
}

static CK_RV begin_digest(P11dKeyStream *stream, const P11dParameters *parameters)
{
    if (parameters->mechanism.pParameter)
        return CKR_MECHANISM_PARAM_INVALID;
    return begin_hash(stream, p11d_hash_of_mechanism(parameters->mechanism.mechanism));
}

static CK_RV finish_digest(P11dKeyStream *stream, P11dBytes signature, P11dBuffer *output)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    (void)signature;
    if (EVP_DigestFinal_ex(stream->digest, digest, &size) != 1)
        return p11d_servedkey_failure();
    return p11d_buffer_append(output, digest, size) ? CKR_OK : CKR_HOST_MEMORY;
}

/* Keeps the parameters for the end, where they are about the digest. Mechanisms that hash have none
 * that point at anything. */
static void keep(P11dKeyStream *stream, const P11dParameters *parameters)
{
    P11dParameters *kept = &stream->parameters;
    const CK_MECHANISM *mechanism = &parameters->mechanism;
    kept->mechanism = *mechanism;
    kept->prehashed = true;
    if (mechanism->pParameter) {
        memcpy(kept->storage.bytes, mechanism->pParameter, mechanism->ulParameterLen);
        kept->mechanism.pParameter = kept->storage.bytes;
    }
}

static CK_RV begin_signature(P11dKeyStream *stream, const P11dParameters *parameters)
{
    const CK_MECHANISM *mechanism = &parameters->mechanism;
    const P11dMechanism *row = p11d_mechanism_find(mechanism->mechanism);
    if (!row || row->hash == P11D_MECHANISM_NONE)
        return CKR_MECHANISM_INVALID;
    if (parameters->prehashed || mechanism->ulParameterLen > sizeof stream->parameters.storage)
        return CKR_MECHANISM_PARAM_INVALID;
    keep(stream, parameters);
    CK_RV rv = p11d_keysign_check(stream->key, &stream->parameters);
    return rv == CKR_OK ? begin_hash(stream, p11d_hash_of_mechanism(row->hash)) : rv;
}

static CK_RV finish_signature(P11dKeyStream *stream, P11dBytes signature, P11dBuffer *output)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_DigestFinal_ex(stream->digest, digest, &size) != 1)
        return p11d_servedkey_failure();
    const P11dBytes bytes[2] = {{digest, size}, signature};
    return stream->purpose == P11D_PURPOSE_SIGN
               ? p11d_keysign_sign(stream->key, &stream->parameters, bytes, output)
               : p11d_keysign_verify(stream->key, &stream->parameters, bytes, output);
}

static CK_RV begin_recovery(P11dKeyStream *stream, const P11dParameters *parameters)
{
    p11d_buffer_init(&stream->data, P11D_SERVEDKEY_RSA_BITS_MAX / 8);
    keep(stream, parameters);
    stream->parameters.prehashed = parameters->prehashed;
    return p11d_keyrecover_check(stream->key, &stream->parameters);
}

static CK_RV update_recovery(P11dKeyStream *stream, P11dBytes part, P11dBuffer *output)
{
    (void)output;
    if (p11d_buffer_append(&stream->data, part.data, part.size))
        return CKR_OK;
    return stream->data.no_memory                         ? CKR_HOST_MEMORY
           : stream->purpose == P11D_PURPOSE_SIGN_RECOVER ? CKR_DATA_LEN_RANGE
                                                          : CKR_SIGNATURE_LEN_RANGE;
}

static CK_RV finish_recovery(P11dKeyStream *stream, P11dBytes signature, P11dBuffer *output)
{
    const P11dBytes bytes[2] = {{stream->data.data, stream->data.size}};
    (void)signature;
    return stream->purpose == P11D_PURPOSE_SIGN_RECOVER
               ? p11d_keysign_sign(stream->key, &stream->parameters, bytes, output)
               : p11d_keyrecover_recover(stream->key, &stream->parameters, bytes[0], output);
}

static const Family block = {begin_block, update_block, finish_block};
static const Family mac = {begin_mac, update_mac, finish_mac};
static const Family signature = {begin_signature, update_hash, finish_signature};
static const Family digest = {begin_digest, update_hash, finish_digest};
static const Family recovery = {begin_recovery, update_recovery, finish_recovery};

/* NULL: there is none for that. */
static const Family *find_family(const P11dServedKey *key, P11dPurpose purpose)
{
    switch (purpose) {
    case P11D_PURPOSE_ENCRYPT:
    case P11D_PURPOSE_DECRYPT:
        return key && key->secret ? &block : NULL;
    case P11D_PURPOSE_SIGN:
    case P11D_PURPOSE_VERIFY:
        return key && key->secret ? &mac : key ? &signature : NULL;
    case P11D_PURPOSE_SIGN_RECOVER:
    case P11D_PURPOSE_VERIFY_RECOVER:
        return key && !key->secret ? &recovery : NULL;
    case P11D_PURPOSE_DIGEST:
        return key ? NULL : &digest;
    default:
        return NULL;
    }
}

CK_RV p11d_keystream_begin(P11dKeyStream **stream, P11dServedKey *key, P11dPurpose purpose,
                           const P11dParameters *parameters)
{
    const Family *family = find_family(key, purpose);
    P11dKeyStream *self = family ? calloc(1, sizeof *self) : NULL;
    *stream = NULL;
    if (!self) {
        p11d_servedkey_unref(key);
        return family ? CKR_HOST_MEMORY : CKR_MECHANISM_INVALID;
    }
    self->family = family;
    self->purpose = purpose;
    self->key = key;
    CK_RV rv = family->begin(self, parameters);
    if (rv == CKR_OK)
        *stream = self;
    else
        p11d_keystream_free(self);
    return rv;
}

const P11dServedKey *p11d_keystream_key(const P11dKeyStream *stream)
{
    return stream->key;
}

CK_RV p11d_keystream_update(P11dKeyStream *stream, P11dBytes part, P11dBuffer *output)
{
    return part.size > 0 ? stream->family->update(stream, part, output) : CKR_OK;
}

CK_RV p11d_keystream_finish(P11dKeyStream *stream, P11dBytes signed_by, P11dBuffer *output)
{
    return stream->family->finish(stream, signed_by, output);
}

void p11d_keystream_free(P11dKeyStream *stream)
{
    if (!stream)
        return;
    p11d_keyblock_clear(&stream->block);
    EVP_MAC_CTX_free(stream->mac);
    EVP_MD_CTX_free(stream->digest);
    p11d_buffer_clear(&stream->data);
    p11d_servedkey_unref(stream->key);
    free(stream);
}
