// SPDX-License-Identifier: MIT
/*
 * A trace is what the module says on stderr when P11DBUS_DEBUG asks for it, and nothing otherwise:
 * the calls of the host with their results, and the messages on the wire with their sizes. Never a
 * PIN, never data.
 */
#ifndef P11D_TRACE_H
#define P11D_TRACE_H

enum {
    P11D_TRACE_CALLS = 1 << 0, /* P11DBUS_DEBUG contains "calls": one line a C_ function */
    P11D_TRACE_WIRE = 1 << 1,  /* "wire": one line a message sent */
    P11D_TRACE_STATE = 1 << 2, /* "state": connections made and lost */
};

/* Reads what is asked for out of the value of P11DBUS_DEBUG: words as above or "all", separated by
 * commas or blanks; NULL for nothing. */
void p11d_trace_set(const char *words);

/* Writes one line if kind is asked for. Safe with and without the lock. */
void p11d_trace(unsigned kind, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
