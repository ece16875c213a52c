// SPDX-License-Identifier: MIT
/* Checking CMS signatures: OpenSSL takes them apart, and what is checked is checked here, for every
 * kind of key alike (OpenSSL 3.0 itself knows no Edwards curves in CMS). */
#include "cms.h"

#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>

#include "authorities.h"
#include "certview.h"
#include "cmssigner.h"
#include "digests.h"
#include "failure.h"
#include "holder.h"
#include "lineends.h"
#include "standard.h"

/* More than this in one message is an attack on whoever reads it. */
#define MAX_SIGNERS 64
#define MAX_CERTIFICATES 1024

/* How much of the start of the content is looked at. */
#define HEAD_SIZE 16

/* A message as it is being checked. */
typedef struct Check {
    const P11dClaim *claim;
    const P11dTrust *trust;
    P11dFinding *finding;
    CMS_ContentInfo *message;
    P11dCertificates *certificates; /* in the message */
    P11dAuthorities authorities;    /* of P11D_TRUST_AUTHORITIES */
    P11dCmssigner *signers;
    X509 **named;   /* the certificate of each signer, borrowed; NULL: it is nowhere */
    int count;      /* of both */
    GBytes *inside; /* the content in the message, or NULL */
    GBytes *whole;  /* all of the content, where a signer needs that */
    P11dDigests digests;
    GByteArray *head; /* how the content starts */
} Check;

static void check_clear(Check *check)
{
    for (int i = 0; i < check->count; i++)
        p11d_cmssigner_clear(&check->signers[i]);
    g_free(check->signers);
    g_free(check->named);
    CMS_ContentInfo_free(check->message);
    p11d_certfile_free(check->certificates);
    p11d_authorities_clear(&check->authorities);
    g_clear_pointer(&check->inside, g_bytes_unref);
    g_clear_pointer(&check->whole, g_bytes_unref);
    p11d_digests_clear(&check->digests);
    g_byte_array_unref(check->head);
    ERR_clear_error();
}

/* A SEQUENCE, of definite length or not, that begins with the type signedData. */
bool p11d_cms_recognise(GBytes *signature)
{
    static const guint8 signed_data[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                         0xf7, 0x0d, 0x01, 0x07, 0x02};
    gsize size;
    const guint8 *data = g_bytes_get_data(signature, &size);
    if (size < 2 || data[0] != 0x30)
        return false;
    gsize header = 2 + (data[1] & 0x80 ? data[1] & 0x7f : 0);
    return size >= header + sizeof signed_data &&
           memcmp(data + header, signed_data, sizeof signed_data) == 0;
}

/* Takes the message apart. False if it is none. */
static bool parse(Check *check)
{
    gsize size;
    const unsigned char *data = g_bytes_get_data(check->claim->signature, &size);
    const unsigned char *p = data;
    if (!p11d_cms_recognise(check->claim->signature) ||
        !(check->message = d2i_CMS_ContentInfo(NULL, &p, (long)size)) || p != data + size ||
        OBJ_obj2nid(CMS_get0_type(check->message)) != NID_pkcs7_signed)
        return false;
    ASN1_OCTET_STRING **content = CMS_get0_content(check->message);
    if (!content || !CMS_get0_eContentType(check->message))
        return false;
    if (*content)
        check->inside =
            g_bytes_new(ASN1_STRING_get0_data(*content), (gsize)ASN1_STRING_length(*content));
    check->finding->attached = check->inside != NULL;
    check->certificates = CMS_get1_certs(check->message);
    int count = sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(check->message));
    return count > 0 && count <= MAX_SIGNERS &&
           sk_X509_num(check->certificates) <= MAX_CERTIFICATES;
}

static X509 *find_certificate(CMS_SignerInfo *info, const P11dCertificates *certificates)
{
    for (int i = 0; i < sk_X509_num(certificates); i++)
        if (CMS_SignerInfo_cert_cmp(info, sk_X509_value(certificates, i)) == 0)
            return sk_X509_value(certificates, i);
    return NULL;
}

/* Who has signed and how; and with that, what has to be known of the content. */
static gboolean read_signers(Check *check, GError **error)
{
    STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(check->message);
    int count = sk_CMS_SignerInfo_num(infos);
    check->signers = g_new0(P11dCmssigner, (gsize)count);
    check->named = g_new0(X509 *, (gsize)count);
    check->count = count;
    for (int i = 0; i < count; i++) {
        CMS_SignerInfo *info = sk_CMS_SignerInfo_value(infos, i);
        P11dCmssigner *signer = &check->signers[i];
        if (!p11d_cmssigner_init(signer, info, error))
            return FALSE;
        if (signer->hash && !p11d_digests_want(&check->digests, signer->hash)) {
            p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, NULL, "OpenSSL has no hash %s here",
                             signer->hash->name);
            return FALSE;
        }
        check->named[i] = find_certificate(info, check->certificates);
        if (!check->named[i])
            check->named[i] = find_certificate(info, check->authorities.certificates);
    }
    return TRUE;
}

