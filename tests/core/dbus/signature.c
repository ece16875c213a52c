// SPDX-License-Identifier: MIT
#include "signature.h"

#include <criterion/criterion.h>
#include <gio/gio.h>
#include <string.h>

/* GVariant knows structs without members and entries outside of an array, D-Bus does not. */
static bool is_only_gvariant(const char *text)
{
    for (const char *at = text; *at; at++) {
        if (*at == '{' && (at == text || at[-1] != 'a'))
            return true;
    }
    return strstr(text, "()") != NULL;
}

static void check(const char *text)
{
    P11dSignature signature;
    bool ours = p11d_signature_parse(&signature, text);
    if (ours != (g_variant_is_signature(text) && !is_only_gvariant(text)))
        cr_assert_fail("\"%s\": %d", text, ours);
    if (!ours)
        return;
    /* Where a type ends, GVariant's scanner says too. */
    for (size_t at = 0; at < signature.size; at++) {
        const char *end;
        if (text[at] == ')' || text[at] == '}')
            continue;
        if (!g_variant_type_string_scan(text + at, NULL, &end) ||
            signature.end[at] != (size_t)(end - text))
            cr_assert_fail("\"%s\" at %zu", text, at);
    }
}

Test(signature, short_ones_are_what_gvariant_says)
{
    static const char characters[] = "ysvag(){}m\xf9";
    size_t base = sizeof characters - 1;
    size_t count = 1;
    for (size_t size = 0; size <= 6; size++, count *= base) {
        char text[8] = "";
        for (size_t number = 0; number < count; number++) {
            size_t rest = number;
            for (size_t i = 0; i < size; i++, rest /= base)
                text[i] = characters[rest % base];
            check(text);
        }
    }
}

Test(signature, every_character_is_what_gvariant_says)
{
    for (unsigned c = 1; c < 256; c++) {
        char texts[][6] = {{(char)c}, {'a', (char)c}, {'a', '{', (char)c, 's', '}'}};
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
            check(texts[i]);
    }
}

Test(signature, random_ones_are_what_gvariant_says)
{
    static const char *const pieces[] = {"y", "a", "(", ")", "a{s", "}", "v", "(ty)", "ay", "t"};
    guint32 seed = g_random_int();
    GRand *random = g_rand_new_with_seed(seed);
    for (size_t i = 0; i < 200000; i++) {
        char text[128] = "";
        for (int left = g_rand_int_range(random, 0, 20); left > 0; left--)
            strcat(text, pieces[g_rand_int_range(random, 0, G_N_ELEMENTS(pieces))]);
        check(text);
    }
    g_rand_free(random);
}

Test(signature, has_at_most_255_bytes)
{
    P11dSignature signature;
    char text[300];
    memset(text, 'y', sizeof text);
    text[255] = '\0';
    cr_assert(p11d_signature_parse(&signature, text));
    cr_assert_eq(signature.size, 255);
    memcpy(text + 255, "y", 2);
    cr_assert_not(p11d_signature_parse(&signature, text));
}

Test(signature, nests_32_arrays_and_32_structs_and_no_deeper)
{
    P11dSignature signature;
    char text[256] = "";
    memset(text, 'a', 32);
    strcpy(text + 32, "y");
    cr_assert(p11d_signature_parse(&signature, text));
    strcpy(text + 32, "ay");
    cr_assert_not(p11d_signature_parse(&signature, text));

    memset(text, '(', 32);
    text[32] = 'y';
    memset(text + 33, ')', 32);
    text[65] = '\0';
    cr_assert(p11d_signature_parse(&signature, text));
    memset(text, '(', 33);
    text[33] = 'y';
    memset(text + 34, ')', 33);
    text[67] = '\0';
    cr_assert_not(p11d_signature_parse(&signature, text));

    text[0] = '\0';
    for (int i = 0; i < 33; i++)
        strcat(text, "a{y");
    strcat(text, "y");
    memset(text + 100, '}', 33);
    text[133] = '\0';
    cr_assert_not(p11d_signature_parse(&signature, text));
}

Test(signature, single_types)
{
    static const struct {
        const char *text;
        bool single;
    } rows[] = {{"", false},    {"y", true},        {"yy", false}, {"a{sv}", true},
                {"ayy", false}, {"(ta{sv})", true}, {"()", false}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        P11dSignature signature;
        cr_assert_eq(p11d_signature_parse(&signature, rows[i].text) &&
                         p11d_signature_is_single(&signature),
                     rows[i].single, "%s", rows[i].text);
    }
}

Test(signature, sizes_are_those_of_the_specification)
{
    static const struct {
        char type;
        size_t alignment, fixed;
    } rows[] = {
        {'y', 1, 1}, {'b', 4, 0}, {'n', 2, 2}, {'q', 2, 2}, {'i', 4, 4}, {'u', 4, 4},
        {'x', 8, 8}, {'t', 8, 8}, {'d', 8, 8}, {'h', 4, 4}, {'s', 4, 0}, {'o', 4, 0},
        {'g', 1, 0}, {'a', 4, 0}, {'(', 8, 0}, {'{', 8, 0}, {'v', 1, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        cr_assert_eq(p11d_signature_alignment(rows[i].type), rows[i].alignment);
        cr_assert_eq(p11d_signature_fixed_size(rows[i].type), rows[i].fixed);
    }
}
