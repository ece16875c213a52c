// SPDX-License-Identifier: MIT
/* Any text as a list of allowed signers. It allows no key that is not in it. */
#include "allowedsigners.h"

#include <string.h>

#include "fuzz.h"

/* An Ed25519 key of zeros. */
#define KEY "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) text = g_bytes_new_static(data, size);
    gsize key_size;
    guint8 *blob = g_base64_decode(KEY, &key_size);
    g_autoptr(GBytes) key = g_bytes_new_take(blob, key_size);
    P11dAllowedsignersQuestion question = {"user@example.org", "file", key, 1750000000};
    g_autoptr(GError) error = NULL;
    g_autofree char *why = NULL;
    gboolean ok = p11d_allowedsigners_check(text, "text", &question, &why, &error);
    FUZZ_EXPECT(ok == (error == NULL));
    if (ok && !why)
        FUZZ_EXPECT(memmem(data, size, KEY, strlen(KEY)) != NULL);
    return 0;
}
