// SPDX-License-Identifier: MIT
/*
 * The lock is the one mutex of the module, and the one condition that goes with it. It guards all
 * state of the process, and it is never held over a wait: who waits for the wire gives it up
 * first, who waits for another thread waits on the condition. Every function of this directory
 * that takes an instance, a token, a session or a peer is called with the lock held unless its
 * comment says otherwise.
 */
#ifndef P11D_LOCK_H
#define P11D_LOCK_H

#include <stdbool.h>

#include "deadline.h"

void p11d_lock_take(void);
void p11d_lock_give(void);

/* Gives the lock up until somebody calls p11d_lock_wake or deadline passes, and takes it again.
 * Returns false once deadline has passed. As with any condition, what was waited for must be
 * looked at again. */
bool p11d_lock_wait(P11dDeadline deadline);

/* Wakes all who wait: call it after every change that somebody may wait for. */
void p11d_lock_wake(void);

/* In a child after fork: makes lock and condition new, with the lock free. */
void p11d_lock_renew(void);

#endif
