// SPDX-License-Identifier: MIT
/* Checking CMS signatures: OpenSSL takes them apart, and what is checked is checked here, for every
 * kind of key alike (OpenSSL 3.0 itself knows no Edwards curves in CMS). */
#include "cms.h"

#include <openssl/err.h>

#include "cmscontent.h"
#include "cmstrust.h"

/* A message as it is being checked. */
typedef struct Check {
    const P11dClaim *claim;
    P11dCmsmessage message;
    P11dCmscontent content;
    P11dCmstrust asked;
    guint *places; /* of the key by which each signer has signed among trusted ones; 0: none */
} Check;

static void check_clear(Check *check)
{
    p11d_cmsmessage_clear(&check->message);
    p11d_cmscontent_clear(&check->content);
    p11d_authorities_clear(&check->asked.authorities);
    g_free(check->places);
    ERR_clear_error();
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Check, check_clear)

/* A check of the signatures, by digests of the content as it is or as a text. */
typedef struct Round {
    Check *check;
    const P11dDigests *digests;
    P11dFinding *finding;
} Round;

/* Says with several signers whose signature it is that is bad. */
static void say_whose(const Round *round, int i)
{
    P11dFinding *finding = round->finding;
    if (round->check->message.count == 1)
        return;
    g_autofree char *why = g_strdup(p11d_finding_sentence(finding));
    g_autofree char *name = p11d_cmsmessage_name(&round->check->message, i);
    g_free(finding->why);
    finding->why = g_strdup_printf("%s (signature by %s)", why, name);
}

/* Checks signature i by key. */
static gboolean check_by_key(const Round *round, int i, EVP_PKEY *key, P11dFinding *finding,
                             GError **error)
{
    const Check *check = round->check;
    const P11dCmssigner *signer = &check->message.signers[i];
    g_autoptr(GBytes) content = signer->hash ? p11d_digests_get(round->digests, signer->hash)
                                             : g_bytes_ref(check->content.whole);
    return p11d_cmssigner_check(signer, key, content, CMS_get0_eContentType(check->message.info),
                                finding, error);
}

/* Checks the signature of signer i, who has no certificate here, by the keys that are trusted until
 * one has made it. */
static gboolean check_by_trusted(const Round *round, int i, GError **error)
{
    Check *check = round->check;
    const GPtrArray *keys = check->asked.trust->keys;
    GError *failure = NULL;
    bool tried = false;
    check->places[i] = 0;
    for (guint place = 1; place <= keys->len && !check->places[i]; place++) {
        const P11dPubkey *pubkey = keys->pdata[place - 1];
        g_auto(P11dFinding) finding = {0};
        if (!check_by_key(round, i, pubkey->key, &finding, failure ? NULL : &failure))
            continue;
        /* What one of them can have made is no malformed signature. */
        if (!tried || finding.verdict != P11D_VERDICT_MALFORMED) {
            round->finding->verdict = finding.verdict;
            p11d_finding_take(round->finding, &finding);
        }
        tried = true;
        if (finding.verdict == P11D_VERDICT_GOOD)
            check->places[i] = place;
    }
    if (tried)
        g_clear_error(&failure);
    else
        g_propagate_error(error, failure);
    return tried;
}

/* Checks the signature of signer i by the key of his certificate, or else by those trusted. */
static gboolean check_signature(const Round *round, int i, GError **error)
{
    const Check *check = round->check;
    X509 *named = check->message.named[i];
    bool by_key = check->asked.trust->kind == P11D_TRUST_KEY;
    EVP_PKEY *key = named ? X509_get0_pubkey(named) : NULL;
    if (!named && !by_key)
        return p11d_finding_conclude(
            round->finding, P11D_VERDICT_UNTRUSTED,
            "it does not hold its signer's certificate, and the authorities are "
            "not the signer; give it with --cert");
    if (named && !key)
        return p11d_finding_conclude(round->finding, P11D_VERDICT_MALFORMED,
                                     "the key in its signer's certificate cannot be read");
    if (!check->message.signers[i].attributes && p11d_cmscontent_can_be_attributes(&check->content))
        return p11d_finding_conclude(round->finding, P11D_VERDICT_MALFORMED,
                                     "what it signs may be the attributes of another signature");
    if (!named)
        return check_by_trusted(round, i, error);
    check->places[i] = by_key ? p11d_pubkey_find(check->asked.trust->keys, key) : 0;
    return check_by_key(round, i, key, round->finding, error);
}

static gboolean check_signatures(const Round *round, GError **error)
{
    for (int i = 0; i < round->check->message.count; i++) {
        if (!check_signature(round, i, error))
            return FALSE;
        if (round->finding->verdict != P11D_VERDICT_GOOD) {
            say_whose(round, i);
            return TRUE;
        }
    }
    return TRUE;
}