static P11dInput *open_content(const Check *check, GError **error)
{
    const P11dClaim *claim = check->claim;
    if (!claim->file && check->inside && claim->no_input)
        return p11d_input_of_bytes(check->inside, "the content");
    if (!claim->file && check->inside) {
        /* Whoever made the signature must not choose whether what comes in here is looked at. */
        p11d_failure_set(error, P11D_FAILURE_USAGE,
                         "name the file to compare it with (- is standard input), or write it with "
                         "-o OUT",
                         "the signature holds what is signed, and no file was named");
        return NULL;
    }
    if (claim->file || !claim->no_input)
        return p11d_claim_open(claim, error);
    p11d_failure_set(error, P11D_FAILURE_USAGE, "name the file behind the options",
                     "the signature does not hold what is signed");
    return NULL;
}

/* Replaces *input by all that is in it, if a signer signs the content itself. */
static gboolean keep_whole(Check *check, P11dInput **input, GError **error)
{
    bool wanted = false;
    for (int i = 0; i < check->count; i++)
        wanted |= !check->signers[i].hash;
    if (!wanted)
        return TRUE;
    check->whole = p11d_input_read_all(*input, P11D_INPUT_MAX_WHOLE, error);
    if (!check->whole)
        return FALSE;
    P11dInput *whole = p11d_input_of_bytes(check->whole, (*input)->name);
    p11d_input_free(*input);
    *input = whole;
    return TRUE;
}

/* Reads the content once. *same: it is also what the message holds, if that holds any. */
static gboolean read_content(Check *check, bool *same, GError **error)
{
    g_autoptr(P11dInput) input = open_content(check, error);
    if (!input || !keep_whole(check, &input, error))
        return FALSE;
    gsize size = 0;
    const guint8 *inside = check->inside ? g_bytes_get_data(check->inside, &size) : NULL;
    gsize left = size;
    gsize got;
    g_autofree guint8 *piece = g_malloc(P11D_INPUT_PIECE);
    *same = true;
    do {
        if (!p11d_input_read(input, piece, P11D_INPUT_PIECE, &got, error))
            return FALSE;
        if (!p11d_digests_add(&check->digests, piece, got)) {
            p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL, "OpenSSL cannot hash %s",
                             input->name);
            return FALSE;
        }
        g_byte_array_append(check->head, piece, (guint)MIN(got, HEAD_SIZE - check->head->len));
        if (!check->inside || got == 0)
            continue;
        *same = *same && got <= left && memcmp(inside + (size - left), piece, got) == 0;
        left -= MIN(got, left);
    } while (got > 0);
    *same = *same && left == 0;
    return TRUE;
}

/* "CN=web"; or what is said of a signer without a certificate. */
static char *name_of(const Check *check, int i)
{
    return check->named[i] ? p11d_holder_name(check->named[i])
                           : g_strdup_printf("signer %d, who has no certificate in it", i + 1);
}

/* Says with several signers whose signature it is that is bad. */
static void say_whose(const Check *check, int i)
{
    P11dFinding *finding = check->finding;
    if (check->count == 1)
        return;
    g_autofree char *why = g_strdup(p11d_finding_sentence(finding));
    g_autofree char *name = name_of(check, i);
    g_free(finding->why);
    finding->why = g_strdup_printf("%s (signature by %s)", why, name);
}

/* Whether signer i signs with the key that the user trusts. */
static bool is_by_trusted_key(const Check *check, int i)
{
    const EVP_PKEY *key = check->named[i] ? X509_get0_pubkey(check->named[i]) : check->trust->key;
    return check->trust->key && key && EVP_PKEY_eq(key, check->trust->key) == 1;
}

/*
 * Whether the content starts as signed attributes do: a SET of a SEQUENCE that starts with an
 * OBJECT IDENTIFIER. A signature of somebody's attributes is, without them, a signature of content
 * that is those very attributes, which he never meant to sign. So such content needs attributes.
 */
static bool can_be_attributes(const GByteArray *head)
{
    static const guint8 tags[] = {0x31, 0x30, 0x06};
    guint at = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(tags); i++) {
        if (at + 1 >= head->len || head->data[at] != tags[i])
            return false;
        guint8 size = head->data[at + 1];
        at += 2U + (size & 0x80 ? size & 0x7fU : 0U);
    }
    return true;
}

