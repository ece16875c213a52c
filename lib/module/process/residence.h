// SPDX-License-Identifier: MIT
/*
 * The residence of the module is its place in the host's address space, which it never leaves: code
 * that is unmapped while a thread, an atfork handler or an exit handler can still call it kills the
 * host. The linker flag -z nodelete says so already; this says it again, for files from which the
 * flag was stripped and for hosts that close their handle once too often.
 */
#ifndef P11D_RESIDENCE_H
#define P11D_RESIDENCE_H

/* Pins the module, once. Opens no file: it is loaded already. Called without the lock. */
void p11d_residence_take(void);

#endif
