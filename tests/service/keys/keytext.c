// SPDX-License-Identifier: MIT
/* What is said between the blocks of a file. */
#include "keytext.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "keyring.h"
#include "keytoken-fixture.h"

/* Writes a line above the block of a new key. */
static void write_key_with(const char *name, const char *line)
{
    char path[1024], text[4096];
    write_key(name, NULL);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file);
    size_t size = (size_t)snprintf(text, sizeof text, "%s\n", line);
    size += fread(text + size, 1, sizeof text - size, file);
    fclose(file);
    rig_write_file(directory, name, text, size, 0600);
}

Test(keytext, a_line_that_cannot_be_told_is_left_out_and_no_key, .init = open_directory,
     .fini = tear_down)
{
    static const char *const lines[] = {
        "private-key start-date: 0x00",
        "private-key end-date: 0x3230323031323332ff",
        "public-key start-date: 2020-01-01",
        "private-key label: 0x0",
        "private-key id: ab",
        "private-key sensitive: perhaps",
        "private-key sign: no",
        "private-key value-len: -1",
        "private-key class: 3",
        "private-key",
    };
    char name[32];
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        snprintf(name, sizeof name, "bad-%zu.key", i);
        write_key_with(name, lines[i]);
    }
    write_key_with("one.key", "private-key start-date: 0x3230323630313032");
    open_token();
    list_all();
    cr_assert(has_one());
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        snprintf(name, sizeof name, "bad-%zu", i);
        cr_expect(id_of("private-key", name), "%s", lines[i]);
    }
}

Test(keytext, a_use_that_cannot_be_told_is_none, .init = open_directory, .fini = tear_down)
{
    P11dServedKey *key = NULL;
    CK_OBJECT_CLASS class;
    write_key_with("one.key", "private-key sign: no");
    write_key("two.key", NULL);
    open_token();
    list_all();
    cr_expect_eq(p11d_keyring_find((P11dKeyView *)(void *)view, id_of("private-key", "one"),
                                   CKA_SIGN, &key, &class),
                 CKR_KEY_FUNCTION_NOT_PERMITTED);
    cr_assert_eq(p11d_keyring_find((P11dKeyView *)(void *)view, id_of("private-key", "two"),
                                   CKA_SIGN, &key, &class),
                 CKR_OK);
    p11d_servedkey_unref(key);
}

Test(keytext, a_line_that_cannot_be_told_hides_no_other_change, .init = set_up, .fini = tear_down)
{
    write_key_with("bad.key", "private-key start-date: 0x00");
    write_key("one.key", NULL);
    wait_until(has_one);
    cr_assert(id_of("private-key", "bad"));
}
