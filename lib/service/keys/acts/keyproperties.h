// SPDX-License-Identifier: MIT
/*
 * The key properties are what a key token says of itself on D-Bus (org.p11dbus.xml, the properties
 * of Token1): what follows from its directory, and what its keys can do.
 */
#ifndef P11D_KEYPROPERTIES_H
#define P11D_KEYPROPERTIES_H

#include <stdbool.h>
#include <stdint.h>

#include "keystanding.h"
#include "writer.h"

typedef struct P11dKeyProperties {
    char *label; /* UTF-8; owned */
    char serial[2 * 8 + 1];
    uint64_t run;
} P11dKeyProperties;

/* Makes the properties of the directory at path (absolute), and a new run. Returns false with errno
 * set; properties is then to be cleared too. */
bool p11d_keyproperties_init(P11dKeyProperties *properties, const char *path);

/* Frees. Safe on one that is all zero. */
void p11d_keyproperties_clear(P11dKeyProperties *properties);

/* Writes the elements of the a{sv}, from an offset that is a multiple of 8. p11d_servedkey_setup
 * has been called. */
void p11d_keyproperties_write(const P11dKeyProperties *properties, const P11dKeyStanding *standing,
                              P11dWriter *writer);

#endif
