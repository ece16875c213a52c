// SPDX-License-Identifier: MIT
/* How files of a directory are written. */
#include "keystore.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keytoken-fixture.h"

Test(keystore, a_lock_that_is_not_had_is_none, .init = set_up, .fini = tear_down)
{
    int first = -1, second = -1;
    cr_assert_eq(p11d_keystore_lock(directory, 1000, &first), CKR_OK);
    cr_assert_geq(first, 0);
    cr_assert_eq(p11d_keystore_lock(directory, 0, &second), CKR_DEVICE_ERROR);
    cr_expect_eq(second, -1, "its number may be another file's by now, which is not to be closed");
    p11d_keystore_unlock(first);
    cr_assert_eq(p11d_keystore_lock(directory, 0, &second), CKR_OK);
    p11d_keystore_unlock(second);
    cr_assert_eq(p11d_keystore_lock("/nonexistent", 1000, &first), CKR_DEVICE_ERROR);
    cr_expect_eq(first, -1);
}

Test(keystore, a_lock_that_is_never_let_go_is_waited_for_no_longer_than_was_said, .init = set_up,
     .fini = tear_down)
{
    int first = -1, second = -1;
    char text[1024] = "", holder[64];
    int kept = dup(STDERR_FILENO), told[2];
    cr_assert(kept >= 0 && pipe(told) == 0);
    cr_assert_eq(p11d_keystore_lock(directory, 1000, &first), CKR_OK);
    dup2(told[1], STDERR_FILENO);
    CK_RV rv = p11d_keystore_lock(directory, 50, &second);
    dup2(kept, STDERR_FILENO);
    cr_assert_eq(rv, CKR_DEVICE_ERROR);
    cr_expect_eq(second, -1);
    cr_assert_gt(read(told[0], text, sizeof text - 1), 0);
    snprintf(holder, sizeof holder, "/.p11dbus-lock: process %d has had it locked", (int)getpid());
    cr_expect(strstr(text, holder), "%s", text);
    p11d_keystore_unlock(first);
}
