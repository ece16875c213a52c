// SPDX-License-Identifier: MIT
#include "digest.h"

#include <nettle/nettle-meta.h>
#include <stddef.h>
#include <string.h>

/* Which function of nettle computes which hash of the core's table, and where its state says how
 * full its block is. */
#define ROW(mechanism, name, state)                                                                \
    {                                                                                              \
        mechanism, &nettle_##name, offsetof(struct state, index), sizeof((struct state *)0)->block \
    }
static const struct Function {
    CK_MECHANISM_TYPE mechanism;
    const struct nettle_hash *function;
    size_t fill_offset;
    unsigned block_size;
} functions[] = {
    ROW(CKM_SHA_1, sha1, sha1_ctx),
    ROW(CKM_SHA224, sha224, sha256_ctx),
    ROW(CKM_SHA256, sha256, sha256_ctx),
    ROW(CKM_SHA384, sha384, sha512_ctx),
    ROW(CKM_SHA512, sha512, sha512_ctx),
    ROW(CKM_SHA512_224, sha512_224, sha512_ctx),
    ROW(CKM_SHA512_256, sha512_256, sha512_ctx),
    ROW(CKM_SHA3_224, sha3_224, sha3_224_ctx),
    ROW(CKM_SHA3_256, sha3_256, sha3_256_ctx),
    ROW(CKM_SHA3_384, sha3_384, sha3_384_ctx),
    ROW(CKM_SHA3_512, sha3_512, sha3_512_ctx),
};

#undef ROW

static const struct Function *find_function(CK_MECHANISM_TYPE mechanism)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (functions[i].mechanism == mechanism)
            return &functions[i];
    return NULL;
}

bool p11d_digest_init(P11dDigest *digest, CK_MECHANISM_TYPE mechanism)
{
    p11d_digest_wipe(digest);
    const P11dHash *hash = p11d_hash_of_mechanism(mechanism);
    const struct Function *found = find_function(mechanism);
    const struct nettle_hash *function = found ? found->function : NULL;
    /* The sizes cannot differ unless the library is not the one that this was built with. */
    if (!hash || !function || function->digest_size != hash->size ||
        function->context_size > sizeof digest->state)
        return false;
    digest->hash = hash;
    digest->function = function;
    function->init(&digest->state);
    return true;
}

bool p11d_digest_supports(CK_MECHANISM_TYPE mechanism)
{
    P11dDigest digest;
    return p11d_digest_init(&digest, mechanism);
}

size_t p11d_digest_size(const P11dDigest *digest)
{
    return digest->hash ? digest->hash->size : 0;
}

void p11d_digest_update(P11dDigest *digest, const void *bytes, size_t size)
{
    if (digest->hash && size > 0)
        digest->function->update(&digest->state, size, bytes);
}

size_t p11d_digest_final(P11dDigest *digest, uint8_t output[P11D_HASH_MAX_SIZE])
{
    size_t size = p11d_digest_size(digest);
    if (size > 0)
        digest->function->digest(&digest->state, size, output);
    p11d_digest_wipe(digest);
    return size;
}

void p11d_digest_copy(P11dDigest *copy, const P11dDigest *digest)
{
    *copy = *digest;
}

size_t p11d_digest_save(const P11dDigest *digest, uint8_t state[P11D_DIGEST_STATE_MAX])
{
    if (!digest->hash)
        return 0;
    memcpy(state, &digest->state, digest->function->context_size);
    return digest->function->context_size;
}

bool p11d_digest_restore(P11dDigest *digest, CK_MECHANISM_TYPE mechanism, const uint8_t *state,
                         size_t size)
{
    unsigned fill;
    const struct Function *found = find_function(mechanism);
    if (!p11d_digest_init(digest, mechanism))
        return false;
    if (size == digest->function->context_size) {
        memcpy(&fill, state + found->fill_offset, sizeof fill);
        if (fill < found->block_size) {
            memcpy(&digest->state, state, size);
            return true;
        }
    }
    p11d_digest_wipe(digest);
    return false;
}

void p11d_digest_wipe(P11dDigest *digest)
{
    explicit_bzero(digest, sizeof *digest);
}

size_t p11d_digest_info(CK_MECHANISM_TYPE mechanism, const uint8_t *digest, size_t size,
                        uint8_t info[P11D_DIGEST_INFO_MAX])
{
    const P11dHash *hash = p11d_hash_of_mechanism(mechanism);
    if (!hash || hash->prefix_size == 0 || size != hash->size)
        return 0;
    memcpy(info, hash->prefix, hash->prefix_size);
    memcpy(info + hash->prefix_size, digest, size);
    return hash->prefix_size + size;
}
