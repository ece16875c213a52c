// SPDX-License-Identifier: MIT
#include "shellline.h"

#include <string.h>

/* What ends a line that stops anywhere, and the quotation mark that was open if it does. The first
 * makes a word where none has begun. */
static const struct {
    const char *text;
    char quote;
} ends[] = {{"''", 0}, {"'", '\''}, {"\"", '"'}};

/* The words of the first size bytes of text, or NULL; *quote is the mark that is open there. */
static char **split(const char *text, size_t size, char *quote)
{
    size_t backslashes = 0;
    while (backslashes < size && text[size - 1 - backslashes] == '\\')
        backslashes++;
    size -= backslashes % 2; /* it has nothing to stand before yet */
    g_autofree char *part = g_strndup(text, size);
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *whole = g_strconcat(part, ends[i].text, NULL);
        char **words = NULL;
        *quote = ends[i].quote;
        if (g_shell_parse_argv(whole, NULL, &words, NULL))
            return words;
    }
    return NULL;
}

static const char *last(char *const *words)
{
    return words[g_strv_length((char **)words) - 1];
}

gboolean p11d_shellline_parse(P11dShellline *line, const char *text, size_t replaced)
{
    *line = (P11dShellline){0};
    size_t size = strlen(text);
    char ignored;
    g_auto(GStrv) words = split(text, size, &line->quote);
    g_auto(GStrv) before = replaced <= size ? split(text, size - replaced, &ignored) : NULL;
    if (!words || !before || g_strv_length(words) != g_strv_length(before) ||
        !g_str_has_prefix(last(words), last(before)))
        return FALSE;
    line->kept = strlen(last(before));
    line->words = g_steal_pointer(&words);
    return TRUE;
}

void p11d_shellline_clear(P11dShellline *line)
{
    g_clear_pointer(&line->words, g_strfreev);
}

/* Letters of other scripts are plain too. */
static gboolean is_plain(char c)
{
    return g_ascii_isalnum(c) || (c & 0x80) || strchr("_@%+=:,./-", c);
}

char *p11d_shellline_quote(const char *word, char quote)
{
    GString *quoted = g_string_new(NULL);
    for (const char *p = word; *p; p++) {
        if (quote == '\'' && *p == '\'')
            g_string_append(quoted, "'\\'");
        else if (quote == '"' && *p == '!') /* history, which a backslash does not stop there */
            g_string_append(quoted, "\"'!'\"");
        else if (quote == '"' ? strchr("\"\\$`", *p) != NULL : !quote && !is_plain(*p))
            g_string_append_c(quoted, '\\');
        if (quote != '"' || *p != '!')
            g_string_append_c(quoted, *p);
    }
    return g_string_free(quoted, FALSE);
}
