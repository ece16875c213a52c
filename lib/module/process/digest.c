// SPDX-License-Identifier: MIT
#include "digest.h"

#include <nettle/nettle-meta.h>
#include <string.h>

/* Which function of nettle computes which hash of the core's table. */
static const struct {
    CK_MECHANISM_TYPE mechanism;
    const struct nettle_hash *function;
} functions[] = {
    {CKM_SHA_1, &nettle_sha1},
    {CKM_SHA224, &nettle_sha224},
    {CKM_SHA256, &nettle_sha256},
    {CKM_SHA384, &nettle_sha384},
    {CKM_SHA512, &nettle_sha512},
    {CKM_SHA512_224, &nettle_sha512_224},
    {CKM_SHA512_256, &nettle_sha512_256},
    {CKM_SHA3_224, &nettle_sha3_224},
    {CKM_SHA3_256, &nettle_sha3_256},
    {CKM_SHA3_384, &nettle_sha3_384},
    {CKM_SHA3_512, &nettle_sha3_512},
};

static const struct nettle_hash *find_function(CK_MECHANISM_TYPE mechanism)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (functions[i].mechanism == mechanism)
            return functions[i].function;
    return NULL;
}

bool p11d_digest_init(P11dDigest *digest, CK_MECHANISM_TYPE mechanism)
{
    p11d_digest_wipe(digest);
    const P11dHash *hash = p11d_hash_of_mechanism(mechanism);
    const struct nettle_hash *function = find_function(mechanism);
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
