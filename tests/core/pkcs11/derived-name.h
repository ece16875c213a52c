// SPDX-License-Identifier: MIT
/* The rule by which names on D-Bus are made from those of PKCS#11, for the tests of the tables. */
#ifndef P11D_TEST_DERIVED_NAME_H
#define P11D_TEST_DERIVED_NAME_H

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define DERIVED_NAME_SIZE 80

/* "CKA_EC_POINT" to "ec-point". */
static inline const char *derived_name(const char *macro, char storage[DERIVED_NAME_SIZE])
{
    const char *from = strchr(macro, '_') + 1;
    size_t i = 0;
    for (; from[i] && i < DERIVED_NAME_SIZE - 1; i++)
        storage[i] = from[i] == '_' ? '-' : (char)tolower((unsigned char)from[i]);
    storage[i] = '\0';
    return storage;
}

/* "CKR_PIN_INCORRECT" to "PinIncorrect". */
static inline const char *derived_error(const char *macro, char storage[DERIVED_NAME_SIZE])
{
    size_t size = 0;
    int first = 1;
    for (const char *from = strchr(macro, '_') + 1; *from && size < DERIVED_NAME_SIZE - 1; from++) {
        if (*from == '_') {
            first = 1;
            continue;
        }
        storage[size++] = first ? *from : (char)tolower((unsigned char)*from);
        first = 0;
    }
    storage[size] = '\0';
    return storage;
}

#endif
