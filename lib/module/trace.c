// SPDX-License-Identifier: MIT
#include "trace.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_uint asked;

void p11d_trace_set(const char *words)
{
    unsigned kinds = 0;
    if (words && strstr(words, "all"))
        kinds = ~0U;
    if (words && strstr(words, "calls"))
        kinds |= P11D_TRACE_CALLS;
    if (words && strstr(words, "wire"))
        kinds |= P11D_TRACE_WIRE;
    if (words && strstr(words, "state"))
        kinds |= P11D_TRACE_STATE;
    atomic_store_explicit(&asked, kinds, memory_order_relaxed);
}

void p11d_trace(unsigned kind, const char *format, ...)
{
    if ((atomic_load_explicit(&asked, memory_order_relaxed) & kind) == 0)
        return;
    char line[256] = "p11dbus: ";
    const size_t prefix = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + prefix, sizeof line - prefix - 1, format, arguments);
    va_end(arguments);
    strcat(line, "\n");
    /* One write, so that lines of several threads and processes do not mix. */
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        return;
}
