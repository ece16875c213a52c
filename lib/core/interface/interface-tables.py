#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes interface-tables.c from the interface XML files.

usage: interface-tables.py OUTPUT XML...

The files are also embedded whole: the first as p11d_interface_xml, the second, where there is one,
as p11d_interface_standard_xml.
"""

import collections
import sys
import xml.etree.ElementTree as ElementTree

SYMBOLS = {
    "org.p11dbus.Manager1": "manager",
    "org.p11dbus.Token1": "token",
    "org.freedesktop.DBus.Peer": "peer",
    "org.freedesktop.DBus.ObjectManager": "object_manager",
    "org.freedesktop.DBus.Properties": "properties",
}


# What an argument is, by its name: its kind and the D-Bus type that goes with that.
KINDS = {
    "t": {
        "object": "OBJECT", "key": "OBJECT", "wrapping_key": "OBJECT", "unwrapping_key": "OBJECT",
        "public_key": "OBJECT", "private_key": "OBJECT", "derived": "OBJECT", "copy": "OBJECT",
        "stream": "STREAM", "known": "OWN", "generation": "OWN",
    },
    "s": {
        "mechanism": "MECHANISM", "user": "USER", "purpose": "PURPOSE", "label": "TEXT",
        "username": "TEXT",
    },
    "ay": {
        "data": "BYTES", "signature": "BYTES", "plaintext": "BYTES", "ciphertext": "BYTES",
        "wrapped": "BYTES", "output": "BYTES", "bytes": "BYTES",
        "pin": "PIN", "so_pin": "PIN", "old_pin": "PIN", "new_pin": "PIN",
    },
    "a{sv}": {
        "parameters": "PARAMETERS", "template": "TEMPLATE", "public_template": "TEMPLATE",
        "private_template": "TEMPLATE", "options": "OPTIONS", "results": "RESULTS",
        "values": "OWN",
    },
    "u": {"length": "LENGTH"},
    "b": {"no-pin": "NO_PIN", "complete": "OWN"},
    "h": {"channel": "OWN"},
    "as": {"names": "OWN"},
    "at": {"removed": "OWN"},
    "a{ss}": {"errors": "OWN"},
    "a(ta{sv})": {"objects": "OWN"},
}

RIGHTS = ("see", "sign", "decrypt", "manage", "purpose")


def signature(element, direction=None):
    return "".join(
        arg.get("type")
        for arg in element.findall("arg")
        if direction is None or arg.get("direction") == direction
    )


def annotation(element, name):
    found = (a.get("value") for a in element.findall("annotation") if a.get("name") == name)
    return next(found, "")


def annotated(element, name):
    return "true" if annotation(element, name) == "true" else "false"


def pieces(method, direction):
    """(name, type, whether it is an option) of each argument, options behind what holds them."""
    for arg in method.findall("arg"):
        if arg.get("direction") != direction:
            continue
        yield arg.get("name"), arg.get("type"), False
        options = annotation(arg, "org.p11dbus.Options")
        for option in options.split(",") if options else []:
            yield *option.split(), True


def argument_rows(method, direction):
    counts = collections.Counter()
    for name, kind_type, option in pieces(method, direction):
        kind = KINDS.get(kind_type, {}).get(name)
        if not kind:
            sys.exit(
                "interface-tables.py: %s: an argument '%s' of type '%s' is nothing known; give it a"
                " name of KINDS or its row there" % (method.get("name"), name, kind_type)
            )
        yield '{"%s", "%s", P11D_ARGUMENT_%s, %d, %s}' % (
            name, kind_type, kind, counts[kind], "true" if option else "false",
        )
        counts[kind] += 1


def argument_list(interface, method, direction):
    """The C lines of one list of arguments, and how a method names it."""
    rows = list(argument_rows(method, direction)) if described(interface) else []
    if not rows:
        return [], "{NULL, 0}"
    name = "%s_%s_rows" % (method.get("name"), direction)
    lines = ["static const P11dArgument %s[] = {" % name]
    lines += ["    %s," % row for row in rows]
    return lines + ["};"], "{%s, %d}" % (name, len(rows))


def described(interface):
    """Whether the arguments of its methods are told what they are: the tokens' own interface."""
    return interface.get("name") == "org.p11dbus.Token1"


def right(interface, method):
    value = annotation(method, "org.p11dbus.Right")
    if value not in RIGHTS and described(interface):
        sys.exit("interface-tables.py: %s: org.p11dbus.Right is none of %s"
                 % (method.get("name"), ", ".join(RIGHTS)))
    return "P11D_RIGHT_%s" % (value or "see").upper()


def method_row(interface, method):
    in_lines, arguments = argument_list(interface, method, "in")
    out_lines, results = argument_list(interface, method, "out")
    return in_lines + out_lines, '{"%s", "%s", "%s", %s, %s, %s, %s, %s}' % (
        method.get("name"),
        signature(method, "in"),
        signature(method, "out"),
        arguments,
        results,
        right(interface, method),
        annotated(method, "org.p11dbus.ChannelsOnly"),
        annotated(method, "org.p11dbus.Required"),
    )


def signal_row(interface, signal):
    return [], '{"%s", "%s"}' % (signal.get("name"), signature(signal))


def property_row(interface, prop):
    return [], '{"%s", "%s"}' % (prop.get("name"), prop.get("type"))


def table(interface, kind, c_type, row):
    """The C lines of one table, and how an interface names it and its size."""
    elements = interface.findall(kind)
    if not elements:
        return [], "NULL, 0"
    name = "%s_%s_rows" % (SYMBOLS[interface.get("name")], kind)
    made = [row(interface, element) for element in elements]
    lines = [line for before, _ in made for line in before]
    lines += ["static const %s %s[] = {" % (c_type, name)]
    lines += ["    %s," % last for _, last in made]
    lines += ["};"]
    return lines, "%s, sizeof %s / sizeof %s[0]" % (name, name, name)


def interface_lines(interface):
    methods, method_field = table(interface, "method", "P11dMethod", method_row)
    signals, signal_field = table(interface, "signal", "P11dSignal", signal_row)
    properties, property_field = table(interface, "property", "P11dProperty", property_row)
    name = interface.get("name")
    head = "const P11dInterface p11d_interface_%s = {" % SYMBOLS[name]
    fields = ", ".join(['"%s"' % name, method_field, signal_field, property_field])
    return methods + signals + properties + [head + fields + "};", ""]


EMBEDDED = ["p11d_interface_xml", "p11d_interface_standard_xml"]


def embedded(symbol, path):
    lines = ["const char %s[] =" % symbol]
    with open(path, encoding="utf-8") as xml:
        for line in xml:
            text = line.rstrip("\n").replace("\\", "\\\\").replace('"', '\\"')
            lines.append('    "%s\\n"' % text)
    return lines + ["    ;"]


def main(output, paths):
    lines = ['#include "interface.h"', ""]
    for path in paths:
        for interface in ElementTree.parse(path).getroot().findall("interface"):
            lines += interface_lines(interface)
    for symbol, path in zip(EMBEDDED, paths):
        lines += embedded(symbol, path)
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
