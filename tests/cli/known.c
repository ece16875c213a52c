// SPDX-License-Identifier: MIT
#include "known.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <glib/gstdio.h>
#include <string.h>

#include "failure.h"

static const char *name(size_t i)
{
    static const char *const names[] = {"weak-rsa", "weak-hash", "expired", NULL};
    return names[i];
}

static P11dKnown *read_text(const char *text, gssize size, GError **error)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("known-XXXXXX", &path, NULL);
    cr_assert_geq(fd, 0);
    g_close(fd, NULL);
    cr_assert(g_file_set_contents(path, text, size, NULL));
    P11dKnown *known = p11d_known_read(path, name, "finding", error);
    g_unlink(path);
    return known;
}

static const char text[] = "# looked at in spring\n"
                           "\n"
                           "weak-* pkcs11:token=old;* # goes away with the card\r\n"
                           "expired\t# a test's # certificate\n"
                           "weak-rsa a#b with blanks # named oddly\n";

typedef struct Row {
    char id[16];
    char about[64];
    char reason[64]; /* "" for what is not known */
} Row;

ParameterizedTestParameters(known, what_lines_name_is_known_and_nothing_else)
{
    static const Row rows[] = {
        {"weak-rsa", "pkcs11:token=old;object=a", "goes away with the card"},
        {"weak-hash", "pkcs11:token=old;object=a", "goes away with the card"},
        {"weak-rsa", "pkcs11:token=older;object=a", ""},
        {"expired", "anything at all", "a test's # certificate"},
        {"weak-rsa", "a#b with blanks", "named oddly"},
        {"weak-rsa", "a#b", ""},
        {"weak-rs", "pkcs11:token=old;object=a", "goes away with the card"},
        {"expired-not", "anything at all", ""},
    };
    return cr_make_param_array(const Row, (Row *)rows, G_N_ELEMENTS(rows));
}

ParameterizedTest(const Row *row, known, what_lines_name_is_known_and_nothing_else)
{
    g_autoptr(P11dKnown) known = read_text(text, -1, NULL);
    cr_assert_not_null(known);
    const char *reason = p11d_known_find(known, row->id, row->about);
    cr_assert_str_eq(reason ? reason : "", row->reason);
}

Test(known, no_file_knows_nothing)
{
    g_autoptr(P11dKnown) known = p11d_known_read(NULL, name, "finding", NULL);
    cr_assert_not_null(known);
    cr_assert_null(p11d_known_find(known, "expired", "x"));
    g_autoptr(GPtrArray) gone = p11d_known_tell_gone(known, NULL, NULL, NULL);
    cr_assert_eq(gone->len, 0);
}

Test(known, what_is_gone_is_told)
{
    g_autoptr(P11dKnown) known = read_text(text, -1, NULL);
    p11d_known_find(known, "expired", "x");
    g_autoptr(GPtrArray) gone = p11d_known_tell_gone(known, NULL, NULL, NULL);
    cr_assert_eq(gone->len, 2);
    cr_assert_str_eq(gone->pdata[0], "weak-* pkcs11:token=old;*");
    cr_assert_str_eq(gone->pdata[1], "weak-rsa a#b with blanks");
}

static bool is_of_the_card(const char *about, const void *data)
{
    return strcmp(about, data) == 0;
}

Test(known, what_was_not_looked_for_is_not_gone)
{
    g_autoptr(P11dKnown) known = read_text(text, -1, NULL);
    p11d_known_find(known, "expired", "x");
    /* "weak-*" stands for a name that was skipped, and for one that was not. */
    char *skipped[] = {(char *)"weak-hash", NULL};
    g_autoptr(GPtrArray) left = p11d_known_tell_gone(known, skipped, NULL, NULL);
    cr_assert_eq(left->len, 1);
    cr_assert_str_eq(left->pdata[0], "weak-rsa a#b with blanks");
    g_autoptr(GPtrArray) in_scope =
        p11d_known_tell_gone(known, NULL, is_of_the_card, "pkcs11:token=old;*");
    cr_assert_eq(in_scope->len, 1);
    cr_assert_str_eq(in_scope->pdata[0], "weak-* pkcs11:token=old;*");
}

typedef struct Bad {
    char text[48];
    gsize size;
    char said[48];
} Bad;

ParameterizedTestParameters(known, a_line_that_is_none_is_refused)
{
    static const Bad rows[] = {
        {"\nexpired x", 10, "line 2: says no reason"},
        {"expired x #", 11, "line 1: says no reason"},
        {"expired x#y", 11, "line 1: says no reason"},
        {"expird x # why", 14, "line 1: there is no finding \"expird\""},
        {"weak-\033 # why", 12, "there is no finding \"weak-\\x1b\""},
        {"expired # a\0b", 13, "is no text"},
        {"expired # \xff", 11, "is no text"},
    };
    return cr_make_param_array(const Bad, (Bad *)rows, G_N_ELEMENTS(rows));
}

ParameterizedTest(const Bad *row, known, a_line_that_is_none_is_refused)
{
    g_autoptr(GError) error = NULL;
    cr_assert_null(read_text(row->text, (gssize)row->size, &error));
    cr_assert(g_error_matches(error, P11D_FAILURE, P11D_FAILURE_FILE));
    cr_assert_not_null(strstr(error->message, row->said), "%s", error->message);
}

Test(known, a_file_that_is_not_there_is_told)
{
    g_autoptr(GError) error = NULL;
    cr_assert_null(p11d_known_read("/nowhere/known", name, "finding", &error));
    cr_assert(g_error_matches(error, P11D_FAILURE, P11D_FAILURE_FILE));
}
