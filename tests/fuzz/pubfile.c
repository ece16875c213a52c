// SPDX-License-Identifier: MIT
/* Any bytes as a file of public keys, and as a signature that is written down in some way. */
#include "pubfile.h"

#include "encoding.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) content = g_bytes_new(data, size);
    g_auto(P11dPubfile) file = {0};
    g_autoptr(GError) error = NULL;
    gboolean ok = p11d_pubfile_parse(&file, content, "file", &error);
    FUZZ_EXPECT(ok == (error == NULL));
    FUZZ_EXPECT(ok == (file.keys->len > 0));
    for (guint place = 1; place <= file.keys->len; place++) {
        const P11dPubkey *pubkey = file.keys->pdata[place - 1];
        g_autofree char *said = p11d_pubkey_describe(file.keys, place);
        FUZZ_EXPECT(*said && pubkey->key && p11d_pubkey_find(file.keys, pubkey->key) > 0);
    }
    for (P11dEncoding encoding = 0; encoding <= P11D_ENCODING_UNKNOWN; encoding++) {
        g_autoptr(GBytes) decoded = p11d_encoding_decode(encoding, content);
        FUZZ_EXPECT(!decoded || g_bytes_get_size(decoded) <= size);
    }
    return 0;
}
