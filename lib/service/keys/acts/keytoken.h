// SPDX-License-Identifier: MIT
/*
 * A key token is the token (worker-token.h) that a directory of PEM keys makes: named after the
 * directory, with the objects of its key set, and with a login if some key needs a passphrase. The
 * login of a client opens keys for that client alone.
 */
#ifndef P11D_KEYTOKEN_H
#define P11D_KEYTOKEN_H

#include "worker-token.h"

/*
 * Opens the directory and loads its keys. writers: who may make, change and destroy them.
 * p11d_servedkey_setup has been called. Returns the token,
 * freed by its own operation, or NULL with errno set (ENOMEM, or what is wrong with the directory)
 * and the reason in the log.
 */
P11dWorkerToken *p11d_keytoken_open(const char *directory, P11dWorkerTokenWriters writers);

#endif
