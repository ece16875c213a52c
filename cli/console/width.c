// SPDX-License-Identifier: MIT
#include "width.h"

#include <stdbool.h>
#include <string.h>

#define ELLIPSIS "…"

static int width_of_character(gunichar c)
{
    if (g_unichar_iszerowidth(c))
        return 0;
    return g_unichar_iswide(c) ? 2 : 1;
}

int p11d_width_of(const char *text)
{
    int width = 0;
    for (const char *p = text; *p; p = g_utf8_next_char(p))
        width += width_of_character(g_utf8_get_char(p));
    return width;
}

/* Where the beginning ends that takes at most width columns, what combines with it included. */
static const char *end_of_head(const char *text, int width)
{
    const char *p = text;
    for (; *p; p = g_utf8_next_char(p)) {
        width -= width_of_character(g_utf8_get_char(p));
        if (width < 0)
            break;
    }
    return p;
}

/* Where the end begins that takes at most width columns. What would combine with the character
 * before it is left out. */
static const char *start_of_tail(const char *text, int width)
{
    const char *start = text + strlen(text);
    for (const char *p = start; p > text;) {
        p = g_utf8_prev_char(p);
        int taken = width_of_character(g_utf8_get_char(p));
        width -= taken;
        if (width < 0)
            break;
        if (taken > 0)
            start = p;
    }
    return start;
}

char *p11d_width_shorten(const char *text, int width)
{
    if (p11d_width_of(text) <= width)
        return g_strdup(text);
    int room = MAX(width - 1, 0);
    int head = (room + 1) / 2;
    const char *end = end_of_head(text, head);
    return g_strdup_printf("%.*s" ELLIPSIS "%s", (int)(end - text), text,
                           start_of_tail(text, room - head));
}

void p11d_width_wrap(GString *out, const char *text, int at, int indent, int width)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    bool is_first = true; /* in its line: it is there however long it is */
    for (char **word = words; *word; word++) {
        int taken = p11d_width_of(*word);
        if (!is_first && width > 0 && at + 1 + taken > width) {
            g_string_append_printf(out, "\n%*s", indent, "");
            at = indent;
        } else if (!is_first) {
            g_string_append_c(out, ' ');
            at++;
        }
        g_string_append(out, *word);
        at += taken;
        is_first = false;
    }
}
