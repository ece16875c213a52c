// SPDX-License-Identifier: MIT
/*
 * A key text is what files of a key directory say between their PEM blocks, where readers of PEM
 * pass it over: the attributes that applications gave to objects and that no block can hold, one a
 * line, "private-key id: 0a01". It is in the file of the object itself, so that both are changed at
 * once.
 */
#ifndef P11D_KEYTEXT_H
#define P11D_KEYTEXT_H

#include "buffer.h"
#include "pem.h"
#include "template.h"

/* What attributes are kept for; as bits (1 << …) for several. */
enum {
    P11D_KEYTEXT_PRIVATE,
    P11D_KEYTEXT_PUBLIC,
    P11D_KEYTEXT_CERTIFICATE,
    P11D_KEYTEXT_SECRET,
    P11D_KEYTEXT_DATA,
    P11D_KEYTEXT_CLASSES
};

/* All zero: nothing is kept. CKA_TOKEN false among the attributes: that object is not there,
 * although it follows from others (the public half of a private key). */
typedef struct P11dKeyText {
    P11dTemplate kept[P11D_KEYTEXT_CLASSES];
} P11dKeyText;

/* The place of objects of that class; P11D_KEYTEXT_CLASSES: nothing is kept for them. */
int p11d_keytext_place(CK_OBJECT_CLASS class);

/* Adds what size bytes of a file say. 0, or the number of the first line that was left out, because
 * it cannot be understood or memory ran out: 1 is that of the first of the file. Where the value
 * alone cannot be understood, and is one of two, it is the one that allows less. */
size_t p11d_keytext_read(P11dKeyText *self, const void *bytes, size_t size);

/* Appends the lines of the attributes in templ, but for a label that is name (or NULL). Errors:
 * CKR_ATTRIBUTE_VALUE_INVALID (a value is longer than a line can be), CKR_HOST_MEMORY. */
CK_RV p11d_keytext_write(const P11dTemplate *templ, int place, const char *name, P11dBuffer *text);

/* What p11d_keytext_edit changes in a file. */
typedef struct P11dKeyTextEdit {
    unsigned classes;         /* bits of those whose lines are replaced */
    const P11dKeyText *fresh; /* by these; NULL: by none */
    const char *name;         /* labels that are it go without saying; or NULL */
    /* Sets *gone, which is false, if a block does not stay as it is, and appends to text what
     * stands in its place, if anything does. NULL: all stay. */
    CK_RV (*change)(const P11dPem *pem, void *data, P11dBuffer *text, bool *gone);
    void *data; /* of that */
} P11dKeyTextEdit;

/* Copies old to text, which was initialised, with these changes. *blocks: how many are left of
 * keys, certificates and data. Errors: those of p11d_keytext_write and of change. */
CK_RV p11d_keytext_edit(const P11dKeyTextEdit *edit, const P11dBuffer *old, P11dBuffer *text,
                        size_t *blocks);

/* Frees; all zero then. */
void p11d_keytext_clear(P11dKeyText *self);

#endif
