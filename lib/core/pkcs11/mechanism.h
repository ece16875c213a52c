// SPDX-License-Identifier: MIT
/*
 * A mechanism is one row for each CKM_ number: its name on D-Bus, the shape of its parameters with
 * encoder and decoder, the hash that it starts with, and the mechanism that is left when the data
 * is hashed already. To add a mechanism is to add a row. A mechanism without a row passes by
 * number, without parameters only.
 */
#ifndef P11D_MECHANISM_H
#define P11D_MECHANISM_H

#include "hash.h"
#include "name.h"
#include "parameter.h"

/* No such mechanism, where a row may name another one. */
#define P11D_MECHANISM_NONE CK_UNAVAILABLE_INFORMATION

/*
 * Parameters in PKCS#11 form, read from D-Bus. Byte strings inside point into the message that was
 * read and live as long as it does. It points at itself, so it is not to be copied.
 */
typedef struct P11dParameters {
    CK_MECHANISM mechanism; /* pParameter points at storage, or is NULL */
    union {
        uint64_t align;
        uint8_t bytes[P11D_PARAMETER_STORAGE];
    } storage;
    bool prehashed; /* "prehashed": data is the digest */
} P11dParameters;

typedef struct P11dMechanism {
    CK_MECHANISM_TYPE type;
    const char *name;
    const P11dParameterShape *shape;
    CK_MECHANISM_TYPE hash; /* the digest mechanism that it applies to the data first, or _NONE */
    CK_MECHANISM_TYPE raw;  /* the same on a digest: CKM_ECDSA for CKM_ECDSA_SHA256; or _NONE */
    bool digest_info;       /* raw wants the DigestInfo around the digest (RSA PKCS #1 v1.5) */
    CK_KEY_TYPE key_type;   /* of the keys that it works with; CK_UNAVAILABLE_INFORMATION: it works
                               without a key, or with keys of several types */
} P11dMechanism;

extern const P11dMechanism p11d_mechanisms[];
extern const size_t p11d_mechanism_count;

/* The row, or NULL. */
const P11dMechanism *p11d_mechanism_find(CK_MECHANISM_TYPE type);

/* As p11d_name_of and p11d_name_parse. */
const char *p11d_mechanism_name(CK_MECHANISM_TYPE type, char scratch[P11D_NAME_SIZE]);
bool p11d_mechanism_parse_name(const char *name, CK_MECHANISM_TYPE *type);

/*
 * Writes the parameters of mechanism as the entries of an a{sv}, without the array around them, so
 * that they can be kept (p11d_writer_raw) and "prehashed" be added. The writer must stand at an
 * offset that is a multiple of 8 from its start.
 * Errors: CKR_MECHANISM_PARAM_INVALID (also for a mechanism without a row that has parameters).
 * Nothing is written then.
 */
CK_RV p11d_mechanism_write_parameters(P11dWriter *writer, const CK_MECHANISM *mechanism);

/*
 * Reads one a{sv} as the parameters of mechanism type. Keys that it does not have are ignored, but
 * a mechanism without a row takes none at all: signing without what was asked for is worse than
 * an error.
 * Errors: CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD (the bytes are malformed).
 */
CK_RV p11d_mechanism_read_parameters(P11dReader *reader, CK_MECHANISM_TYPE type,
                                     P11dParameters *parameters);

#endif
