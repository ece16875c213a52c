// SPDX-License-Identifier: MIT
#include "cmstrust.h"

#include "certview.h"
#include "holder.h"

static char *append(char *list, const char *text)
{
    char *longer = list ? g_strconcat(list, " and ", text, NULL) : g_strdup(text);
    g_free(list);
    return longer;
}

/* Whether the certificate of a signer, whom the authorities vouch for, is of who is asked for. */
static void ask_identity(P11dCmstrust *asked)
{
    P11dFinding *finding = asked->finding;
    const char *identity = asked->trust->identity;
    g_autofree char *others = NULL;
    if (!identity) {
        finding->remark = g_strdup("anyone under these authorities counts, -I ID names one");
        return;
    }
    for (int i = 0; i < asked->message->count; i++) {
        if (p11d_holder_is(asked->message->named[i], identity)) {
            finding->remark = g_strdup_printf("%s has signed", identity);
            return;
        }
        g_autofree char *names = p11d_holder_names(asked->message->named[i]);
        others = append(others, names);
    }
    p11d_finding_conclude(finding, P11D_VERDICT_NOT_ALLOWED,
                          "the signature is valid, but it is not by %s: the certificate is of %s",
                          identity, others);
}

/* What the authorities have to say against signer i; NULL: nothing. */
static char *object(const P11dCmstrust *asked, int i)
{
    const P11dTrust *trust = asked->trust;
    P11dAuthoritiesQuestion question = {
        .certificate = asked->message->named[i],
        .others = asked->message->certificates,
        .purpose = trust->purpose,
        .time =
            trust->claimed_time ? p11d_cmssigner_time(&asked->message->signers[i]) : trust->time,
    };
    if (question.time == P11D_MOMENT_UNKNOWN)
        return g_strdup("its signer does not claim when it was made (--at signing-time)");
    if (trust->claimed_time) {
        g_autofree char *time = p11d_moment_text(question.time);
        asked->finding->time = append(asked->finding->time, time);
    }
    return p11d_authorities_object(&asked->authorities, &question);
}

void p11d_cmstrust_ask(P11dCmstrust *asked)
{
    asked->finding->trusted = P11D_TRUSTED_YES;
    for (int i = 0; i < asked->message->count; i++) {
        g_autofree char *objection = object(asked, i);
        if (!objection)
            continue;
        g_autofree char *name = p11d_cmsmessage_name(asked->message, i);
        p11d_finding_conclude(
            asked->finding, P11D_VERDICT_UNTRUSTED,
            "the signature is valid, but the certificate of %s is not trusted: %s", name,
            objection);
        asked->finding->trusted = P11D_TRUSTED_NO;
        return;
    }
    ask_identity(asked);
}

void p11d_cmstrust_name_signers(P11dCmstrust *asked)
{
    P11dFinding *finding = asked->finding;
    for (int i = 0; i < asked->message->count; i++) {
        if (!asked->message->named[i])
            continue;
        unsigned char *der = NULL;
        int size = i2d_X509(asked->message->named[i], &der);
        g_autofree char *name = p11d_cmsmessage_name(asked->message, i);
        g_autofree char *sha256 = p11d_certview_sha256(der, size > 0 ? (size_t)size : 0);
        OPENSSL_free(der);
        finding->signer = append(finding->signer, name);
        finding->key = append(finding->key, sha256);
    }
}
