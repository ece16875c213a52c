// SPDX-License-Identifier: MIT
/*
 * A template is a list of attributes in PKCS#11 form that owns its values: an object's attributes,
 * or what an application asked for. Every type stands in it at most once. Values that may be
 * secret are wiped when they are replaced or cleared (all of them are: nobody has to decide).
 */
#ifndef P11D_TEMPLATE_H
#define P11D_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "pkcs11.h"

/* The most attributes that a template from outside may hold. */
#define P11D_TEMPLATE_MAX 256
/* The largest value of one attribute, in bytes. */
#define P11D_TEMPLATE_VALUE_MAX (16UL << 20)
/* How deep templates stand in templates (CKA_WRAP_TEMPLATE and its like), the outermost counted:
 * in an object of ListObjects that is what P11D_READER_DEPTH leaves room for. */
#define P11D_TEMPLATE_DEPTH 4

typedef struct P11dTemplate {
    CK_ATTRIBUTE *items; /* values are owned; a value of length 0 may have pValue NULL */
    CK_ULONG count;
    CK_ULONG capacity;
} P11dTemplate;

/* True if values of that type are arrays of CK_ATTRIBUTE, so that their bytes hold pointers. */
bool p11d_template_is_nested(CK_ATTRIBUTE_TYPE type);

void p11d_template_init(P11dTemplate *templ);

/* Wipes and frees. templ is then empty and may be used again. */
void p11d_template_clear(P11dTemplate *templ);

/* The attribute of that type, or NULL. */
const CK_ATTRIBUTE *p11d_template_find(const P11dTemplate *templ, CK_ATTRIBUTE_TYPE type);

/* Sets a copy of size bytes, in place of what the type had. For an attribute of kind template the
 * bytes are an array of CK_ATTRIBUTE, copied deeply, to P11D_TEMPLATE_DEPTH.
 * Errors: CKR_HOST_MEMORY; CKR_ATTRIBUTE_VALUE_INVALID (too large, nested too deep, a null value
 * with a length); CKR_TEMPLATE_INCONSISTENT (more than P11D_TEMPLATE_MAX). Nothing is changed
 * then. */
CK_RV p11d_template_set(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, const void *value,
                        size_t size);
CK_RV p11d_template_set_boolean(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, bool value);
CK_RV p11d_template_set_number(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, CK_ULONG value);
CK_RV p11d_template_set_text(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, const char *value);

/* Moves all attributes of from to templ, in place of what the types had; from is then empty.
 * Errors: CKR_HOST_MEMORY, CKR_TEMPLATE_INCONSISTENT (more than P11D_TEMPLATE_MAX). Nothing is
 * changed then. */
CK_RV p11d_template_merge(P11dTemplate *templ, P11dTemplate *from);

/* Removes the type, if it is there. */
void p11d_template_unset(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type);

/* The value of a CK_BBOOL or CK_ULONG attribute, or fallback if it is not there or has another
 * size. */
bool p11d_template_boolean(const P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, bool fallback);
CK_ULONG p11d_template_number(const P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, CK_ULONG fallback);

#endif
