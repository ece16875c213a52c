// SPDX-License-Identifier: MIT
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "syntax.h"

/* A pipe takes that at once. */
#define LINE_SIZE 2048

static bool verbose;

void p11d_log_set_verbose(bool wanted)
{
    verbose = wanted;
}

bool p11d_log_is_verbose(void)
{
    return verbose;
}

/* How many bytes the character at text has; 0: what stands there is no UTF-8. */
static size_t character_size(const char *text)
{
    size_t size = 1, left = strnlen(text, 4);
    while (size < left && ((unsigned char)text[size] & 0xc0) == 0x80)
        size++;
    return p11d_syntax_is_text(text, size) ? size : 0;
}

/* Characters that move the cursor, hide, or turn the direction of what follows. */
static bool is_hidden(const char *text, size_t size)
{
    static const struct {
        const char *first;
        const char *last;
    } ranges[] = {
        {"\x01", "\x1f"},
        {"\x7f", "\x7f"},
        {"\xc2\x80", "\xc2\x9f"},         /* U+0080 to U+009F */
        {"\xe2\x80\x8b", "\xe2\x80\x8f"}, /* U+200B to U+200F */
        {"\xe2\x80\xa8", "\xe2\x80\xae"}, /* U+2028 to U+202E */
        {"\xe2\x81\xa0", "\xe2\x81\xaf"}, /* U+2060 to U+206F */
        {"\xef\xbb\xbf", "\xef\xbb\xbf"}, /* U+FEFF */
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (strlen(ranges[i].first) == size && memcmp(text, ranges[i].first, size) >= 0 &&
            memcmp(text, ranges[i].last, size) <= 0)
            return true;
    }
    return false;
}

/* Writes text into room bytes at out, in one line and readable, and a NUL. Returns how long it is
 * there. special: characters that get a '\' before them. */
static size_t write_visible(char *out, size_t room, const char *text, const char *special)
{
    size_t used = 0;
    while (*text) {
        char shown[4 * 4 + 1] = "";
        size_t size = character_size(text);
        bool readable = size > 0 && !is_hidden(text, size);
        size += size == 0;
        for (size_t i = 0; i < size; i++) {
            char *end = shown + strlen(shown);
            if (!readable)
                sprintf(end, "\\x%02x", (unsigned)(unsigned char)text[i]);
            else
                sprintf(end, "%s%c", strchr(special, text[i]) ? "\\" : "", text[i]);
        }
        size_t length = strlen(shown);
        if (used + length >= room)
            break;
        memcpy(out + used, shown, length);
        used += length;
        text += size;
    }
    out[used] = '\0';
    return used;
}

const char *p11d_log_quote(const char *text, char quoted[P11D_LOG_QUOTED_SIZE])
{
    quoted[0] = '"';
    size_t used = 1 + write_visible(quoted + 1, P11D_LOG_QUOTED_SIZE - 2, text, "\"\\");
    quoted[used] = '"';
    quoted[used + 1] = '\0';
    return quoted;
}

static void write_line(const char *prefix, const char *format, va_list arguments)
{
    char text[LINE_SIZE], line[LINE_SIZE];
    vsnprintf(text, sizeof text, format, arguments);
    size_t size = (size_t)snprintf(line, sizeof line, "%s", prefix);
    size += write_visible(line + size, sizeof line - size - 1, text, "");
    line[size++] = '\n';
    /* Nothing is left to be done if nobody reads it. */
    ssize_t ignored = write(STDERR_FILENO, line, size);
    (void)ignored;
}

void p11d_log(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line("p11dbus: ", format, arguments);
    va_end(arguments);
}

void p11d_log_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line("", format, arguments);
    va_end(arguments);
}
