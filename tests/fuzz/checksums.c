// SPDX-License-Identifier: MIT
/* Any text as a list of checksums. What is accepted has names and digests that stand in it. */
#include "checksums.h"

#include <string.h>

#include "fuzz.h"

static bool is_shortened(const char *name)
{
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);
    for (char **part = parts; *part; part++)
        if (strcmp(*part, ".") == 0 || (!**part && part > parts))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) text = g_bytes_new_static(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) checksums = p11d_checksums_parse(text, "text", &error);
    FUZZ_EXPECT((checksums != NULL) == (error == NULL));
    unsigned line = 0;
    for (guint i = 0; checksums && i < checksums->len; i++) {
        const P11dChecksum *checksum = checksums->pdata[i];
        FUZZ_EXPECT(checksum->line > line);
        line = checksum->line;
        FUZZ_EXPECT(*checksum->name && is_shortened(checksum->name));
        FUZZ_EXPECT(checksum->size >= 28 && checksum->size <= sizeof checksum->digest);
        FUZZ_EXPECT(!checksum->hash || checksum->hash->size == checksum->size);
        FUZZ_EXPECT(2 * checksum->size + strlen(checksum->name) < size);
        g_autofree char *algorithm = p11d_checksum_algorithm(checksum);
        FUZZ_EXPECT(*algorithm);
    }
    return 0;
}
