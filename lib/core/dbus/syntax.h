// SPDX-License-Identifier: MIT
/*
 * The syntax of the strings that D-Bus knows (D-Bus Specification, "Valid Object Paths", "Valid
 * Names"): what a string value may hold, what an object path, a name of an interface, of a member,
 * of an error and of a bus connection look like. All work on strings without NUL inside.
 */
#ifndef P11D_SYNTAX_H
#define P11D_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

/* True if size bytes are UTF-8 (RFC 3629: no surrogates, no long forms) without NUL. */
bool p11d_syntax_is_text(const void *bytes, size_t size);

bool p11d_syntax_is_object_path(const char *text);
bool p11d_syntax_is_interface(const char *text); /* names of errors too */
bool p11d_syntax_is_member(const char *text);
bool p11d_syntax_is_bus_name(const char *text); /* unique or well-known */

#endif
