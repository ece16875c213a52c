// SPDX-License-Identifier: MIT
#include "commandline.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

static char *text;
static char **texts;
static int number;
static gboolean flag;

static const GOptionEntry entries[] = {
    {"key", 'k', 0, G_OPTION_ARG_FILENAME, &text, "", "URI"},
    {"jobs", 'j', 0, G_OPTION_ARG_INT, &number, "", "N"},
    {"check", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &texts, "", "GLOB"},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &flag, "", NULL},
    {"verbose", 'v', 0, G_OPTION_ARG_NONE, &flag, "", NULL},
};

/* What the words hold, one letter a part: o an option, = its value in the same word, v a value of
 * its own, a an argument, e the end of options, ? what is unknown. */
typedef struct Row {
    char words[48]; /* one blank between them */
    char parts[16];
    char last[16]; /* the value of the last part */
} Row;

static char *read_words(const char *words, char **last)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
        g_ptr_array_add(known, (void *)&entries[i]);
    P11dCommandline line = {.known = known};
    GString *found = g_string_new(NULL);
    g_auto(GStrv) all = g_strsplit(words, " ", -1);
    for (char **word = all; *word; word++) {
        g_autoptr(GArray) parts = p11d_commandline_parts();
        p11d_commandline_read(&line, *word, parts);
        for (guint i = 0; i < parts->len; i++) {
            const P11dCommandlinePart *part = &g_array_index(parts, P11dCommandlinePart, i);
            g_string_append_c(found, "ovae?"[part->kind]);
            if (part->kind == P11D_COMMANDLINE_OPTION && part->value)
                g_string_append_c(found, '=');
            g_free(*last);
            *last = g_strdup(part->value);
        }
    }
    if (line.pending)
        g_string_append_c(found, '.');
    return g_string_free(found, FALSE);
}

ParameterizedTestParameters(commandline, words_are_told_apart)
{
    static const Row rows[] = {
        {"-k URI", "ov", "URI"},
        {"--key URI", "ov", "URI"},
        {"--key=URI", "o=", "URI"},
        {"--key=", "o=", ""},
        {"--key=a=b", "o=", "a=b"},
        {"-kURI", "o=", "URI"},
        {"-k=URI", "o=", "=URI"},
        {"-qkURI", "oo=", "URI"},
        {"-qvk URI", "ooov", "URI"},
        {"-kq URI", "o=a", "URI"},
        {"-j4", "o=", "4"},
        {"-qv", "oo", ""},
        {"-k --quiet", "ov", "--quiet"},
        {"-k --", "ov", "--"},
        {"-k -k -k", "ovo.", ""},
        {"--key --key=x file", "ova", "file"},
        {"-- -k URI --", "eaaa", "--"},
        {"file -q -", "aoa", "-"},
        {"--quiet=1", "?", ""},
        {"--ke URI", "?a", "URI"},
        {"--keys", "?", ""},
        {"-qxk", "o?", ""},
        {"--check a --check=b", "ovo=", "b"},
        {"-k", "o.", ""},
    };
    Row *parameters = cr_malloc(sizeof rows);
    memcpy(parameters, rows, sizeof rows);
    return cr_make_param_array(Row, parameters, G_N_ELEMENTS(rows));
}

ParameterizedTest(Row *row, commandline, words_are_told_apart)
{
    char *last = NULL;
    g_autofree char *parts = read_words(row->words, &last);
    cr_assert_str_eq(parts, row->parts, "%s: %s", row->words, parts);
    cr_assert_str_eq(last ? last : "", row->last, "%s: %s", row->words, last);
    g_free(last);
}
