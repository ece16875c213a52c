// SPDX-License-Identifier: MIT
#include "digests.h"

#include <criterion/criterion.h>
#include <string.h>

static const char content[] = "a content that comes in two pieces";
static const size_t first = 10;

static void check(const P11dDigests *digests, const P11dHash *hash)
{
    unsigned char expected[EVP_MAX_MD_SIZE];
    size_t size = 0;
    cr_assert(EVP_Q_digest(NULL, hash->name, NULL, content, strlen(content), expected, &size));
    g_autoptr(GBytes) digest = p11d_digests_get(digests, hash);
    cr_assert_not_null(digest, "%s", hash->name);
    cr_assert_eq(g_bytes_get_size(digest), size);
    cr_assert_eq(memcmp(g_bytes_get_data(digest, NULL), expected, size), 0, "%s", hash->name);
}

Test(digests, every_hash_of_what_is_read_once)
{
    P11dDigests digests;
    p11d_digests_init(&digests);
    for (size_t i = 0; i < p11d_hash_count; i++)
        for (int twice = 0; twice < 2; twice++)
            cr_assert(p11d_digests_want(&digests, &p11d_hashes[i]), "%s", p11d_hashes[i].name);
    cr_assert(p11d_digests_add(&digests, content, first));
    cr_assert(p11d_digests_add(&digests, content + first, strlen(content) - first));
    for (size_t i = 0; i < p11d_hash_count; i++)
        for (int twice = 0; twice < 2; twice++)
            check(&digests, &p11d_hashes[i]);
    p11d_digests_clear(&digests);
}

Test(digests, only_what_was_asked_for)
{
    P11dDigests digests;
    p11d_digests_init(&digests);
    cr_assert(p11d_digests_want(&digests, &p11d_hashes[2]));
    cr_assert_null(p11d_digests_get(&digests, &p11d_hashes[3]));
    p11d_digests_clear(&digests);
}
