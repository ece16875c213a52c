// SPDX-License-Identifier: MIT
/* How files of a directory are written. */
#include "keystore.h"

#include <criterion/criterion.h>

#include "keytoken-fixture.h"

Test(keystore, a_lock_that_is_not_had_is_none, .init = set_up, .fini = tear_down)
{
    int first = -1, second = -1;
    cr_assert_eq(p11d_keystore_lock(directory, true, &first), CKR_OK);
    cr_assert_geq(first, 0);
    cr_assert_eq(p11d_keystore_lock(directory, false, &second), CKR_DEVICE_ERROR);
    cr_expect_eq(second, -1, "its number may be another file's by now, which is not to be closed");
    p11d_keystore_unlock(first);
    cr_assert_eq(p11d_keystore_lock(directory, false, &second), CKR_OK);
    p11d_keystore_unlock(second);
    cr_assert_eq(p11d_keystore_lock("/nonexistent", true, &first), CKR_DEVICE_ERROR);
    cr_expect_eq(first, -1);
}
