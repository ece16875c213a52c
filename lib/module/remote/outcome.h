// SPDX-License-Identifier: MIT
/*
 * An outcome is what an own call did to the objects of a token. It is put into the snapshot without
 * a list where that is safe, so that the host has a new object's handle and misses what it
 * destroyed at once; where a list may have seen the object before or after the call, the snapshot
 * is brought up to date by one. In any case the next search asks for a list: the service knows more
 * of an object than the call said.
 */
#ifndef P11D_OUTCOME_H
#define P11D_OUTCOME_H

#include "listing.h"

/*
 * The call of that moment made count objects: *handles are their handles. An object_class of
 * CK_UNAVAILABLE_INFORMATION in a draft is one that the call did not say. May wait.
 * Errors: those of p11d_listing_look; CKR_DEVICE_ERROR (one of them cannot be seen, or the
 * connection that they belong to is lost). No handle is given then.
 */
CK_RV p11d_outcome_made(P11dToken *token, P11dMoment moment, const P11dDraft *drafts, size_t count,
                        CK_OBJECT_HANDLE *handles);

/* The call of that moment destroyed the object that the service calls id. */
void p11d_outcome_destroyed(P11dToken *token, P11dMoment moment, uint64_t id);

/* The call of that moment was C_SetAttributeValue with templ, of the object with that handle. May
 * wait. */
void p11d_outcome_changed(P11dToken *token, P11dMoment moment, CK_OBJECT_HANDLE handle,
                          const P11dTemplateArgument *templ);

#endif
