// SPDX-License-Identifier: MIT
/*
 * Arguments are what goes into a method or comes out of it, in PKCS#11 form. The interface tables
 * say of each method what its arguments are (P11dArgumentList); one writer and one reader carry the
 * lists of all of them, in both directions and on both sides. A method that has an argument of its
 * own (P11D_ARGUMENT_OWN: lists of objects, descriptors) is written and read by hand.
 */
#ifndef P11D_ARGUMENTS_H
#define P11D_ARGUMENTS_H

#include "attribute.h"
#include "bytes.h"
#include "interface.h"
#include "kept-mechanism.h"
#include "purpose.h"

/* The most arguments of one kind that a list has. */
#define P11D_ARGUMENTS_EACH 2

/* A mechanism: to be written, kept; as it was read, name and parameters. */
typedef struct P11dMechanismArgument {
    const P11dKeptMechanism *kept; /* borrowed */
    const char *name;
    P11dParameters parameters;
} P11dMechanismArgument;

/* A template: items are borrowed to be written, and belong to storage where they were read. */
typedef struct P11dTemplateArgument {
    const CK_ATTRIBUTE *items;
    CK_ULONG count;
    P11dTemplate storage;
} P11dTemplateArgument;

/*
 * The nth argument of a kind is in the nth element of its field. Zero everywhere is "nothing": an
 * option whose field is zero is not sent, and one that was not sent reads as zero. What is read
 * points into the message, and at this structure itself, which is therefore not to be copied.
 */
typedef struct P11dArguments {
    uint64_t objects[P11D_ARGUMENTS_EACH]; /* ids at the service, from 1 */
    P11dMechanismArgument mechanism;
    P11dBytes bytes[P11D_ARGUMENTS_EACH]; /* at most P11D_INTERFACE_DATA_MAX each */
    P11dBytes pins[P11D_ARGUMENTS_EACH];
    P11dTemplateArgument templates[P11D_ARGUMENTS_EACH];
    CK_USER_TYPE user;
    P11dPurpose purpose;
    uint64_t stream;
    uint32_t length; /* bytes */
    const char *text;
    bool no_pin;
} P11dArguments;

/*
 * Writes arguments as list says. Errors: CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT
 * (see p11d_attribute_write_all), CKR_DATA_LEN_RANGE (more than P11D_INTERFACE_DATA_MAX in one of
 * bytes), CKR_FUNCTION_NOT_SUPPORTED (the method has an argument of its own). Part of the list may have been written then; what does not fit the buffer shows in the
 * writer.
 */
CK_RV p11d_arguments_write(const P11dArguments *arguments, const P11dArgumentList *list,
                           P11dWriter *writer);

/*
 * Reads what list says from body, which is valid by the method's signature (p11d_reader_validate).
 * arguments need not be initialised; p11d_arguments_clear must follow in any case. Options that
 * list does not have are ignored.
 * Errors: CKR_ARGUMENTS_BAD (an option twice or of another type, an unknown purpose),
 * CKR_USER_TYPE_INVALID, CKR_MECHANISM_INVALID (its name is none), CKR_MECHANISM_PARAM_INVALID,
 * CKR_DATA_LEN_RANGE, CKR_FUNCTION_NOT_SUPPORTED, those of p11d_attribute_read_all.
 */
CK_RV p11d_arguments_read(P11dArguments *arguments, const P11dArgumentList *list, P11dReader *body);

/* Wipes and frees the templates that were read. What points into a message is left alone. */
void p11d_arguments_clear(P11dArguments *arguments);

#endif
