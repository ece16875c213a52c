// SPDX-License-Identifier: MIT
/*
 * A search looks for secrets in all memory that another process can write to. It looks for pieces
 * of them: memory that was freed may have lost a part to the allocator.
 */
#ifndef P11D_TESTS_SEARCH_H
#define P11D_TESTS_SEARCH_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SEARCH_PIECE 16 /* bytes */
#define SEARCH_PIECES 512

typedef struct Search {
    struct {
        uint8_t bytes[SEARCH_PIECE];
        const char *what; /* borrowed */
        int found;
    } pieces[SEARCH_PIECES];
    size_t count;
} Search;

/* Adds what size bytes are, in this byte order and in the other. What is shorter than a piece, or
 * too much, ends the test. */
void search_add(Search *search, const char *what, const void *bytes, size_t size);

/* Adds every private number of key: d, both primes, both exponents and the coefficient of RSA, the
 * scalar of EC, the seed of Ed25519 and Ed448. */
void search_add_key(Search *search, const char *what, EVP_PKEY *key);

/* Looks through the memory of pid. False: nobody lets us look. */
bool search_run(Search *search, pid_t pid);

/* The first piece of what (NULL: of anything) that was found, or NULL. */
const char *search_found(const Search *search, const char *what);

#endif
