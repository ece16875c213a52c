// SPDX-License-Identifier: MIT
#include "rule.h"

#include <string.h>

#include "expiry.h"
#include "keynote.h"

#define DAY (24 * 60 * 60)

/* Keys below these have no more than 80 to 100 bits of strength (NIST SP 800-57, part 1, 5.6.1). */
#define LEAST_MODULUS 2048
#define LEAST_CURVE 224

static bool is_certificate(const P11dAsset *asset)
{
    return asset->item->class == CKO_CERTIFICATE;
}

static bool is_private_key(const P11dAsset *asset)
{
    return asset->item->class == CKO_PRIVATE_KEY;
}

static bool is_secret(const P11dAsset *asset)
{
    return is_private_key(asset) || asset->item->class == CKO_SECRET_KEY;
}

/* What its token says of the certificate. */
static bool is_trust(const P11dAsset *asset, const char *word)
{
    const char *trust = p11d_listing_trust(asset->item);
    return trust && strcmp(trust, word) == 0;
}

/* Whether its end is that near. One that nobody trusts any more may end. */
static bool ends_within(const P11dAsset *asset, const P11dInventory *inventory, gint64 seconds)
{
    gint64 end = asset->view.not_after;
    return is_certificate(asset) && end != P11D_MOMENT_UNKNOWN && !is_trust(asset, "distrusted") &&
           end - inventory->now < seconds;
}

static char *end_text(const P11dAsset *asset, const P11dInventory *inventory)
{
    return p11d_expiry_text(asset->view.not_before, asset->view.not_after, inventory->now);
}

static char *judge_expired(const P11dAsset *asset, const P11dInventory *inventory)
{
    return ends_within(asset, inventory, 0) ? end_text(asset, inventory) : NULL;
}

static char *judge_expiring(const P11dAsset *asset, const P11dInventory *inventory)
{
    return !ends_within(asset, inventory, 0) &&
                   ends_within(asset, inventory, (gint64)inventory->days * DAY)
               ? end_text(asset, inventory)
               : NULL;
}

/* A key that is weak is told once, of the private key if that is there, and not of its certificate
 * and public key again. */
