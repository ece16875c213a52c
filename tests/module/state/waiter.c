// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <poll.h>
#include <unistd.h>

#include "waiter.h"

static bool rings(const P11dWaiter *waiter)
{
    struct pollfd bell = {.fd = p11d_descriptor_number(waiter->bell[0]), .events = POLLIN};
    return poll(&bell, 1, 0) == 1;
}

Test(waiter, a_bell_rings_for_all_who_have_one)
{
    P11dInstance instance = {0};
    P11dWaiter deaf = {0};
    P11dWaiter first = {.next = &deaf};
    P11dWaiter second = {.next = &first};
    instance.waiters = &second;
    cr_assert(p11d_waiter_hang_bell(&first) && p11d_waiter_hang_bell(&second));
    cr_assert_not(rings(&first));
    for (int i = 0; i < 100000; i++) /* more than a pipe holds */
        p11d_waiter_ring(&instance);
    cr_assert(rings(&first) && rings(&second));
    p11d_waiter_silence(&first);
    cr_assert(!rings(&first) && rings(&second));
    p11d_waiter_take_down_bell(&first);
    p11d_waiter_take_down_bell(&second);
    p11d_waiter_ring(&instance);
}

Test(waiter, a_bell_that_the_host_closed_is_hung_again)
{
    P11dWaiter waiter = {0};
    cr_assert(p11d_waiter_hang_bell(&waiter));
    const P11dDescriptor *bell = waiter.bell[0];
    cr_assert(p11d_waiter_hang_bell(&waiter));
    cr_assert_eq(waiter.bell[0], bell, "it hung already");
    close(p11d_descriptor_number(waiter.bell[1]));
    cr_assert(p11d_waiter_hang_bell(&waiter));
    cr_assert_geq(p11d_descriptor_number(waiter.bell[1]), 0);
    p11d_waiter_take_down_bell(&waiter);
}
