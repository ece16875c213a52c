// SPDX-License-Identifier: MIT
/*
 * An interface is what the interface XML files say: methods, signals and properties with their
 * signatures. The tables are made from the XML files when the project is built; nothing else in
 * the tree states a signature.
 */
#ifndef P11D_INTERFACE_H
#define P11D_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>

/* CKA_APPLICATION of a data object that tells why the key with its label is not served: its value
 * is a sentence about the key ("its curve is not one of …"). */
#define P11D_NOTE_APPLICATION "org.p11dbus.KeyNotServed"
/* The same of one that tells who else may put keys in the place of those of the token. */
#define P11D_EXPOSURE_APPLICATION "org.p11dbus.KeysExposed"

/* What an argument is. Which field of P11dArguments carries it is told there. */
typedef enum P11dArgumentKind {
    P11D_ARGUMENT_OBJECT,     /* t: an object's id */
    P11D_ARGUMENT_MECHANISM,  /* s: by name */
    P11D_ARGUMENT_PARAMETERS, /* a{sv}: of the mechanism before it */
    P11D_ARGUMENT_BYTES,      /* ay */
    P11D_ARGUMENT_PIN,        /* ay: never logged, never sent over a bus */
    P11D_ARGUMENT_TEMPLATE,   /* a{sv}: attributes */
    P11D_ARGUMENT_USER,       /* s: CKU_ by name */
    P11D_ARGUMENT_PURPOSE,    /* s: of a stream */
    P11D_ARGUMENT_STREAM,     /* t */
    P11D_ARGUMENT_LENGTH,     /* u: bytes */
    P11D_ARGUMENT_TEXT,       /* s */
    P11D_ARGUMENT_NO_PIN,     /* b */
    P11D_ARGUMENT_RESULTS,    /* a{sv}: output parameters of a mechanism */
    P11D_ARGUMENT_OPTIONS,    /* a{sv}: of the rows marked "option" that follow it */
    P11D_ARGUMENT_OWN,        /* this method's own: it is read and written by hand */
} P11dArgumentKind;

typedef struct P11dArgument {
    const char *name;
    const char *signature;
    P11dArgumentKind kind;
    unsigned nth; /* how many of its kind stand before it */
    bool option;  /* an entry of the a{sv} of options, which may be missing */
} P11dArgument;

typedef struct P11dArgumentList {
    const P11dArgument *rows;
    size_t count;
} P11dArgumentList;

/* What a method needs of its caller ("Rights" in org.p11dbus.xml). */
typedef enum P11dRight {
    P11D_RIGHT_SEE,
    P11D_RIGHT_SIGN,
    P11D_RIGHT_DECRYPT,
    P11D_RIGHT_MANAGE,
    P11D_RIGHT_PURPOSE, /* that of the stream's purpose */
} P11dRight;

typedef struct P11dMethod {
    const char *name;
    const char *in;  /* signature of the arguments of a call */
    const char *out; /* signature of the reply */
    P11dArgumentList arguments;
    P11dArgumentList results;
    P11dRight right;
    bool channels_only; /* annotation org.p11dbus.ChannelsOnly: refused on the bus itself */
    bool required;      /* annotation org.p11dbus.Required */
} P11dMethod;

typedef struct P11dSignal {
    const char *name;
    const char *signature;
} P11dSignal;

typedef struct P11dProperty {
    const char *name;
    const char *signature;
} P11dProperty;

typedef struct P11dInterface {
    const char *name;
    const P11dMethod *methods;
    size_t method_count;
    const P11dSignal *signals;
    size_t signal_count;
    const P11dProperty *properties;
    size_t property_count;
} P11dInterface;

/* The name of the service unless the module's configuration gives another, and its paths. */
#define P11D_BUS_NAME "org.p11dbus.Tokens1"
#define P11D_ROOT_PATH "/org/p11dbus"
#define P11D_TOKENS_PATH "/org/p11dbus/tokens"

/* The most input or output of one call, in bytes (org.p11dbus.xml, "Data"). */
#define P11D_INTERFACE_DATA_MAX ((size_t)16 << 20)

extern const P11dInterface p11d_interface_manager;        /* org.p11dbus.Manager1 */
extern const P11dInterface p11d_interface_token;          /* org.p11dbus.Token1 */
extern const P11dInterface p11d_interface_peer;           /* org.freedesktop.DBus.Peer */
extern const P11dInterface p11d_interface_object_manager; /* org.freedesktop.DBus.ObjectManager */
extern const P11dInterface p11d_interface_properties;     /* org.freedesktop.DBus.Properties */

/* The XML documents, for GDBus and for introspection: org.p11dbus.xml, and what channels carry of
 * D-Bus's own interfaces. */
extern const char p11d_interface_xml[];
extern const char p11d_interface_standard_xml[];

/* The row of that name, or NULL. Names are compared exactly. */
const P11dMethod *p11d_interface_method(const P11dInterface *interface, const char *name);
const P11dSignal *p11d_interface_signal(const P11dInterface *interface, const char *name);
const P11dProperty *p11d_interface_property(const P11dInterface *interface, const char *name);

#endif
