// SPDX-License-Identifier: MIT
#include "residue.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* How deep libcrypto may go below its caller, in bytes. */
#define STACK_DEPTH ((size_t)16 << 10)

static void *allocate(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size > 0 ? malloc(size) : NULL; /* as libcrypto does it */
}

static void release(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    if (block)
        explicit_bzero(block, malloc_usable_size(block));
    free(block);
}

/* Never realloc, which may leave the old content behind. What fits stays where it is, and is wiped
 * with the whole block in the end. */
static void *reallocate(void *block, size_t size, const char *file, int line)
{
    size_t capacity = block ? malloc_usable_size(block) : 0;
    if (size > 0 && size <= capacity)
        return block;
    void *fresh = allocate(size, file, line);
    if (fresh && block)
        memcpy(fresh, block, capacity);
    if (fresh || size == 0)
        release(block, file, line);
    return fresh;
}

bool p11d_residue_wipe_heap(void)
{
    return CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;
}

/* Its own frame is where theirs were. */
__attribute__((noinline)) void p11d_residue_wipe_stack(void)
{
    uint8_t frame[STACK_DEPTH];
    explicit_bzero(frame, sizeof frame);
}
