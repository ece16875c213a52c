// SPDX-License-Identifier: MIT
#include "finding.h"

static const struct {
    const char *reason;
    const char *sentence;
} verdicts[] = {
    [P11D_VERDICT_GOOD] = {NULL, NULL},
    [P11D_VERDICT_MISMATCH] = {"mismatch", "it is of other data, or by another key or algorithm"},
    [P11D_VERDICT_MALFORMED] = {"malformed", "it is not a signature that this key could make"},
    [P11D_VERDICT_UNTRUSTED] = {"untrusted", "the signer's certificate is not trusted"},
    [P11D_VERDICT_NOT_ALLOWED] = {"not-allowed", "it is not by one of the allowed signers"},
};

const char *p11d_finding_reason(const P11dFinding *finding)
{
    return verdicts[finding->verdict].reason;
}

const char *p11d_finding_sentence(const P11dFinding *finding)
{
    return finding->why ? finding->why : verdicts[finding->verdict].sentence;
}

gboolean p11d_finding_conclude(P11dFinding *finding, P11dVerdict verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_free(finding->why);
    finding->why = why;
    finding->verdict = verdict;
    return TRUE;
}

void p11d_finding_take(P11dFinding *into, P11dFinding *other)
{
    g_free(into->why);
    into->why = g_steal_pointer(&other->why);
    g_free(into->algorithm);
    into->algorithm = g_steal_pointer(&other->algorithm);
}

void p11d_finding_clear(P11dFinding *finding)
{
    g_free(finding->why);
    g_free(finding->remark);
    g_free(finding->key);
    g_free(finding->signer);
    g_free(finding->algorithm);
    g_free(finding->time);
    g_clear_pointer(&finding->content, g_bytes_unref);
    *finding = (P11dFinding){0};
}
