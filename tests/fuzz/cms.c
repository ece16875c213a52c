// SPDX-License-Identifier: MIT
/* Any bytes as a CMS signature, of what it holds and of nothing. Nobody has ever signed with the
 * key that is trusted here, so that whatever is found, it is not good. */
#include "cms.h"

#include <openssl/ec.h>

#include "fuzz.h"

static void try_file(GBytes *signature, GPtrArray *keys, const char *file)
{
    const P11dClaim claim = {.signature = signature, .file = file, .no_input = TRUE};
    const P11dTrust trust = {.kind = P11D_TRUST_KEY, .keys = keys};
    g_auto(P11dFinding) finding = {.verdict = P11D_VERDICT_MISMATCH};
    g_autoptr(GError) error = NULL;
    if (p11d_cms_verify(&claim, &trust, &finding, &error))
        FUZZ_EXPECT(finding.verdict != P11D_VERDICT_GOOD && !finding.content && !error);
    else
        FUZZ_EXPECT(error && error->message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static GPtrArray *keys;
    if (!keys) {
        keys = p11d_pubkey_array();
        g_ptr_array_add(keys, p11d_pubkey_new(EVP_EC_gen("P-256")));
    }
    g_autoptr(GBytes) signature = g_bytes_new(data, size);
    try_file(signature, keys, NULL);
    try_file(signature, keys, "/dev/null");
    return 0;
}
