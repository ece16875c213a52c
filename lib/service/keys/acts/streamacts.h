// SPDX-License-Identifier: MIT
/*
 * The stream acts are what a key token does with operations in parts (keystream.h): those of one
 * view, each for the channel that began it.
 */
#ifndef P11D_STREAMACTS_H
#define P11D_STREAMACTS_H

#include "act.h"
#include "keyview.h"

P11dActPerform p11d_streamacts_begin;
P11dActPerform p11d_streamacts_update;
P11dActPerform p11d_streamacts_finish;
P11dActPerform p11d_streamacts_cancel;

/* The channel is closed, and its streams end. */
void p11d_streamacts_hang_up(P11dKeyView *view, uint64_t channel);

#endif
