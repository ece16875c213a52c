// SPDX-License-Identifier: MIT
#include "blake2b.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <string.h>

#include "text.h"

static char *hash(size_t digest_size, const uint8_t *bytes, size_t size, size_t piece)
{
    uint8_t digest[P11D_BLAKE2B_MAX_SIZE];
    P11dBlake2b state;
    p11d_blake2b_init(&state, digest_size);
    for (size_t at = 0; at < size; at += piece)
        p11d_blake2b_update(&state, bytes + at, MIN(piece, size - at));
    p11d_blake2b_final(&state, digest);
    return p11d_text_hex(digest, digest_size);
}

/* What b2sum -l says of "abc". */
static const struct {
    size_t size;
    const char *digest;
} rows[] = {
    {1, "6b"},
    {28, "9bd237b02a29e43bdd6738afa5b53ff0eee178d6210b618e4511aec8"},
    {32, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"},
    {48, "6f56a82c8e7ef526dfe182eb5212f7db9df1317e57815dbda46083fc30f54ee6"
         "c66ba83be64b302d7cba6ce15bb556f4"},
    {64, "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
         "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"},
};

Test(blake2b, lengths_of_the_digest)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *digest = hash(rows[i].size, (const uint8_t *)"abc", 3, 3);
        cr_assert_str_eq(digest, rows[i].digest, "row %zu: %s", i, digest);
    }
}

Test(blake2b, any_size_in_any_pieces_is_what_openssl_says)
{
    static const size_t sizes[] = {0, 1, 127, 128, 129, 255, 256, 257, 1024, 5000};
    static const size_t pieces[] = {1, 3, 127, 128, 129, 5000};
    uint8_t bytes[5000], expected[EVP_MAX_MD_SIZE];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        unsigned size = 0;
        cr_assert(EVP_Digest(bytes, sizes[i], expected, &size, EVP_blake2b512(), NULL));
        g_autofree char *wanted = p11d_text_hex(expected, size);
        for (size_t j = 0; j < G_N_ELEMENTS(pieces); j++) {
            g_autofree char *digest = hash(64, bytes, sizes[i], pieces[j]);
            cr_assert_str_eq(digest, wanted, "%zu bytes by %zu", sizes[i], pieces[j]);
        }
    }
}
