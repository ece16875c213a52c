// SPDX-License-Identifier: MIT
#include "bare.h"

#include <string.h>

#include "evpkey.h"
#include "failure.h"
#include "verifier.h"

static const char *const forms[] = {[P11D_ECDSA_DER] = "der", [P11D_ECDSA_RAW] = "raw"};

GBytes *p11d_bare_sign_raw(const P11dSigning *signing, P11dInput *input, GError **error)
{
    return p11d_signing_sign(signing, input, error);
}

GBytes *p11d_bare_sign_der(const P11dSigning *signing, P11dInput *input, GError **error)
{
    g_autoptr(GBytes) raw = p11d_signing_sign(signing, input, error);
    return raw ? p11d_signing_der(signing, raw, error) : NULL;
}

bool p11d_bare_recognise(GBytes *signature)
{
    (void)signature;
    return true;
}

static P11dEcdsaForm form_of(const char *format)
{
    P11dEcdsaForm form = P11D_ECDSA_DER;
    while (form < P11D_ECDSA_UNKNOWN && !(format && strcmp(forms[form], format) == 0))
        form++;
    return form;
}

gboolean p11d_bare_verify(const P11dClaim *claim, const P11dTrust *trust, P11dFinding *finding,
                          GError **error)
{
    P11dVerifier verifier = {
        .key = trust->key,
        .kind = p11d_evpkey_describe(trust->key),
        .prehashed = claim->prehashed,
        .form = form_of(claim->format),
    };
    if (!p11d_algorithm_find(&verifier.algorithm, claim->algorithm, &verifier.kind, error))
        return FALSE;
    finding->algorithm = g_strdup(verifier.algorithm.name);
    if (claim->prehashed && !verifier.algorithm.hash) {
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "give the file itself",
                         "%s has no digest", verifier.algorithm.name);
        return FALSE;
    }
    g_autoptr(P11dInput) input = p11d_claim_open(claim, error);
    if (!input ||
        !p11d_verifier_check(&verifier, input, claim->signature, &finding->verdict, error))
        return FALSE;
    if (verifier.form != P11D_ECDSA_UNKNOWN)
        finding->format = forms[verifier.form];
    return TRUE;
}