static bool is_told_of_another(const P11dAsset *asset, const P11dInventory *inventory)
{
    static const CK_OBJECT_CLASS before[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
    for (size_t i = 0; i < G_N_ELEMENTS(before) && before[i] != asset->item->class; i++) {
        const P11dAsset *other = p11d_inventory_find(inventory, asset, before[i], P11D_SAME_KEY);
        if (other && other->named)
            return true;
    }
    return false;
}

static char *judge_bits(const P11dAsset *asset, const P11dInventory *inventory, bool is_kind,
                        unsigned least)
{
    unsigned bits = asset->kind.bits;
    if (!is_kind || bits == 0 || bits >= least || is_trust(asset, "distrusted") ||
        is_told_of_another(asset, inventory))
        return NULL;
    g_autofree char *kind = p11d_item_kind(asset->item);
    return g_strdup_printf("%s: below %u bits", kind, least);
}

static char *judge_rsa(const P11dAsset *asset, const P11dInventory *inventory)
{
    return judge_bits(asset, inventory, asset->kind.type == CKK_RSA, LEAST_MODULUS);
}

static char *judge_curve(const P11dAsset *asset, const P11dInventory *inventory)
{
    return judge_bits(asset, inventory, asset->kind.type == CKK_EC, LEAST_CURVE);
}

/* The signature of an anchor is not looked at by anybody. */
static char *judge_signature(const P11dAsset *asset, const P11dInventory *inventory G_GNUC_UNUSED)
{
    if (!asset->detail.signature_is_weak || is_trust(asset, "trusted") ||
        is_trust(asset, "distrusted"))
        return NULL;
    return g_strdup_printf("signed with %s (%s)", asset->detail.signature_hash,
                           asset->detail.signature_algorithm);
}

/* Says text of a secret of which the attribute is as given. */
static char *judge_keeping(const P11dAsset *asset, CK_ATTRIBUTE_TYPE type, bool bad,
                           const char *text)
{
    bool is_bad =
        is_secret(asset) && p11d_template_boolean(&asset->item->attributes, type, !bad) == bad;
    return is_bad ? g_strdup(text) : NULL;
}

static char *judge_extractable(const P11dAsset *asset, const P11dInventory *inventory G_GNUC_UNUSED)
{
    return judge_keeping(asset, CKA_EXTRACTABLE, true, "CKA_EXTRACTABLE is true");
}

static char *judge_sensitive(const P11dAsset *asset, const P11dInventory *inventory G_GNUC_UNUSED)
{
    return judge_keeping(asset, CKA_SENSITIVE, false, "CKA_SENSITIVE is false");
}

static char *judge_local(const P11dAsset *asset, const P11dInventory *inventory G_GNUC_UNUSED)
{
    return judge_keeping(asset, CKA_LOCAL, false, "CKA_LOCAL is false");
}

/* Of those that have one key the first is told of by the others: it is on another token, and those
 * of a token come one after the other, so it comes before. */
static char *judge_copy(const P11dAsset *asset, const P11dInventory *inventory)
{
    const P11dAsset *first = is_private_key(asset) && asset->print
                                 ? p11d_inventory_find_key(inventory, asset->print)
                                 : NULL;
    return first && first->entry != asset->entry ? g_strdup_printf("the same key is %s", first->uri)
                                                 : NULL;
}

static char *judge_no_certificate(const P11dAsset *asset, const P11dInventory *inventory)
{
    if (!is_private_key(asset) ||
        p11d_inventory_find(inventory, asset, CKO_CERTIFICATE, P11D_SAME_KEY) ||
        p11d_inventory_find(inventory, asset, CKO_CERTIFICATE, P11D_SAME_ID))
        return NULL;
    return g_strdup("no certificate on its token has its public key or CKA_ID");
}

/* Certificates of authorities stand alone by nature, and what a login hides cannot be missed. */
static char *judge_no_key(const P11dAsset *asset, const P11dInventory *inventory)
{
    if (!is_certificate(asset) || !asset->detail.signature_algorithm ||
        asset->detail.is_authority || asset->entry->hides || is_trust(asset, "trusted") ||
        is_trust(asset, "distrusted") ||
        p11d_inventory_find(inventory, asset, CKO_PRIVATE_KEY, P11D_SAME_KEY) ||
        p11d_inventory_find(inventory, asset, CKO_PRIVATE_KEY, P11D_SAME_ID))
        return NULL;
    return g_strdup("no private key on its token has its public key or CKA_ID");
}

/* Hosts find what belongs to a key by its CKA_ID. Where a login hides the key, its public half
 * stands for it. */
static char *judge_mismatch(const P11dAsset *asset, const P11dInventory *inventory)
{
    static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
    if ((!is_certificate(asset) && asset->item->class != CKO_PUBLIC_KEY) || !asset->print)
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(classes) && classes[i] != asset->item->class; i++) {
        const P11dAsset *key = p11d_inventory_find(inventory, asset, classes[i], P11D_SAME_ID);
        if (!key || !key->print)
            continue;
        if (p11d_inventory_find(inventory, asset, classes[i], P11D_SAME_ID | P11D_SAME_KEY))
            return NULL;
        return g_strdup_printf("its CKA_ID is that of %s, its public key is not", key->uri);
    }
    return NULL;
}

