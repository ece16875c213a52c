// SPDX-License-Identifier: MIT
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void p11d_log(const char *format, ...)
{
    char line[1024] = "p11dbus: ";
    size_t start = strlen(line);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line + start, sizeof line - start - 1, format, arguments);
    va_end(arguments);

    size_t size = strlen(line);
    for (size_t i = start; i < size; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    }
    line[size++] = '\n';
    /* Nothing is left to be done if nobody reads it. */
    ssize_t ignored = write(STDERR_FILENO, line, size);
    (void)ignored;
}
