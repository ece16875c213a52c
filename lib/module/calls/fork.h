// SPDX-License-Identifier: MIT
/*
 * A fork copies the module's state into a child that must not touch any of it: the lock may be held
 * by a thread that is not there, and the sockets are the parent's. So the child forgets the state,
 * closes its copies of the descriptors, and begins as a process that never called C_Initialize
 * (PKCS#11 3.1, section 5.1.3). Handlers of pthread_atfork(3) do that; a page that the kernel wipes
 * in children (MADV_WIPEONFORK) finds the children of _Fork and raw clone, which run no handlers.
 */
#ifndef P11D_FORK_H
#define P11D_FORK_H

/* At the beginning of every call, without the lock: registers the handlers and makes the page,
 * once; and if this process is a child that ran no handlers, does their work. */
void p11d_fork_look(void);

#endif