/* Whether all would be good of what was named if it had those line ends. */
static bool is_good_as_text(Check *check, P11dCmscontentText text)
{
    g_auto(P11dFinding) finding = {0};
    const Round round = {check, &check->content.texts[text], &finding};
    for (int i = 0; i < check->message.count; i++)
        if (!check->message.signers[i].hash)
            return false;
    return check_signatures(&round, NULL) && finding.verdict == P11D_VERDICT_GOOD;
}

/* A signature of the same lines is bad, but that is what happens to text on its way. */
static void look_at_line_ends(Check *check)
{
    static const char *const sentences[] = {
        [P11D_CMSCONTENT_LF] =
            "it is of the same lines with LF at their ends, where this file has CR LF",
        [P11D_CMSCONTENT_CRLF] =
            "it is of the same lines with CR LF at their ends, as mail has them: openssl cms -sign "
            "does that unless it is told -binary",
    };
    P11dFinding *finding = check->asked.finding;
    bool is_inside = check->message.inside && !check->claim->file;
    if (finding->verdict != P11D_VERDICT_MISMATCH || is_inside ||
        !p11d_cmscontent_read_texts(&check->content))
        return;
    for (size_t text = 0; text < P11D_CMSCONTENT_TEXTS; text++)
        if (is_good_as_text(check, (P11dCmscontentText)text)) {
            p11d_finding_conclude(finding, P11D_VERDICT_MISMATCH, "%s", sentences[text]);
            return;
        }
}

/* One of the signatures, which are all good, must be by a trusted key. What certificates say is not
 * repeated: nobody vouches for them. */
static void ask_keys(Check *check)
{
    P11dFinding *finding = check->asked.finding;
    guint count = check->asked.trust->keys->len;
    for (int i = 0; i < check->message.count && !finding->matched; i++)
        finding->matched = check->places[i];
    if (finding->matched)
        return;
    g_autofree char *name = p11d_cmsmessage_name(&check->message, 0);
    if (count == 1)
        p11d_finding_conclude(finding, P11D_VERDICT_MISMATCH,
                              "it is by another key, whose certificate says %s", name);
    else
        p11d_finding_conclude(
            finding, P11D_VERDICT_MISMATCH,
            "it is by none of the %u keys in the file, but by another, whose certificate says %s",
            count, name);
}

static gboolean judge(Check *check, GError **error)
{
    P11dFinding *finding = check->asked.finding;
    const Round round = {check, &check->content.digests, finding};
    bool by_key = check->asked.trust->kind == P11D_TRUST_KEY;
    if (by_key)
        finding->tried = check->asked.trust->keys->len;
    else
        p11d_cmstrust_name_signers(&check->asked);
    if (!check->content.same)
        p11d_finding_conclude(finding, P11D_VERDICT_MISMATCH,
                              "it holds other data than the file that was named");
    else if (!check_signatures(&round, error))
        return FALSE;
    look_at_line_ends(check);
    if (finding->verdict == P11D_VERDICT_GOOD && by_key)
        ask_keys(check);
    else if (finding->verdict == P11D_VERDICT_GOOD)
        p11d_cmstrust_ask(&check->asked);
    if (finding->verdict == P11D_VERDICT_GOOD && check->message.inside)
        finding->content = g_bytes_ref(check->message.inside);
    return !by_key || finding->verdict == P11D_VERDICT_GOOD ||
           p11d_trust_conclude(check->asked.trust, finding, error);
}

/* What is no message at all is malformed, unless the file that was named cannot be read. */
static gboolean conclude_malformed(const Check *check, GError **error)
{
    guint8 byte;
    gsize got;
    g_autoptr(P11dInput) input = check->claim->file ? p11d_claim_open(check->claim, error) : NULL;
    if (check->claim->file && (!input || !p11d_input_read(input, &byte, 1, &got, error)))
        return FALSE;
    return p11d_finding_conclude(check->asked.finding, P11D_VERDICT_MALFORMED,
                                 "it is no CMS signature in DER or PEM");
}

gboolean p11d_cms_verify(const P11dClaim *claim, const P11dTrust *trust, P11dFinding *finding,
                         GError **error)
{
    g_auto(Check) check = {.claim = claim, .asked = {.trust = trust, .finding = finding}};
    P11dAuthorities *authorities = &check.asked.authorities;
    check.asked.message = &check.message;
    if (trust->kind == P11D_TRUST_AUTHORITIES &&
        !p11d_authorities_read(authorities, trust->authorities, trust->crls, error))
        return FALSE;
    if (!p11d_cmsmessage_parse(&check.message, claim->signature))
        return conclude_malformed(&check, error);
    finding->attached = check.message.inside != NULL;
    if (!p11d_cmsmessage_read_signers(&check.message, authorities->certificates, error))
        return FALSE;
    check.places = g_new0(guint, (gsize)check.message.count);
    return p11d_cmscontent_read(&check.content, claim, &check.message, error) &&
           judge(&check, error);
}
