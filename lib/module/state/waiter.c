// SPDX-License-Identifier: MIT
#include "waiter.h"

#include <fcntl.h>
#include <unistd.h>

void p11d_waiter_take_down_bell(P11dWaiter *waiter)
{
    p11d_descriptor_close(waiter->bell[0]);
    p11d_descriptor_close(waiter->bell[1]);
    waiter->bell[0] = waiter->bell[1] = NULL;
}

bool p11d_waiter_hang_bell(P11dWaiter *waiter)
{
    if (p11d_descriptor_number(waiter->bell[0]) >= 0 &&
        p11d_descriptor_number(waiter->bell[1]) >= 0)
        return true;
    p11d_waiter_take_down_bell(waiter);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    waiter->bell[0] = p11d_descriptor_adopt(ends[0]);
    waiter->bell[1] = p11d_descriptor_adopt(ends[1]);
    return waiter->bell[0] && waiter->bell[1];
}

void p11d_waiter_ring(P11dInstance *instance)
{
    for (P11dWaiter *waiter = instance->waiters; waiter; waiter = waiter->next) {
        const int number = p11d_descriptor_number(waiter->bell[1]);
        /* A bell that is full rings already. */
        if (number >= 0 && write(number, "", 1) < 0)
            continue;
    }
}

void p11d_waiter_silence(P11dWaiter *waiter)
{
    char bytes[64];
    const int number = p11d_descriptor_number(waiter->bell[0]);
    while (number >= 0 && read(number, bytes, sizeof bytes) > 0)
        continue;
}
