// SPDX-License-Identifier: MIT
#include "trace.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_uint asked;

static unsigned kind_of_word(const char *word, size_t size)
{
    static const struct {
        const char *word;
        unsigned kind;
    } rows[] = {{"calls", P11D_TRACE_CALLS},
                {"wire", P11D_TRACE_WIRE},
                {"state", P11D_TRACE_STATE},
                {"all", P11D_TRACE_CALLS | P11D_TRACE_WIRE | P11D_TRACE_STATE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strlen(rows[i].word) == size && memcmp(rows[i].word, word, size) == 0)
            return rows[i].kind;
    }
    return 0;
}

void p11d_trace_set(const char *words)
{
    unsigned kinds = 0;
    while (words && *words != '\0') {
        const size_t size = strcspn(words, ", ");
        kinds |= kind_of_word(words, size);
        words += size + (words[size] != '\0');
    }
    atomic_store_explicit(&asked, kinds, memory_order_relaxed);
}

void p11d_trace(unsigned kind, const char *format, ...)
{
    if ((atomic_load_explicit(&asked, memory_order_relaxed) & kind) == 0)
        return;
    char line[768] = "p11dbus: ";
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