/* What stands for an anchor or its distrust may be no more than a name. */
static char *judge_unreadable(const P11dAsset *asset, const P11dInventory *inventory G_GNUC_UNUSED)
{
    CK_CERTIFICATE_TYPE kind = CKC_X_509;
    const CK_ATTRIBUTE *type = p11d_template_find(&asset->item->attributes, CKA_CERTIFICATE_TYPE);
    if (type && type->ulValueLen == sizeof kind)
        memcpy(&kind, type->pValue, sizeof kind);
    if (!is_certificate(asset) || kind != CKC_X_509 || is_trust(asset, "distrusted") ||
        (asset->detail.signature_algorithm && asset->view.not_after != P11D_MOMENT_UNKNOWN))
        return NULL;
    return g_strdup("there is no X.509 certificate in it that could be read to its end");
}

static char *judge_file(const P11dAsset *asset, const P11dInventory *inventory G_GNUC_UNUSED)
{
    return p11d_keynote_text(asset->item);
}

static char *judge_directory(const P11dAsset *asset, const P11dInventory *inventory G_GNUC_UNUSED)
{
    return p11d_keynote_exposure(asset->item);
}

static char *judge_hidden(const P11dAsset *asset, const P11dInventory *inventory G_GNUC_UNUSED)
{
    if (!asset->entry->hides)
        return NULL;
    int count = asset->entry->hidden_keys;
    return count < 0 ? g_strdup("what is private was not seen")
                     : g_strdup_printf("%d private key%s not seen", count,
                                       count == 1 ? " was" : "s were");
}

const P11dRule p11d_rules[] = {
    {"expired", false, judge_expired,
     "Whoever checks the time refuses what is signed with the key.", "renew the certificate"},
    {"expiring", false, judge_expiring, "It will be refused soon.",
     "renew the certificate; --expiring says how many days before"},
    {"weak-rsa", false, judge_rsa,
     "The private key can be computed with effort, and many refuse it.",
     "make a key of 3072 bits or more, or an EC key"},
    {"weak-curve", false, judge_curve, "The private key can be computed with effort.",
     "make a key on P-256 or a larger curve"},
    {"weak-signature", false, judge_signature,
     "Another certificate with the same signature can be made, and many refuse it.",
     "have the certificate issued again, with SHA-256"},
    {"extractable", false, judge_extractable,
     "Whoever logs in once can take the key away and use it for ever.",
     "make a new key that is not extractable"},
    {"not-sensitive", false, judge_sensitive, "The key can be read in the clear.",
     "make a new key that is sensitive"},
    {"not-local", false, judge_local,
     "The key was made elsewhere: there may be copies that nobody knows of.",
     "make a new key on the token; if it is an import with reasons, note it with --known"},
    {"duplicate-key", false, judge_copy, "Whoever gets at one token has the key of the other too.",
     "make a key for each; a backup is noted with --known"},
    {"key-without-certificate", false, judge_no_certificate,
     "A key of which nobody knows whose it is and what it is for may be forgotten.",
     "put its certificate on the token, with the same CKA_ID, or remove it"},
    {"certificate-without-key", false, judge_no_key,
     "Hosts offer the certificate and then cannot sign with it.",
     "remove it, or give its key the same CKA_ID"},
    {"mismatch", false, judge_mismatch,
     "Hosts show what does not go with the key that they sign with.",
     "give each key pair a CKA_ID of its own, and its certificate the same"},
    {"unreadable", false, judge_unreadable,
     "Nobody can tell whose it is, whether it has expired, or how strong it is.",
     "have the certificate issued again, or remove it"},
    {"key-file", false, judge_file, "The service does not serve this key.",
     "mend its file; the service's log names it"},
    {"key-directory", false, judge_directory,
     "Others can have anything signed with a key that they put in the place of one.",
     "chmod o-w,g-w of the directory, or +t of one above it that all may write to"},
    {"hidden", true, judge_hidden, "What was not looked at may have any of these faults.",
     "--login, and the PIN"},
};
const size_t p11d_rule_count = G_N_ELEMENTS(p11d_rules);

const char *p11d_rule_name(size_t i)
{
    return i < p11d_rule_count ? p11d_rules[i].id : NULL;
}
