// SPDX-License-Identifier: MIT
#include "keyworker.h"

#include <openssl/crypto.h>

#include "keytoken.h"
#include "log.h"
#include "residue.h"
#include "servedkey.h"

static bool set_up(void)
{
    if (!p11d_residue_wipe_heap()) {
        p11d_log("something used libcrypto before the worker did; keys would not be wiped");
        return false;
    }
    /* The user's configuration of OpenSSL may name engines, our own module among them. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    if (!p11d_servedkey_setup()) {
        p11d_log("no memory for what libcrypto computes with");
        return false;
    }
    return true;
}

const P11dWorkerKind p11d_keyworker = {
    .set_up = set_up, .open = p11d_keytoken_open, .tear_down = p11d_servedkey_teardown};
