// SPDX-License-Identifier: MIT
/* A view object is what a client knows by an id: a session object of its own, or an object on the
 * token. */
#ifndef P11D_VIEWOBJECT_H
#define P11D_VIEWOBJECT_H

#include "keyview.h"

/* Adds what is told of the object to templ, which is empty, and gives a reference to its key, or
 * NULL. Errors: CKR_OBJECT_HANDLE_INVALID (the view sees no such object), CKR_HOST_MEMORY. */
CK_RV p11d_viewobject_get(P11dKeyView *view, uint64_t id, P11dTemplate *templ, P11dServedKey **key);

#endif
