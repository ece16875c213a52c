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

typedef struct P11dMethod {
    const char *name;
    const char *in;     /* signature of the arguments of a call */
    const char *out;    /* signature of the reply */
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
