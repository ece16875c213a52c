// SPDX-License-Identifier: MIT
#include "judgement.h"

#include "console.h"
#include "failure.h"
#include "json.h"

/* "release.txt by web.pem (ecdsa-sha256), as of 2026-01-31T12:00:00Z" */
static char *describe(const P11dFinding *finding, const P11dTrust *trust, const char *file)
{
    const char *by = finding->signer ? finding->signer : finding->key ? finding->key : trust->shown;
    GString *text = g_string_new(file ? file : "standard input");
    if (by)
        g_string_append_printf(text, " by %s", by);
    if (finding->matched && trust->keys->len > 1) {
        g_autofree char *which = p11d_pubkey_describe(trust->keys, finding->matched);
        g_string_append_printf(text, ", %s", which);
    }
    if (finding->algorithm)
        g_string_append_printf(text, " (%s)", finding->algorithm);
    if (finding->time)
        g_string_append_printf(text, ", as of %s%s", finding->time,
                               trust->claimed_time ? ", when it claims to have been made" : "");
    return g_string_free(text, FALSE);
}

gboolean p11d_judgement_tell(const P11dFinding *finding, const P11dTrust *trust, const char *file,
                             GError **error)
{
    g_autofree char *what = describe(finding, trust, file);
    if (finding->verdict == P11D_VERDICT_GOOD) {
        p11d_console_verdict(true, "Good signature of %s%s%s", what, finding->remark ? "; " : "",
                             finding->remark ? finding->remark : "");
        return TRUE;
    }
    GError *bad = NULL;
    p11d_failure_set(&bad, P11D_FAILURE_SIGNATURE, NULL, "BAD signature of %s: %s", what,
                     p11d_finding_sentence(finding));
    p11d_console_verdict(false, "%s", bad->message);
    p11d_failure_mark_told(bad);
    g_propagate_error(error, bad);
    return FALSE;
}

void p11d_judgement_add(const P11dFinding *finding, const P11dTrust *trust, const GError *error,
                        JsonBuilder *json)
{
    bool is_known = !error || g_error_matches(error, P11D_FAILURE, P11D_FAILURE_SIGNATURE);
    p11d_json_add_boolean(json, "valid", !error && finding->verdict == P11D_VERDICT_GOOD);
    p11d_json_add_string(json, "reason", is_known ? p11d_finding_reason(finding) : NULL);
    p11d_json_add_string(json, "detail", is_known ? p11d_finding_sentence(finding) : NULL);
    p11d_json_add_string(json, "key", finding->key ? finding->key : trust->name);
    p11d_pubkey_add_match(json, trust->keys, finding->matched);
    if (finding->tried > 0)
        p11d_json_add_number(json, "tried", finding->tried);
    else
        p11d_json_add_null(json, "tried");
    p11d_json_add_string(json, "signer", finding->signer);
    p11d_json_add_string(json, "identity", trust->identity);
    p11d_json_add_string(json, "at", finding->time);
    p11d_json_add_boolean(json, "at_claimed", finding->time && trust->claimed_time);
    if (finding->trusted == P11D_TRUSTED_NOT_ASKED)
        p11d_json_add_null(json, "trusted");
    else
        p11d_json_add_boolean(json, "trusted", finding->trusted == P11D_TRUSTED_YES);
    p11d_json_add_string(json, "algorithm", finding->algorithm);
    p11d_json_add_string(json, "format", finding->format);
}
