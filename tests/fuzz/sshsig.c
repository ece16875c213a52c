// SPDX-License-Identifier: MIT
/* Any bytes as an SSHSIG. The parts of what is accepted lie within it, and make another again. */
#include "sshsig.h"

#include <string.h>

#include "fuzz.h"
#include "sshkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(data, size);
    P11dSshsig sshsig;
    if (!p11d_sshsig_parse(&sshsig, bytes))
        return 0;
    const P11dSshsigPart parts[] = {sshsig.key,       sshsig.namespace, sshsig.hash,
                                    sshsig.algorithm, sshsig.signature, sshsig.more};
    const uint8_t *at = data;
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        FUZZ_EXPECT(parts[i].data >= at);
        at = parts[i].data + parts[i].size;
        FUZZ_EXPECT(at <= data + size);
    }
    /* Only what is reserved gets lost. */
    g_autoptr(GBytes) written = p11d_sshsig_write(&sshsig);
    FUZZ_EXPECT(g_bytes_get_size(written) <= size);
    P11dSshsig again;
    FUZZ_EXPECT(p11d_sshsig_parse(&again, written));
    FUZZ_EXPECT(again.key.size == sshsig.key.size &&
                memcmp(again.key.data, sshsig.key.data, sshsig.key.size) == 0);
    EVP_PKEY_free(p11d_sshkey_parse(sshsig.key.data, sshsig.key.size));
    return 0;
}
