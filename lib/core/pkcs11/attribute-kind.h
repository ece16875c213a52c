// SPDX-License-Identifier: MIT
/*
 * An attribute kind says how a value looks in PKCS#11 and on D-Bus, with the encoder and the
 * decoder side by side. (org.p11dbus.xml says which kind has which D-Bus type.)
 */
#ifndef P11D_ATTRIBUTE_KIND_H
#define P11D_ATTRIBUTE_KIND_H

#include "name.h"
#include "reader.h"
#include "template.h"
#include "writer.h"

typedef struct P11dAttributeKind P11dAttributeKind;

struct P11dAttributeKind {
    const char *label; /* for messages and tests: "boolean", "number", "text", "date", "bytes" … */
    const P11dNames *names; /* of its numbers, for the kinds that have a table of them */
    /* Writes the variant (its signature and value). depth: of the template that the attribute
     * stands in, 1 for the outermost. CKR_ATTRIBUTE_VALUE_INVALID if the value's length or content
     * does not fit the kind; part of the variant may have been written then. */
    CK_RV(*write)
    (const P11dAttributeKind *kind, P11dWriter *writer, const CK_ATTRIBUTE *attribute,
     unsigned depth);
    /* Reads the value of a variant whose signature was just read; sets it in templ. Another
     * signature than this kind has, or a value that PKCS#11 cannot have:
     * CKR_ATTRIBUTE_VALUE_INVALID. The bytes are malformed: CKR_ARGUMENTS_BAD. */
    CK_RV(*read)
    (const P11dAttributeKind *kind, P11dReader *reader, const char *signature,
     CK_ATTRIBUTE_TYPE type, P11dTemplate *templ, unsigned depth);
};

extern const P11dAttributeKind p11d_attribute_boolean;          /* CK_BBOOL, b */
extern const P11dAttributeKind p11d_attribute_number;           /* CK_ULONG, t */
extern const P11dAttributeKind p11d_attribute_numbers;          /* CK_ULONG[], at */
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
/* Of an attribute without a row: written as bytes; read from ay, or from b, t or s, by which a
 * service can say what its vendor's attribute is. */
extern const P11dAttributeKind p11d_attribute_unknown;

#endif