/* Checks the signature of signer i by the key of his certificate, or else by the trusted key. */
static gboolean check_signature(Check *check, int i, GError **error)
{
    const P11dCmssigner *signer = &check->signers[i];
    EVP_PKEY *key = check->named[i] ? X509_get0_pubkey(check->named[i]) : check->trust->key;
    if (!check->named[i] && !key)
        return p11d_finding_conclude(
            check->finding, P11D_VERDICT_UNTRUSTED,
            "it does not hold its signer's certificate, and the authorities are "
            "not the signer; give it with --cert");
    if (!key)
        return p11d_finding_conclude(check->finding, P11D_VERDICT_MALFORMED,
                                     "the key in its signer's certificate cannot be read");
    if (!signer->attributes && can_be_attributes(check->head))
        return p11d_finding_conclude(check->finding, P11D_VERDICT_MALFORMED,
                                     "what it signs may be the attributes of another signature");
    g_autoptr(GBytes) content =
        signer->hash ? p11d_digests_get(&check->digests, signer->hash) : g_bytes_ref(check->whole);
    return p11d_cmssigner_check(signer, key, content, CMS_get0_eContentType(check->message),
                                check->finding, error);
}

static gboolean check_signatures(Check *check, GError **error)
{
    for (int i = 0; i < check->count; i++) {
        if (!check_signature(check, i, error))
            return FALSE;
        if (check->finding->verdict != P11D_VERDICT_GOOD) {
            say_whose(check, i);
            return TRUE;
        }
    }
    return TRUE;
}

/* Adds the file that was named to digests, with other line ends. False if it cannot be read. */
static bool digest_text(P11dDigests *digests, const P11dClaim *claim, bool crlf)
{
    g_autoptr(P11dInput) input = p11d_claim_open(claim, NULL);
    g_autoptr(GByteArray) converted = g_byte_array_new();
    g_autofree guint8 *piece = g_malloc(P11D_INPUT_PIECE);
    P11dLineends ends = {.crlf = crlf};
    gsize got = 0;
    do {
        if (!input || !p11d_input_read(input, piece, P11D_INPUT_PIECE, &got, NULL))
            return false;
        p11d_lineends_convert(&ends, piece, got, converted);
        if (!p11d_digests_add(digests, converted->data, converted->len))
            return false;
    } while (got > 0);
    return true;
}

/* Whether all would be good of the file that was named if it had other line ends. */
static bool is_good_as_text(const Check *check, bool crlf)
{
    g_auto(P11dFinding) finding = {0};
    Check other = *check;
    bool ok = true;
    other.finding = &finding;
    p11d_digests_init(&other.digests);
    for (int i = 0; ok && i < check->count; i++)
        ok = check->signers[i].hash && p11d_digests_want(&other.digests, check->signers[i].hash);
    ok = ok && digest_text(&other.digests, check->claim, crlf) && check_signatures(&other, NULL) &&
         finding.verdict == P11D_VERDICT_GOOD;
    p11d_digests_clear(&other.digests);
    return ok;
}

/* A signature of the same lines is bad, but that is what happens to text on its way. */
static void look_at_line_ends(Check *check)
{
    static const char *const sentences[] = {
        "it is of the same lines with LF at their ends, where this file has CR LF",
        "it is of the same lines with CR LF at their ends, as mail has them: openssl cms -sign "
        "does that unless it is told -binary",
    };
    const char *file = check->claim->file;
    if (check->finding->verdict != P11D_VERDICT_MISMATCH || !file || p11d_standard_is_input(file))
        return;
    for (size_t crlf = 0; crlf < G_N_ELEMENTS(sentences); crlf++)
        if (is_good_as_text(check, crlf == 1)) {
            p11d_finding_conclude(check->finding, P11D_VERDICT_MISMATCH, "%s", sentences[crlf]);
            return;
        }
}

/* One of the signatures, which are all good, must be by the key. What certificates say is not
 * repeated: nobody vouches for them. */
static void ask_key(Check *check)
{
    for (int i = 0; i < check->count; i++)
        if (is_by_trusted_key(check, i))
            return;
    g_autofree char *name = name_of(check, 0);
    p11d_finding_conclude(check->finding, P11D_VERDICT_MISMATCH,
                          "it is by another key, whose certificate says %s", name);
}

static char *append(char *list, const char *text)
{
    char *longer = list ? g_strconcat(list, " and ", text, NULL) : g_strdup(text);
    g_free(list);
    return longer;
}

