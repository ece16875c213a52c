// SPDX-License-Identifier: MIT
/*
 * An attribute is one row for each CKA_ number: its name on D-Bus and its kind. An attribute
 * without a row passes by number, its value as bytes; but not an array of the standard
 * (CKF_ARRAY_ATTRIBUTE), because its bytes may be pointers.
 */
#ifndef P11D_ATTRIBUTE_H
#define P11D_ATTRIBUTE_H

#include "attribute-kind.h"

typedef struct P11dAttribute {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
    const P11dAttributeKind *kind;
} P11dAttribute;

extern const P11dAttribute p11d_attributes[];
extern const size_t p11d_attribute_count;

/* The row, or NULL. */
const P11dAttribute *p11d_attribute_find(CK_ATTRIBUTE_TYPE type);

/* As p11d_name_of and p11d_name_parse. */
const char *p11d_attribute_name(CK_ATTRIBUTE_TYPE type, char scratch[P11D_NAME_SIZE]);
bool p11d_attribute_parse_name(const char *name, CK_ATTRIBUTE_TYPE *type);

/* Writes one entry of an a{sv}. Errors: CKR_ATTRIBUTE_VALUE_INVALID; CKR_TEMPLATE_INCONSISTENT (a
 * template in it has too many attributes or null values). Nothing is written then. What does not
 * fit the buffer shows in the writer. */
CK_RV p11d_attribute_write(P11dWriter *writer, const CK_ATTRIBUTE *attribute);

/* Writes count attributes as one a{sv}; one that is there twice with the same value is written once
 * (PKCS#11 3.1, section 4.1.1). Errors: as above, and CKR_TEMPLATE_INCONSISTENT for more than
 * P11D_TEMPLATE_MAX, two values of one attribute or a null value with a length. Nothing is written
 * then. */
CK_RV p11d_attribute_write_all(P11dWriter *writer, const CK_ATTRIBUTE *attributes, CK_ULONG count);

/*
 * Reads one a{sv} into templ, adding to what is there (what it had of the same type is replaced).
 * Entries whose name is neither of the table nor "0x…" are ignored (the interface allows names
 * that we do not know yet); "absent" is left out too, see p11d_attribute_read_absent.
 * Errors: CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT (twice the same, too many),
 * CKR_HOST_MEMORY, CKR_ARGUMENTS_BAD (the bytes are malformed). templ is not changed then.
 */
CK_RV p11d_attribute_read_all(P11dReader *reader, P11dTemplate *templ);

/* The same for a template in a template. depth: of the template itself, 1 for the outermost, at
 * most P11D_TEMPLATE_DEPTH. */
CK_RV p11d_attribute_write_nested(P11dWriter *writer, const CK_ATTRIBUTE *attributes,
                                  CK_ULONG count, unsigned depth);
CK_RV p11d_attribute_read_nested(P11dReader *reader, P11dTemplate *templ, unsigned depth);

/*
 * Looks in one a{sv} for the entry "absent" ('as'): calls found for each attribute named there.
 * reader is not moved.
 */
void p11d_attribute_read_absent(const P11dReader *reader,
                                void (*found)(CK_ATTRIBUTE_TYPE type, void *data), void *data);

#endif
