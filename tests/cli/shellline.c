// SPDX-License-Identifier: MIT
#include "shellline.h"

#include <string.h>

#include <criterion/criterion.h>

typedef struct Case {
    const char *text;
    size_t replaced;
    const char *words[4];
    char quote;
    size_t kept;
} Case;

static const Case cases[] = {
    {"p sign", 4, {"p", "sign"}, 0, 0},
    {"p sign ", 0, {"p", "sign", ""}, 0, 0},
    {"p --key=pk", 2, {"p", "--key=pk"}, 0, 6},
    {"p --key=", 0, {"p", "--key="}, 0, 6},
    {"p pkcs11:token=a\\;ob", 5, {"p", "pkcs11:token=a;ob"}, 0, 13},
    {"p 'a b", 3, {"p", "a b"}, '\'', 0},
    {"p \"it's \\$x", 8, {"p", "it's $x"}, '"', 0},
    {"p --key='a;b", 3, {"p", "--key=a;b"}, '\'', 6},
    {"p it\\'s", 5, {"p", "it's"}, 0, 0},
    {"p a\\", 2, {"p", "a"}, 0, 0},
    {"p a\\\\", 3, {"p", "a\\"}, 0, 0},
    {"p '$(touch x)' `y", 2, {"p", "$(touch x)", "`y"}, 0, 0},
};

Test(shellline, words_at_any_cursor)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        P11dShellline line;
        cr_assert(p11d_shellline_parse(&line, cases[i].text, cases[i].replaced), "%s",
                  cases[i].text);
        cr_assert(g_strv_equal((const char *const *)line.words, cases[i].words), "%s",
                  cases[i].text);
        cr_assert_eq(line.quote, cases[i].quote, "%s", cases[i].text);
        cr_assert_eq(line.kept, cases[i].kept, "%s: %zu", cases[i].text, line.kept);
        p11d_shellline_clear(&line);
    }
}

Test(shellline, what_is_no_line_is_refused)
{
    P11dShellline line;
    cr_assert_not(p11d_shellline_parse(&line, "p a", 4));
    cr_assert_not(p11d_shellline_parse(&line, "p a b", 2));
    cr_assert_null(line.words);
}

Test(shellline, quoted_words_are_read_as_they_were)
{
    static const char *const words[] = {
        "plain",  "a b;c", "it's \"$HOME\" `x` $(x) \\ !1 * ~", "#no comment", "grüße",
        "''\"\"", "!",
    };
    static const char quotes[] = {0, '\'', '"'};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        for (size_t j = 0; j < sizeof quotes; j++) {
            char mark[] = {quotes[j], '\0'};
            g_autofree char *quoted = p11d_shellline_quote(words[i], quotes[j]);
            g_autofree char *line = g_strconcat("printf %s ", mark, quoted, mark, NULL);
            char *const sh[] = {(char *)"bash", (char *)"-c", line, NULL};
            g_autofree char *out = NULL;
            cr_assert(g_spawn_sync(NULL, (char **)sh, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out,
                                   NULL, NULL, NULL));
            cr_assert_str_eq(out, words[i], "%s", line);
        }
}