/* Whether the certificate of a signer, whom the authorities vouch for, is of who is asked for. */
static void ask_identity(Check *check)
{
    P11dFinding *finding = check->finding;
    const char *identity = check->trust->identity;
    g_autofree char *others = NULL;
    if (!identity) {
        finding->remark = g_strdup("anyone under these authorities counts, -I ID names one");
        return;
    }
    for (int i = 0; i < check->count; i++) {
        if (p11d_holder_is(check->named[i], identity)) {
            finding->remark = g_strdup_printf("%s has signed", identity);
            return;
        }
        g_autofree char *names = p11d_holder_names(check->named[i]);
        others = append(others, names);
    }
    p11d_finding_conclude(finding, P11D_VERDICT_NOT_ALLOWED,
                          "the signature is valid, but it is not by %s: the certificate is of %s",
                          identity, others);
}

/* What the authorities have to say against signer i; NULL: nothing. */
static char *object(Check *check, int i)
{
    const P11dTrust *trust = check->trust;
    P11dAuthoritiesQuestion question = {
        .certificate = check->named[i],
        .others = check->certificates,
        .purpose = trust->purpose,
        .time = trust->claimed_time ? p11d_cmssigner_time(&check->signers[i]) : trust->time,
    };
    if (question.time == P11D_MOMENT_UNKNOWN)
        return g_strdup("its signer does not claim when it was made (--at signing-time)");
    if (trust->claimed_time) {
        g_autofree char *time = p11d_moment_text(question.time);
        check->finding->time = append(check->finding->time, time);
    }
    return p11d_authorities_object(&check->authorities, &question);
}

static void ask_authorities(Check *check)
{
    check->finding->trusted = P11D_TRUSTED_YES;
    for (int i = 0; i < check->count; i++) {
        g_autofree char *objection = object(check, i);
        if (!objection)
            continue;
        g_autofree char *name = name_of(check, i);
        p11d_finding_conclude(
            check->finding, P11D_VERDICT_UNTRUSTED,
            "the signature is valid, but the certificate of %s is not trusted: %s", name,
            objection);
        check->finding->trusted = P11D_TRUSTED_NO;
        return;
    }
    ask_identity(check);
}

/* Who has signed, as their certificates say. */
static void name_signers(Check *check)
{
    P11dFinding *finding = check->finding;
    for (int i = 0; i < check->count; i++) {
        if (!check->named[i])
            continue;
        unsigned char *der = NULL;
        int size = i2d_X509(check->named[i], &der);
        g_autofree char *name = name_of(check, i);
        g_autofree char *sha256 = p11d_certview_sha256(der, size > 0 ? (size_t)size : 0);
        OPENSSL_free(der);
        finding->signer = append(finding->signer, name);
        finding->key = append(finding->key, sha256);
    }
}

static gboolean judge(Check *check, bool same, GError **error)
{
    bool by_key = check->trust->kind == P11D_TRUST_KEY;
    if (!by_key)
        name_signers(check);
    if (!same)
        p11d_finding_conclude(check->finding, P11D_VERDICT_MISMATCH,
                              "it holds other data than the file that was named");
    else if (!check_signatures(check, error))
        return FALSE;
    look_at_line_ends(check);
    if (check->finding->verdict == P11D_VERDICT_GOOD)
        (by_key ? ask_key : ask_authorities)(check);
    if (check->finding->verdict == P11D_VERDICT_GOOD && check->inside)
        check->finding->content = g_bytes_ref(check->inside);
    return TRUE;
}

/* What is no message at all is malformed, unless the file that was named cannot be read. */
static gboolean conclude_malformed(Check *check, GError **error)
{
    guint8 byte;
    gsize got;
    g_autoptr(P11dInput) input = check->claim->file ? p11d_claim_open(check->claim, error) : NULL;
    if (check->claim->file && (!input || !p11d_input_read(input, &byte, 1, &got, error)))
        return FALSE;
    return p11d_finding_conclude(check->finding, P11D_VERDICT_MALFORMED,
                                 "it is no CMS signature in DER or PEM");
}

gboolean p11d_cms_verify(const P11dClaim *claim, const P11dTrust *trust, P11dFinding *finding,
                         GError **error)
{
    Check check = {.claim = claim, .trust = trust, .finding = finding};
    p11d_digests_init(&check.digests);
    check.head = g_byte_array_new();
    bool same = false;
    gboolean ok = TRUE;
    if (trust->kind == P11D_TRUST_AUTHORITIES)
        ok = p11d_authorities_read(&check.authorities, trust->authorities, trust->crls, error);
    if (ok && !parse(&check))
        ok = conclude_malformed(&check, error);
    else if (ok)
        ok = read_signers(&check, error) && read_content(&check, &same, error) &&
             judge(&check, same, error);
    check_clear(&check);
    return ok;
}
