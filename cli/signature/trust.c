// SPDX-License-Identifier: MIT
#include "trust.h"

#include "certname.h"
#include "failure.h"
#include "pubfile.h"

gboolean p11d_trust_file(P11dTrust *trust, const char *path, GError **error)
{
    trust->kind = P11D_TRUST_KEY;
    trust->name = g_strdup(path);
    trust->shown = g_strdup(path);
    g_auto(P11dPubfile) file = {0};
    if (!p11d_pubfile_read(&file, path, error))
        return FALSE;
    trust->keys = g_steal_pointer(&file.keys);
    trust->trouble = g_steal_pointer(&file.trouble);
    return TRUE;
}

/* shown: what the user called item. */
static gboolean trust_item(P11dTrust *trust, const P11dItem *item, const char *shown,
                           GError **error)
{
    if (!item)
        return FALSE;
    trust->kind = P11D_TRUST_KEY;
    P11dPubkey *pubkey = p11d_pubkey_new(p11d_item_public_key(item));
    trust->name = p11d_item_uri(item);
    trust->shown = g_strdup(shown);
    if (pubkey) {
        trust->keys = p11d_pubkey_array();
        g_ptr_array_add(trust->keys, pubkey);
        return TRUE;
    }
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "give the key with --pubkey or --cert",
                     "the token does not tell the public key of %s", trust->name);
    return FALSE;
}

gboolean p11d_trust_target(P11dTrust *trust, const P11dTarget *target, const P11dOptions *options,
                           GError **error)
{
    g_autoptr(P11dHost) host = p11d_host_open(options, error);
    g_autoptr(GPtrArray) items = p11d_item_array();
    const P11dItem *item = host ? p11d_target_public_key(target, host, items, error) : NULL;
    return trust_item(trust, item, target->text, error);
}

gboolean p11d_trust_certificate(P11dTrust *trust, const char *named, const P11dOptions *options,
                                GError **error)
{
    g_autoptr(P11dHost) host = p11d_host_open(options, error);
    g_autoptr(GPtrArray) items = p11d_item_array();
    const P11dItem *item = host ? p11d_certname_find(named, host, items, error) : NULL;
    return trust_item(trust, item, named, error);
}

void p11d_trust_clear(P11dTrust *trust)
{
    g_clear_pointer(&trust->keys, g_ptr_array_unref);
    g_clear_error(&trust->trouble);
    g_free(trust->name);
    g_free(trust->shown);
    *trust = (P11dTrust){0};
}

gboolean p11d_trust_is_whole(const P11dTrust *trust, GError **error)
{
    if (!trust->trouble)
        return TRUE;
    g_propagate_prefixed_error(error, g_error_copy(trust->trouble),
                               "it is by none of the keys in %s that could be read, and ",
                               trust->shown);
    return FALSE;
}

gboolean p11d_trust_conclude(const P11dTrust *trust, P11dFinding *finding, GError **error)
{
    if (!p11d_trust_is_whole(trust, error))
        return FALSE;
    if (finding->why || trust->keys->len == 1)
        return TRUE;
    return finding->verdict == P11D_VERDICT_MALFORMED
               ? p11d_finding_conclude(
                     finding, P11D_VERDICT_MALFORMED,
                     "it is not a signature that any of the %u keys in the file could make",
                     trust->keys->len)
               : p11d_finding_conclude(
                     finding, P11D_VERDICT_MISMATCH,
                     "it is of other data, by another algorithm, or by none of the %u keys that "
                     "were tried",
                     finding->tried);
}
