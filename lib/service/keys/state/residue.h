// SPDX-License-Identifier: MIT
/*
 * A residue is what libcrypto leaves behind of a secret. It wipes its numbers itself, but not what
 * its decoders had them in on the way (the plain text of a key file, the ASN.1 structures made of
 * it), nor what arithmetic left on the stack of the thread that signed.
 */
#ifndef P11D_RESIDUE_H
#define P11D_RESIDUE_H

#include <stdbool.h>

/* From then on libcrypto wipes in this process all memory that it frees. To be called before
 * anything else of libcrypto; false, with nothing changed, where that is too late. */
bool p11d_residue_wipe_heap(void);

/* Wipes what calls that have returned left on this thread's stack. To be called by a thread that
 * has worked with a private key or a passphrase. */
void p11d_residue_wipe_stack(void);

#endif
