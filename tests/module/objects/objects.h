// SPDX-License-Identifier: MIT
/* What tests of objects share: objects made of one listed entry, and short questions to them. */
#ifndef P11D_TEST_OBJECTS_H
#define P11D_TEST_OBJECTS_H

#include "object.h"
#include "wire.h"

/* Begins an entry of that class in wire. */
void objects_begin(Wire *wire, const char *class_name);

/* Ends the entry and makes an object of it, with the id 7; clears wire. */
CK_RV objects_make(Wire *wire, P11dObject **object);
/* The same where it must succeed. */
P11dObject *objects_must_make(Wire *wire);

/* A key as the interface's example lists it: class, label "k", public-key-info. kind: as for
 * keys_generate. */
P11dObject *objects_key(const char *class_name, const char *kind);

/* Whether the service would have to be asked for it: 1 or 0. */
CK_ULONG objects_unknown(const P11dObject *object, CK_ATTRIBUTE_TYPE type);

/* What a size query for one attribute returns. */
CK_RV objects_ask(const P11dObject *object, CK_ATTRIBUTE_TYPE type);

/* The attribute must be there with just these bytes. */
void objects_check(const P11dObject *object, CK_ATTRIBUTE_TYPE type, const void *value,
                   size_t size);

#endif
