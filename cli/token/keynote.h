// SPDX-License-Identifier: MIT
/*
 * A key note is an object by which a service tells why it does not serve a key that it has: a data
 * object with the label of the key (org.p11dbus.xml, Token1).
 */
#ifndef P11D_KEYNOTE_H
#define P11D_KEYNOTE_H

#include "item.h"

/* What item, if it is such a note, says, made visible, which the caller frees; else NULL. */
char *p11d_keynote_text(const P11dItem *item);

/* The same of a note on who else may put keys in the place of those of the token. */
char *p11d_keynote_exposure(const P11dItem *item);

/* The same of the first note on a key among items (of P11dItem); NULL: there is none. */
char *p11d_keynote_find(const GPtrArray *items);

#endif
