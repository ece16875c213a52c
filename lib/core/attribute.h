// SPDX-License-Identifier: MIT
/*
 * An attribute is one row for each CKA_ number: its name on D-Bus and its kind, and the kind holds
 * the encoder to a D-Bus variant and the decoder from it side by side. An attribute without a row
 * passes by number, its value as bytes. (org.p11dbus.xml says which kind has which D-Bus type.)
 */
#ifndef P11D_ATTRIBUTE_H
#define P11D_ATTRIBUTE_H

#include "name.h"
#include "reader.h"
#include "template.h"
#include "writer.h"

typedef struct P11dAttributeKind P11dAttributeKind;

/* How a value looks in PKCS#11 and on D-Bus. */
struct P11dAttributeKind {
    const char *label; /* for messages and tests: "boolean", "number", "text", "date", "bytes" … */
    /* Writes the variant (its signature and value). CKR_ATTRIBUTE_VALUE_INVALID if the value's
     * length or content does not fit the kind. */
    CK_RV (*write)(P11dWriter *writer, const CK_ATTRIBUTE *attribute, unsigned depth);
    /* Reads the value of a variant whose signature was just read; sets it in templ. Another
     * signature than this kind has: CKR_ATTRIBUTE_VALUE_INVALID. */
    CK_RV (*read)(P11dReader *reader, const char *signature, CK_ATTRIBUTE_TYPE type,
                  P11dTemplate *templ, unsigned depth);
};

extern const P11dAttributeKind p11d_attribute_boolean;          /* CK_BBOOL, b */
extern const P11dAttributeKind p11d_attribute_number;           /* CK_ULONG, t */
extern const P11dAttributeKind p11d_attribute_text;             /* RFC 2279 string: s, or ay */
extern const P11dAttributeKind p11d_attribute_date;             /* CK_DATE or empty, s */
extern const P11dAttributeKind p11d_attribute_bytes;            /* anything, ay */
extern const P11dAttributeKind p11d_attribute_template;         /* CK_ATTRIBUTE[], a{sv} */
extern const P11dAttributeKind p11d_attribute_class;            /* CK_OBJECT_CLASS by name, s */
extern const P11dAttributeKind p11d_attribute_key_type;         /* CK_KEY_TYPE by name, s */
extern const P11dAttributeKind p11d_attribute_certificate_type; /* CK_CERTIFICATE_TYPE, s */
extern const P11dAttributeKind p11d_attribute_hw_feature;       /* CK_HW_FEATURE_TYPE, s */
extern const P11dAttributeKind p11d_attribute_mechanism;        /* CK_MECHANISM_TYPE by name, s */
extern const P11dAttributeKind p11d_attribute_mechanisms;       /* CK_MECHANISM_TYPE[], as */

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

/* Writes one entry of an a{sv}. Errors: CKR_ATTRIBUTE_VALUE_INVALID; what does not fit the buffer
 * shows in the writer. */
CK_RV p11d_attribute_write(P11dWriter *writer, const CK_ATTRIBUTE *attribute);

/* Writes count attributes as one a{sv}. Errors: as above, and CKR_TEMPLATE_INCONSISTENT for more
 * than P11D_TEMPLATE_MAX or a null value with a length. */
CK_RV p11d_attribute_write_all(P11dWriter *writer, const CK_ATTRIBUTE *attributes, CK_ULONG count);

/*
 * Reads one a{sv} into templ, adding to what is there.
 * Entries whose name is neither of the table nor "0x…" are ignored (the interface allows names
 * that we do not know yet); "absent" is left out too, see p11d_attribute_read_absent.
 * Errors: CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT (twice the same, too many, nested
 * too deep), CKR_HOST_MEMORY, CKR_ARGUMENTS_BAD (the bytes are malformed).
 */
CK_RV p11d_attribute_read_all(P11dReader *reader, P11dTemplate *templ);

/*
 * Looks in one a{sv} for the entry "absent" ('as'): calls found for each attribute named there.
 * reader is not moved.
 */
void p11d_attribute_read_absent(const P11dReader *reader,
                                void (*found)(CK_ATTRIBUTE_TYPE type, void *data), void *data);

#endif
