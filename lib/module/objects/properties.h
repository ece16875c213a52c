// SPDX-License-Identifier: MIT
/*
 * Properties are what a service says of a token (org.p11dbus.Token1), turned into what
 * C_GetTokenInfo and C_GetMechanismList answer. All are optional, so each has a value that it
 * starts from.
 */
#ifndef P11D_PROPERTIES_H
#define P11D_PROPERTIES_H

#include <stdbool.h>
#include <stdint.h>

#include "pkcs11.h"
#include "reader.h"

/* The most mechanisms of a token that are kept. */
#define P11D_PROPERTIES_MECHANISMS 1024

typedef struct P11dOffer {
    CK_MECHANISM_TYPE type;
    CK_KEY_TYPE key; /* of the keys that it works with; CK_UNAVAILABLE_INFORMATION: of several, or
                      * nobody knows */
    CK_MECHANISM_INFO info;
} P11dOffer;

typedef struct P11dProperties {
    /* Blank-padded, without NUL, as CK_TOKEN_INFO has them. */
    CK_UTF8CHAR label[32];
    CK_UTF8CHAR manufacturer[32];
    CK_UTF8CHAR model[16];
    CK_CHAR serial[16];
    CK_FLAGS flags;
    struct {
        CK_ULONG shortest; /* bytes */
        CK_ULONG longest;
    } pin;
    CK_VERSION hardware;
    CK_VERSION firmware;
    struct {
        bool prehashed;
        bool streams;
    } features;
    struct {
        bool known;
        uint64_t number;
    } run;
    struct {
        bool known; /* "Mechanisms" was sent at all */
        size_t count;
    } offered;
    P11dOffer *offers; /* owned: what the service says that the token can, each mechanism once */
} P11dProperties;

/* Makes properties of a token of which nothing is known but its name. */
void p11d_properties_init(P11dProperties *properties, const char *name);

/* Frees what it owns. */
void p11d_properties_clear(P11dProperties *properties);

/*
 * Takes over what elements, the content of an a{sv} that was validated, say; what has another type
 * than the interface says is ignored, as is what does not fit in memory. name: of the token.
 */
void p11d_properties_read(P11dProperties *properties, P11dReader elements);

/* Puts one property back to what it starts from. */
void p11d_properties_reset(P11dProperties *properties, const char *property, const char *name);

/* What the token can do with that mechanism by its service's word; NULL: nothing. */
const P11dOffer *p11d_properties_offer(const P11dProperties *properties, CK_MECHANISM_TYPE type);

/* The flags of an offer that can be taken up: what only streams do needs streams. */
CK_FLAGS p11d_properties_flags(const P11dProperties *properties, const P11dOffer *offer);

/* Whether the token does with that mechanism what flag (CKF_SIGN) stands for. A service that names
 * no mechanisms at all is asked to sign with any. */
bool p11d_properties_can(const P11dProperties *properties, CK_MECHANISM_TYPE type, CK_FLAGS flag);

/* The same, with any mechanism for keys of that type (CK_UNAVAILABLE_INFORMATION: of any). */
bool p11d_properties_serves(const P11dProperties *properties, CK_KEY_TYPE key, CK_FLAGS flag);

/* Writes text to field, blank-padded, cut at a character if it is longer. */
void p11d_properties_pad(unsigned char *field, size_t size, const char *text);

#endif
