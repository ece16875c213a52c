// SPDX-License-Identifier: MIT
#include "answer.h"

#include <string.h>

#include "text.h"

/* What g_utf8_make_valid puts where bytes are no UTF-8. */
#define REPLACEMENT "\357\277\275"

void p11d_answer_begin(P11dAnswer *answer, FILE *stream, const P11dShellline *line,
                       const char *word, size_t prefix_size, const char *files)
{
    *answer = (P11dAnswer){
        .stream = stream,
        .line = line,
        .prefix = g_strndup(word, prefix_size),
        .typed = word + prefix_size,
        .given = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
    fprintf(stream, "%s\t%s\n", files, answer->prefix);
}

void p11d_answer_end(P11dAnswer *answer)
{
    g_free(answer->prefix);
    g_hash_table_unref(answer->given);
}

static gboolean can_be_typed(const char *candidate)
{
    g_autofree char *shown = p11d_text_visible(candidate, -1);
    return *candidate && strcmp(shown, candidate) == 0 && !strstr(candidate, REPLACEMENT);
}

/* The part that readline puts in place of what it takes out. */
static void print_for_readline(const P11dAnswer *answer, const char *candidate)
{
    g_autofree char *word = g_strconcat(answer->prefix, candidate, NULL);
    g_autofree char *quoted = p11d_shellline_quote(word + answer->line->kept, answer->line->quote);
    fprintf(answer->stream, "%s\n", quoted);
}

void p11d_answer_add(P11dAnswer *answer, const char *candidate, const char *description)
{
    if (!can_be_typed(candidate) || !g_hash_table_add(answer->given, g_strdup(candidate)))
        return;
    if (!answer->line) {
        g_autofree char *shown = p11d_text_visible(description ? description : "", -1);
        fprintf(answer->stream, "%s\t%s\n", candidate, shown);
    } else if (g_str_has_prefix(candidate, answer->typed)) {
        print_for_readline(answer, candidate);
    }
}
