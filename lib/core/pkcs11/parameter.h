// SPDX-License-Identifier: MIT
/*
 * A parameter is one field of a mechanism's parameter structure: its key in the a{sv} of D-Bus, its
 * kind, and where it stands in the structure. A shape is a structure: the list of its fields. One
 * writer and one reader serve all shapes, and no pointer crosses that no field speaks of.
 */
#ifndef P11D_PARAMETER_H
#define P11D_PARAMETER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkcs11.h"
#include "reader.h"
#include "writer.h"

/* Room for the largest parameter structure. */
#define P11D_PARAMETER_STORAGE 128
/* The most bytes that a pointer in a parameter structure may point at. */
#define P11D_PARAMETER_BYTES_MAX 65536UL

typedef enum P11dParameterKind {
    P11D_PARAMETER_NUMBER,  /* CK_ULONG, t */
    P11D_PARAMETER_BOOLEAN, /* CK_BBOOL, b */
    P11D_PARAMETER_HASH,    /* CK_MECHANISM_TYPE of a digest, s: P11dHash.name */
    P11D_PARAMETER_MGF,     /* CK_RSA_PKCS_MGF_TYPE, s: P11dHash.name */
    P11D_PARAMETER_KDF,     /* CK_EC_KDF_TYPE, s: "null" or P11dHash.name */
    P11D_PARAMETER_HEDGE,   /* CK_HEDGE_TYPE, s */
    P11D_PARAMETER_BYTES,   /* a pointer and, at length, its CK_ULONG length; ay */
    P11D_PARAMETER_POINT,   /* the same of a public key, with or without a DER OCTET STRING around
                               it; without on D-Bus */
    P11D_PARAMETER_INLINE,  /* length bytes in the structure itself, ay */
} P11dParameterKind;

typedef struct P11dParameter {
    const char *key;
    P11dParameterKind kind;
    size_t at;     /* offset in the structure */
    size_t length; /* offset of the length (BYTES, POINT) or number of bytes (INLINE) */
    size_t limit;  /* the most bytes of BYTES and POINT */
    bool optional; /* not sent when empty; not sent means zero or empty */
} P11dParameter;

typedef struct P11dParameterShape {
    const char *label; /* for messages and tests: "none", "pss", "oaep", "ecdh1", "eddsa" … */
    size_t size;       /* of the structure, bytes; 0: the mechanism takes none */
    bool optional;     /* may be left out: then no field is sent */
    const P11dParameter *fields;
    size_t field_count;
    bool has_source;  /* a CK_ULONG that is always CKZ_DATA_SPECIFIED */
    size_t source_at; /* its offset */
} P11dParameterShape;

extern const P11dParameterShape p11d_parameters_none;
extern const P11dParameterShape p11d_parameters_pss;       /* CK_RSA_PKCS_PSS_PARAMS */
extern const P11dParameterShape p11d_parameters_oaep;      /* CK_RSA_PKCS_OAEP_PARAMS */
extern const P11dParameterShape p11d_parameters_ecdh1;     /* CK_ECDH1_DERIVE_PARAMS */
extern const P11dParameterShape p11d_parameters_eddsa;     /* CK_EDDSA_PARAMS or none */
extern const P11dParameterShape p11d_parameters_gcm;       /* CK_GCM_PARAMS */
extern const P11dParameterShape p11d_parameters_iv16;      /* 16 bytes */
extern const P11dParameterShape p11d_parameters_iv8;       /* 8 bytes */
extern const P11dParameterShape p11d_parameters_ctr;       /* CK_AES_CTR_PARAMS */
extern const P11dParameterShape p11d_parameters_sign;      /* CK_SIGN_ADDITIONAL_CONTEXT or none */
extern const P11dParameterShape p11d_parameters_hash_sign; /* CK_HASH_SIGN_ADDITIONAL_CONTEXT */

/*
 * Writes the entries of an a{sv} (not the array around them) from mechanism, after it has checked
 * the length of the parameter and every pointer and length in it.
 * Errors: CKR_MECHANISM_PARAM_INVALID; part of the entries may have been written then.
 */
CK_RV p11d_parameter_write(const P11dParameterShape *shape, P11dWriter *writer,
                           const CK_MECHANISM *mechanism);

/*
 * Reads the entries through elements into the structure at storage; *size is set to its size, 0 if
 * the parameter is left out. Pointers in it point into the bytes that were read. Keys that the
 * shape does not have are ignored.
 * Errors: CKR_MECHANISM_PARAM_INVALID (a key twice or missing, another signature, an unknown name,
 * a number or length out of range), CKR_ARGUMENTS_BAD (the bytes are malformed).
 */
CK_RV p11d_parameter_read(const P11dParameterShape *shape, P11dReader elements,
                          uint8_t storage[P11D_PARAMETER_STORAGE], size_t *size);

#endif
