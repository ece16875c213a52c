// SPDX-License-Identifier: MIT
#include "blake2b.h"

#include <endian.h>
#include <string.h>

/* Section 2.6: the initialization vector. */
static const uint64_t start[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

/* Section 2.7: the message schedule; rounds 10 and 11 are 0 and 1 again. */
static const uint8_t schedule[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

/* Which words of the working vector each step of a round mixes: columns, then diagonals. */
static const uint8_t lanes[8][4] = {
    {0, 4, 8, 12},  {1, 5, 9, 13},  {2, 6, 10, 14}, {3, 7, 11, 15},
    {0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13},  {3, 4, 9, 14},
};

static inline uint64_t rotate(uint64_t word, unsigned bits)
{
    return word >> bits | word << (64 - bits);
}

/* Section 3.1: the mixing function G. */
static inline void mix(uint64_t *v, const uint8_t lane[4], uint64_t x, uint64_t y)
{
    uint64_t *a = &v[lane[0]], *b = &v[lane[1]], *c = &v[lane[2]], *d = &v[lane[3]];
    *a += *b + x;
    *d = rotate(*d ^ *a, 32);
    *c += *d;
    *b = rotate(*b ^ *c, 24);
    *a += *b + y;
    *d = rotate(*d ^ *a, 16);
    *c += *d;
    *b = rotate(*b ^ *c, 63);
}

/* Section 3.2: the compression function F on the block. last: whether no other follows. */
static void compress(P11dBlake2b *hash, int last)
{
    uint64_t v[16], words[16];
    memcpy(words, hash->block, sizeof words);
    for (size_t i = 0; i < 16; i++)
        words[i] = le64toh(words[i]);
    memcpy(v, hash->state, sizeof hash->state);
    memcpy(v + 8, start, sizeof start);
    v[12] ^= hash->count[0];
    v[13] ^= hash->count[1];
    if (last)
        v[14] = ~v[14];
    for (size_t round = 0; round < 12; round++) {
        const uint8_t *order = schedule[round % 10];
#pragma GCC unroll 8 /* else the lanes are looked up in memory, which takes twice as long */
        for (size_t i = 0; i < 8; i++)
            mix(v, lanes[i], words[order[2 * i]], words[order[2 * i + 1]]);
    }
    for (size_t i = 0; i < 8; i++)
        hash->state[i] ^= v[i] ^ v[i + 8];
}

static void count(P11dBlake2b *hash)
{
    hash->count[0] += hash->used;
    hash->count[1] += hash->count[0] < hash->used;
}

void p11d_blake2b_init(P11dBlake2b *hash, size_t size)
{
    *hash = (P11dBlake2b){.size = size};
    memcpy(hash->state, start, sizeof start);
    hash->state[0] ^= 0x01010000 ^ size; /* section 2.5: no key, one leaf, one level */
}

void p11d_blake2b_update(P11dBlake2b *hash, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    while (size > 0) {
        if (hash->used == P11D_BLAKE2B_BLOCK) { /* it is not the last: there is more */
            count(hash);
            compress(hash, 0);
            hash->used = 0;
        }
        size_t room = P11D_BLAKE2B_BLOCK - hash->used;
        size_t part = size < room ? size : room;
        memcpy(hash->block + hash->used, from, part);
        hash->used += part;
        from += part;
        size -= part;
    }
}

void p11d_blake2b_final(P11dBlake2b *hash, uint8_t *digest)
{
    uint64_t words[8];
    count(hash);
    memset(hash->block + hash->used, 0, P11D_BLAKE2B_BLOCK - hash->used);
    compress(hash, 1);
    for (size_t i = 0; i < 8; i++)
        words[i] = htole64(hash->state[i]);
    memcpy(digest, words, hash->size);
}
