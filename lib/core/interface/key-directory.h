// SPDX-License-Identifier: MIT
/*
 * The key directory of a user is what the service serves where nothing else is named:
 * $XDG_DATA_HOME/p11dbus/keys, by default ~/.local/share/p11dbus/keys. The service makes it, its
 * token has a name of its own for it, and the module asks whether anything is in it.
 */
#ifndef P11D_KEY_DIRECTORY_H
#define P11D_KEY_DIRECTORY_H

#include <stdbool.h>

/* What its token is called: "keys", the directory's own name, tells nobody whose. */
#define P11D_KEY_DIRECTORY_TOKEN "p11dbus"

/*
 * The path of the key directory, which need not be there; the caller frees it. NULL with errno set:
 * ENOENT if neither XDG_DATA_HOME nor HOME is an absolute path (XDG Base Directory Specification,
 * "Basics"; also in a process with AT_SECURE, which trusts no environment), or ENOMEM.
 */
char *p11d_key_directory_path(void);

/* Whether path, absolute and without links (realpath(3)), is the key directory of the user. */
bool p11d_key_directory_is(const char *path);

/*
 * What the token of any directory of keys at path (absolute, without links) is called: as the
 * directory, but for the key directory of the user. What D-Bus could not carry is written as '?'.
 * The caller frees it; NULL if memory is short.
 */
char *p11d_key_directory_label(const char *path);

/* Whether the directory is there and holds a file that is not hidden. */
bool p11d_key_directory_is_used(void);

#endif
