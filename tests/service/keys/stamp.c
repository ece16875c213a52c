// SPDX-License-Identifier: MIT
#include "stamp.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

static void write_and_stamp(int file, P11dStamp *stamp)
{
    struct stat status;
    cr_assert_eq(pwrite(file, "bytes", 5, 0), 5);
    cr_assert_eq(fstat(file, &status), 0);
    p11d_stamp_set(stamp, &status);
}

Test(stamp, two_versions_never_look_alike_however_soon_one_follows_the_other)
{
    P11dStamp before, after;
    int file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    cr_assert_geq(file, 0);
    for (int i = 0; i < 1000; i++) {
        write_and_stamp(file, &before);
        write_and_stamp(file, &after);
        cr_assert_not(p11d_stamp_equal(&before, &after));
    }
    close(file);
}

Test(stamp, what_has_not_changed_for_a_while_looks_alike)
{
    struct stat status;
    P11dStamp before, after;
    cr_assert_eq(stat("/usr/bin/openssl", &status), 0);
    p11d_stamp_set(&before, &status);
    p11d_stamp_set(&after, &status);
    cr_assert(p11d_stamp_equal(&before, &after));
}
