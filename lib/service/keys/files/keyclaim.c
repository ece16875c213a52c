// SPDX-License-Identifier: MIT
#include "keyclaim.h"

#include <openssl/err.h>
#include <string.h>

static bool has_private(const P11dKeyClaim *claim)
{
    return claim->key || claim->locked.type;
}

static bool is_equal(const EVP_PKEY *a, const EVP_PKEY *b)
{
    bool equal = EVP_PKEY_eq(a, b) == 1;
    ERR_clear_error();
    return equal;
}

/* Why the private keys of two claims are not seen to be the same; NULL: they are. */
static const char *compare(const P11dKeyClaim *a, const P11dKeyClaim *b)
{
    if (a->key && b->key)
        return is_equal(a->key, b->key) ? NULL : "its private keys differ";
    /* The same block is the same key, whatever the passphrase. */
    if (a->locked.type && b->locked.type && p11d_pem_equal(&a->locked, &b->locked))
        return NULL;
    return "its private keys cannot be compared without their passphrases";
}

static void swap_private(P11dKeyClaim *a, P11dKeyClaim *b)
{
    P11dKeyClaim kept = *a;
    a->key = b->key;
    a->locked = b->locked;
    a->unusable = b->unusable;
    b->key = kept.key;
    b->locked = kept.locked;
    b->unusable = kept.unusable;
}

void p11d_keyclaim_join(P11dKeyClaim *claim, P11dKeyClaim *from)
{
    if (!claim->other)
        claim->other = from->other;
    if (has_private(claim) && has_private(from) && !claim->other)
        claim->other = compare(claim, from);
    if (!*claim->why)
        memcpy(claim->why, from->why, sizeof claim->why);
    /* One that may be served comes first. */
    if (has_private(from) && (!has_private(claim) || (claim->unusable && !from->unusable)))
        swap_private(claim, from);

    claim->torn = claim->torn || from->torn;
    if (!claim->public_key) {
        claim->public_key = from->public_key;
        from->public_key = NULL;
    } else if (from->public_key && !is_equal(claim->public_key, from->public_key)) {
        claim->torn = true;
    }
    p11d_keyclaim_clear(from);
}

void p11d_keyclaim_doubt(P11dKeyClaim *claim)
{
    if (!claim->other)
        claim->other = "it may have another private key, which cannot be read";
}

bool p11d_keyclaim_is_any(const P11dKeyClaim *claim)
{
    return has_private(claim) || claim->public_key || claim->other;
}

const char *p11d_keyclaim_conflict(const P11dKeyClaim *claim)
{
    if (claim->other && has_private(claim) && !claim->unusable)
        return claim->other;
    if (claim->torn)
        return "its public keys differ";
    if (claim->key && claim->public_key && !is_equal(claim->key, claim->public_key))
        return "its public key is not that of its private key";
    return NULL;
}

void p11d_keyclaim_clear(P11dKeyClaim *claim)
{
    EVP_PKEY_free(claim->key);
    EVP_PKEY_free(claim->public_key);
    p11d_pem_clear(&claim->locked);
    memset(claim, 0, sizeof *claim);
}
