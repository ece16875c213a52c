// SPDX-License-Identifier: MIT
#include "brake.h"

#include <criterion/criterion.h>

#define SECOND P11D_BRAKE_FORGIVES_NS

static void fail_often(P11dBrake *brake, uid_t uid, int count, int64_t now)
{
    for (int i = 0; i < count; i++)
        p11d_brake_failed(brake, uid, now);
}

Test(brake, allows_some_failures_and_then_one_a_second)
{
    P11dBrake brake = {0};
    int64_t now = 1000 * SECOND;
    for (int i = 0; i < P11D_BRAKE_FAILURES; i++) {
        cr_assert(p11d_brake_allows(&brake, 1000, now));
        p11d_brake_failed(&brake, 1000, now);
    }
    cr_assert_not(p11d_brake_allows(&brake, 1000, now));
    cr_assert_not(p11d_brake_allows(&brake, 1000, now + SECOND - 1));
    cr_assert(p11d_brake_allows(&brake, 1000, now + SECOND));
    p11d_brake_failed(&brake, 1000, now + SECOND);
    cr_assert_not(p11d_brake_allows(&brake, 1000, now + SECOND));
    cr_assert(p11d_brake_allows(&brake, 1000, now + 1000 * SECOND));
}

Test(brake, brakes_each_user_alone)
{
    P11dBrake brake = {0};
    int64_t now = 5 * SECOND;
    fail_often(&brake, 1000, 100, now);
    fail_often(&brake, 0, 3, now);
    cr_assert_not(p11d_brake_allows(&brake, 1000, now));
    cr_assert(p11d_brake_allows(&brake, 0, now));
    cr_assert(p11d_brake_allows(&brake, 1001, now));
    fail_often(&brake, 0, 100, now);
    cr_assert_not(p11d_brake_allows(&brake, 0, now));
}

Test(brake, forgets_who_failed_least_where_too_many_do)
{
    P11dBrake brake = {0};
    int64_t now = 5 * SECOND;
    fail_often(&brake, 1000, 100, now);
    for (uid_t uid = 2000; uid < 2000 + 10 * P11D_BRAKE_USERS; uid++)
        p11d_brake_failed(&brake, uid, now);
    cr_assert_not(p11d_brake_allows(&brake, 1000, now));
}
