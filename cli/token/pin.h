// SPDX-License-Identifier: MIT
/*
 * A PIN comes from a descriptor, a file, the environment, or the person at the terminal; never from
 * the command line, where others can read it. It is held in locked memory only.
 */
#ifndef P11D_PIN_H
#define P11D_PIN_H

#include <stdbool.h>

#include <glib.h>

#include "options.h"
#include "secret.h"

/*
 * Reads the PIN from the first of --pin-fd, --pin-file, source (the pin-source of a URI: "file:…",
 * a path, or "env:NAME"; NULL for none) and $P11DBUS_PIN that was given. pin stays no secret at all
 * if none was. One line end (LF or CR LF) at the end does not belong to the PIN. A file must be the
 * user's alone. Returns FALSE with error set if the one that was given cannot be used.
 */
gboolean p11d_pin_read(P11dSecret *pin, const P11dOptions *options, const char *source,
                       GError **error);

/* True if p11d_pin_read would read standard input, which then is nothing else. */
bool p11d_pin_is_on_standard(const P11dOptions *options, const char *source);

/* Takes $P11DBUS_PIN out of the environment, for p11d_pin_read. Before a module is loaded, which
 * may start programs. */
void p11d_pin_keep_variable(void);

/* Asks on /dev/tty for the "PIN of WHOSE", without echo. Returns FALSE with error set, at once with
 * --no-input or where there is no terminal. */
gboolean p11d_pin_ask(P11dSecret *pin, const P11dOptions *options, const char *whose,
                      GError **error);

#endif
