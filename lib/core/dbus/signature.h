// SPDX-License-Identifier: MIT
/*
 * A signature is a list of complete types in the notation of D-Bus (D-Bus Specification, "Type
 * System"), checked once. It remembers where each type in it ends, so that walking values by it
 * never searches: an empty array costs the same whatever its elements would have been.
 */
#ifndef P11D_SIGNATURE_H
#define P11D_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest signature, and the deepest nesting of arrays and of structs in it. */
#define P11D_SIGNATURE_MAX 255
#define P11D_SIGNATURE_DEPTH 32

typedef struct P11dSignature {
    const char *text;                    /* borrowed */
    size_t size;                         /* without the NUL */
    uint8_t end[P11D_SIGNATURE_MAX + 1]; /* [i]: where the type that begins at i ends */
} P11dSignature;

/* Checks text. Returns false, with signature undefined, if it is not a valid signature. */
bool p11d_signature_parse(P11dSignature *signature, const char *text);

/* True if it is exactly one complete type. */
bool p11d_signature_is_single(const P11dSignature *signature);

/* What a value of the type that begins with this character is aligned to, in bytes. */
size_t p11d_signature_alignment(char type);

/* The bytes of a value if all of them have the same size and any content is valid: y n q i u x t
 * d h. 0 for the others. */
size_t p11d_signature_fixed_size(char type);

#endif
