// SPDX-License-Identifier: MIT
/*
 * A name is what a PKCS#11 number is called on D-Bus and in the command line: the name of 3.2
 * without its prefix, in lower case, with '-' for '_' (CKO_PRIVATE_KEY is "private-key"). A number
 * without a name is "0x" and lower-case hex without leading zeros, so every number has one
 * spelling. A table of names holds each number once.
 */
#ifndef P11D_NAME_H
#define P11D_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkcs11.h"

/* Room for the longest "0x…" with its NUL; names in tables may be longer. */
#define P11D_NAME_SIZE 24

typedef struct P11dName {
    CK_ULONG number;
    const char *name;
} P11dName;

typedef struct P11dNames {
    const P11dName *rows;
    size_t count;
} P11dNames;

extern const P11dNames p11d_names_class;            /* CKO_ */
extern const P11dNames p11d_names_key_type;         /* CKK_ */
extern const P11dNames p11d_names_certificate_type; /* CKC_ */
extern const P11dNames p11d_names_hw_feature;       /* CKH_ */
extern const P11dNames p11d_names_user;             /* CKU_ */
extern const P11dNames p11d_names_token_flag;       /* CKF_ of CK_TOKEN_INFO, one bit a row */
extern const P11dNames p11d_names_mechanism_flag;   /* CKF_ of CK_MECHANISM_INFO, one bit a row */
extern const P11dNames p11d_names_hedge;            /* CK_HEDGE_TYPE */

/* The name that a table has for number, or NULL. */
const char *p11d_name_find(const P11dNames *names, CK_ULONG number);

/* The name of number: from the table, or "0x…" written to scratch. Never NULL. */
const char *p11d_name_of(const P11dNames *names, CK_ULONG number, char scratch[P11D_NAME_SIZE]);

/*
 * The number that text names: a name of the table or "0x…" (strictly as p11d_name_of_number writes
 * it: lower case, no leading zero, in range; also for a number that has a name here, because the
 * other side may not know it yet). Returns false for anything else.
 */
bool p11d_name_parse(const P11dNames *names, const char *text, CK_ULONG *number);

/* "0x…" of number in scratch, and back; for tables that are not P11dNames.
 * CK_UNAVAILABLE_INFORMATION is 2^64-1 whatever the width of CK_ULONG. */
const char *p11d_name_of_number(CK_ULONG number, char scratch[P11D_NAME_SIZE]);
bool p11d_name_parse_number(const char *text, CK_ULONG *number);

/* For bsearch(3) in any table whose rows begin with their number and are sorted by it: key is a
 * CK_ULONG. */
int p11d_name_compare_number(const void *key, const void *row);

/* A number off the wire as a CK_ULONG: 2^64-1 is CK_UNAVAILABLE_INFORMATION. Returns false if it
 * does not fit into this machine's CK_ULONG. */
bool p11d_name_narrow(uint64_t wide, CK_ULONG *number);
/* The reverse. */
uint64_t p11d_name_widen(CK_ULONG number);

#endif
