// SPDX-License-Identifier: MIT
#include "deadline.h"

#include <criterion/criterion.h>

#define HOUR ((int64_t)3600 * 1000)

Test(deadline, now_has_passed_and_leaves_nothing)
{
    struct timespec left;
    cr_assert(p11d_deadline_passed(p11d_deadline_now()));
    cr_assert_eq(p11d_deadline_left(p11d_deadline_now(), &left), &left);
    cr_assert(left.tv_sec == 0 && left.tv_nsec == 0);
}

Test(deadline, never_does_not_pass)
{
    struct timespec left;
    cr_assert_not(p11d_deadline_passed(p11d_deadline_never()));
    cr_assert_null(p11d_deadline_left(p11d_deadline_never(), &left));
}

Test(deadline, an_hour_is_not_over_yet)
{
    struct timespec left;
    P11dDeadline deadline = p11d_deadline_in(HOUR);
    cr_assert_not(p11d_deadline_passed(deadline));
    cr_assert_not_null(p11d_deadline_left(deadline, &left));
    cr_assert(left.tv_sec > 0 && left.tv_sec <= 3600);
    cr_assert(left.tv_nsec >= 0 && left.tv_nsec < 1000000000);
}

Test(deadline, one_of_the_past_leaves_zero_not_less)
{
    struct timespec left;
    P11dDeadline deadline = {.at = 1};
    cr_assert(p11d_deadline_passed(deadline));
    p11d_deadline_left(deadline, &left);
    cr_assert(left.tv_sec == 0 && left.tv_nsec == 0);
}

Test(deadline, one_too_far_to_count_never_passes)
{
    cr_assert_eq(p11d_deadline_in(INT64_MAX).at, p11d_deadline_never().at);
    cr_assert_eq(p11d_deadline_in(INT64_MAX / 1000000).at, p11d_deadline_never().at);
}

Test(deadline, no_time_at_all_is_now)
{
    cr_assert(p11d_deadline_passed(p11d_deadline_in(0)));
}

Test(deadline, the_earlier_of_two)
{
    P11dDeadline soon = p11d_deadline_in(1);
    P11dDeadline late = p11d_deadline_in(HOUR);
    cr_assert_eq(p11d_deadline_earlier(soon, late).at, soon.at);
    cr_assert_eq(p11d_deadline_earlier(p11d_deadline_never(), late).at, late.at);
    cr_assert_eq(p11d_deadline_earlier(late, p11d_deadline_now()).at, p11d_deadline_now().at);
}
