// SPDX-License-Identifier: MIT
/*
 * A scope is how much an audit looked at. What it did not look at, because a URI or a module was
 * named, a token failed or a login was missing, is not gone when it is not found.
 */
#ifndef P11D_SCOPE_H
#define P11D_SCOPE_H

#include "inventory.h"

/* All borrowed. */
typedef struct P11dScope {
    const P11dTarget *target;
    const P11dInventory *inventory;
    const P11dHosts *hosts;
    bool by_module; /* modules were named */
} P11dScope;

/* Whether all that about, a glob of URIs, can mean is in scope, a P11dScope (known.h). What names
 * its token in front of all wildcards means objects on that token; else it can mean any. */
bool p11d_scope_covers(const char *about, const void *scope);

#endif
