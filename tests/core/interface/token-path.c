// SPDX-License-Identifier: MIT
#include "token-path.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "syntax.h"

Test(token_path, a_title_comes_back_from_its_path)
{
    static const char *const titles[] = {"keys", "web-2", "a_b", "_", "Schl\xc3\xbcssel",
                                         "a/b",  " "};
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        char title[P11D_TOKEN_PATH_TITLE_SIZE];
        char *path = p11d_token_path_new(titles[i]);
        cr_assert(p11d_syntax_is_object_path(path), "%s", path);
        const char *name = p11d_token_path_name(path);
        cr_assert_not_null(name);
        p11d_token_path_title(name, title);
        cr_expect_str_eq(title, titles[i]);
        free(path);
    }
}

Test(token_path, is_written_as_the_interface_says)
{
    char *path = p11d_token_path_new("a_b-C9");
    cr_assert_str_eq(path, "/org/p11dbus/tokens/a_5fb_2dC9");
    free(path);
}

Test(token_path, only_a_child_of_tokens_is_one)
{
    cr_expect_str_eq(p11d_token_path_name("/org/p11dbus/tokens/a"), "a");
    cr_expect_null(p11d_token_path_name("/org/p11dbus/tokens"));
    cr_expect_null(p11d_token_path_name("/org/p11dbus/tokens/"));
    cr_expect_null(p11d_token_path_name("/org/p11dbus/tokens/a/b"));
    cr_expect_null(p11d_token_path_name("/org/p11dbus/tokensa"));
    cr_expect_null(p11d_token_path_name("/"));
}

Test(token_path, a_name_that_stands_for_no_text_is_its_own_title)
{
    char title[P11D_TOKEN_PATH_TITLE_SIZE];
    p11d_token_path_title("a_ff", title);
    cr_expect_str_eq(title, "a_ff");
    p11d_token_path_title("a_", title);
    cr_expect_str_eq(title, "a_");
    p11d_token_path_title("a_5", title);
    cr_expect_str_eq(title, "a_5");
}

Test(token_path, a_title_that_is_too_long_is_cut)
{
    char name[1000];
    char title[P11D_TOKEN_PATH_TITLE_SIZE];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    p11d_token_path_title(name, title);
    cr_expect_eq(strlen(title), P11D_TOKEN_PATH_TITLE_SIZE - 1);
    memcpy(name + 254, "_c3_bc", 6); /* cut inside of a character: not text */
    p11d_token_path_title(name, title);
    cr_expect_eq(strlen(title), P11D_TOKEN_PATH_TITLE_SIZE - 1);
}
