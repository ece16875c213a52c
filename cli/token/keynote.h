// SPDX-License-Identifier: MIT
/*
 * A key note is an object by which a service tells why it does not serve a key that it has: a data
 * object with the label of the key (org.p11dbus.xml, Token1).
 */
#ifndef P11D_KEYNOTE_H
#define P11D_KEYNOTE_H

#include "item.h"

/* What the first note among items (of P11dItem) says, made visible; NULL: there is none. The caller
 * frees it. */
char *p11d_keynote_find(const GPtrArray *items);

#endif
