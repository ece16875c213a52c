#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes interface-tables.c from the interface XML files.

usage: interface-tables.py OUTPUT XML...

The files are also embedded whole: the first as p11d_interface_xml, the second, where there is one,
as p11d_interface_standard_xml.
"""

import sys
import xml.etree.ElementTree as ElementTree

SYMBOLS = {
    "org.p11dbus.Manager1": "manager",
    "org.p11dbus.Token1": "token",
    "org.freedesktop.DBus.Peer": "peer",
    "org.freedesktop.DBus.ObjectManager": "object_manager",
    "org.freedesktop.DBus.Properties": "properties",
}


def signature(element, direction=None):
    return "".join(
        arg.get("type")
        for arg in element.findall("arg")
        if direction is None or arg.get("direction") == direction
    )


def annotated(element, name):
    found = (a for a in element.findall("annotation") if a.get("name") == name)
    return "true" if any(a.get("value") == "true" for a in found) else "false"


def method_row(method):
    return '{"%s", "%s", "%s", %s, %s}' % (
        method.get("name"),
        signature(method, "in"),
        signature(method, "out"),
        annotated(method, "org.p11dbus.ChannelsOnly"),
        annotated(method, "org.p11dbus.Required"),
    )


def signal_row(signal):
    return '{"%s", "%s"}' % (signal.get("name"), signature(signal))


def property_row(prop):
    return '{"%s", "%s"}' % (prop.get("name"), prop.get("type"))


def table(interface, kind, c_type, row):
    """The C lines of one table, and how an interface names it and its size."""
    elements = interface.findall(kind)
    if not elements:
        return [], "NULL, 0"
    name = "%s_%s_rows" % (SYMBOLS[interface.get("name")], kind)
    lines = ["static const %s %s[] = {" % (c_type, name)]
    lines += ["    %s," % row(element) for element in elements]
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
