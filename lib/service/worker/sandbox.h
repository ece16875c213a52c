// SPDX-License-Identifier: MIT
/*
 * A sandbox is what a worker gives up before it touches a key: new privileges, core dumps, being
 * traced, descriptors that it inherited, and, where the kernel has Landlock, writing, executing and
 * the network. Reading stays as the process's uid allows it: keys may be links to anywhere.
 */
#ifndef P11D_SANDBOX_H
#define P11D_SANDBOX_H

/* For the whole process, so before its first thread. Closes all descriptors above last. writable:
 * the directory in which, and below which, files may be made, written and removed; NULL: nothing is
 * written anywhere. Whatever the kernel does not offer is left out. */
void p11d_sandbox_enter(int last, const char *writable);

/* Lets debuggers at the process again (leak checkers are such), once its keys are gone. */
void p11d_sandbox_relax(void);

#endif
