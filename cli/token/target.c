// SPDX-License-Identifier: MIT
#include "target.h"

#include <stdlib.h>
#include <string.h>

#include "candidate.h"
#include "cause.h"
#include "console.h"
#include "counterpart.h"
#include "failure.h"
#include "keynote.h"
#include "login.h"
#include "modulename.h"
#include "text.h"
#include "uri.h"

/* How many of those that match are listed when there are too many. */
#define MAX_LISTED 10

static gboolean contradiction(const char *option, const char *value, GError **error)
{
    p11d_failure_set(error, P11D_FAILURE_USAGE, "give it once",
                     "--%s %s says something else than the URI", option, value);
    return FALSE;
}

static gboolean narrow_attribute(P11KitUri *uri, CK_ATTRIBUTE_TYPE type, const char *option,
                                 const char *text, const void *value, size_t size, GError **error)
{
    const CK_ATTRIBUTE *there = p11_kit_uri_get_attribute(uri, type);
    if (there && (there->ulValueLen != size || memcmp(there->pValue, value, size) != 0))
        return contradiction(option, text, error);
    CK_ATTRIBUTE attribute = {type, (void *)value, size};
    p11_kit_uri_set_attribute(uri, &attribute);
    return TRUE;
}

static gboolean narrow_token(P11KitUri *uri, const char *label, GError **error)
{
    CK_UTF8CHAR padded[sizeof((CK_TOKEN_INFO *)NULL)->label];
    size_t size = strlen(label);
    if (size == 0 || size > sizeof padded) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, NULL, "a token's label has 1 to %zu bytes",
                         sizeof padded);
        return FALSE;
    }
    if (label[size - 1] == ' ') { /* it would name the token without */
        p11d_failure_set(error, P11D_FAILURE_USAGE, "leave the blank out",
                         "--token ends with a blank, which PKCS#11 does not tell from its padding");
        return FALSE;
    }
    memset(padded, ' ', sizeof padded);
    memcpy(padded, label, size);
    CK_UTF8CHAR *there = p11_kit_uri_get_token_info(uri)->label;
    if (*there && memcmp(there, padded, sizeof padded) != 0)
        return contradiction("token", label, error);
    memcpy(there, padded, sizeof padded);
    return TRUE;
}

static gboolean narrow(P11KitUri *uri, const P11dOptions *options, GError **error)
{
    if (options->token && !narrow_token(uri, options->token, error))
        return FALSE;
    if (options->label && !narrow_attribute(uri, CKA_LABEL, "label", options->label, options->label,
                                            strlen(options->label), error))
        return FALSE;
    if (!options->id)
        return TRUE;
    g_autoptr(GBytes) id = p11d_text_parse_hex(options->id);
    if (!id) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus list shows the ids",
                         "--id takes hex digits, two for each byte");
        return FALSE;
    }
    return narrow_attribute(uri, CKA_ID, "id", options->id, g_bytes_get_data(id, NULL),
                            g_bytes_get_size(id), error);
}

/* What is not as it stands, and what is not understood, is refused before the parser sees it. */
static gboolean parse(P11KitUri *uri, const char *text, GError **error)
{
    if (!p11d_uri_check(text, error))
        return FALSE;
    int result = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri);
    if (result == P11_KIT_URI_OK && !p11_kit_uri_any_unrecognized(uri))
        return TRUE;
    const char *why = p11_kit_uri_message(result); /* without the text: there may be a PIN in it */
    p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus list shows URIs",
                     "libp11-kit does not take the URI: %s", why ? why : "not understood");
    return FALSE;
}

P11dTarget *p11d_target_new(const char *uri, const P11dOptions *options, GError **error)
{
    g_autoptr(P11dTarget) target = g_new0(P11dTarget, 1);
    target->uri = p11_kit_uri_new();
    if ((uri && !parse(target->uri, uri, error)) || !narrow(target->uri, options, error))
        return NULL;

    /* The URI again, without what only says where the PIN is. */
    char *text = NULL;
    p11_kit_uri_format(target->uri, P11_KIT_URI_FOR_ANY, &text);
    target->text = g_strdup(text ? text : "pkcs11:");
    char *query = strchr(target->text, '?');
    if (query)
        *query = '\0';
    free(text);

    CK_ULONG count = 0;
    p11_kit_uri_get_attributes(target->uri, &count);
    target->has_objects = count > 0;
    const CK_ATTRIBUTE *class = p11_kit_uri_get_attribute(target->uri, CKA_CLASS);
    target->has_class = class && class->ulValueLen == sizeof target->class;
    if (target->has_class)
        memcpy(&target->class, class->pValue, sizeof target->class);
    return g_steal_pointer(&target);
}

void p11d_target_free(P11dTarget *target)
{
    if (!target)
        return;
    p11_kit_uri_free(target->uri);
    g_free(target->text);
    g_free(target);
}

bool p11d_target_is_empty(const P11dTarget *target)
{
    return strcmp(target->text, "pkcs11:") == 0;
}

gboolean p11d_target_check_whole(const P11dTarget *target, const P11dOptions *options,
                                 GError **error)
{
    if (!options->key_is_last || p11d_target_is_empty(target) ||
        p11_kit_uri_get_attribute(target->uri, CKA_LABEL) ||
        p11_kit_uri_get_attribute(target->uri, CKA_ID))
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_USAGE,
                     "write the URI in quotes: in a shell a ; ends the command; if the only key of "
                     "a token is meant, name it with --token TOKEN",
                     "%s names no key, and nothing follows: it may have been cut off",
                     target->text);
    return FALSE;
}

GPtrArray *p11d_target_tokens(const P11dTarget *target, const P11dHost *host)
{
    GPtrArray *tokens = g_ptr_array_new();
    bool module = p11_kit_uri_match_module_info(target->uri, &host->info);
    CK_SLOT_ID slot = p11_kit_uri_get_slot_id(target->uri);
    for (guint i = 0; module && i < host->tokens->len; i++) {
        P11dHostToken *token = host->tokens->pdata[i];
        if ((slot == (CK_SLOT_ID)-1 || slot == token->slot) &&
            p11_kit_uri_match_slot_info(target->uri, &token->slot_info) &&
            p11_kit_uri_match_token_info(target->uri, &token->info))
            g_ptr_array_add(tokens, token);
    }
    return tokens;
}

gboolean p11d_target_search(const P11dTarget *target, P11dHostToken *token, CK_OBJECT_CLASS class,
                            GPtrArray *items, GError **error)
{
    if (!(token->info.flags & CKF_TOKEN_INITIALIZED))
        return TRUE; /* holds nothing, and many modules open no session with it */
    if (!p11d_host_session(token, error))
        return FALSE;
    CK_ATTRIBUTE wanted[3];
    CK_ULONG count = 0;
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_LABEL, CKA_ID};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        const CK_ATTRIBUTE *attribute = p11_kit_uri_get_attribute(target->uri, types[i]);
        if (attribute)
            wanted[count++] = *attribute;
    }
    if (class != CK_UNAVAILABLE_INFORMATION)
        wanted[count++] = (CK_ATTRIBUTE){CKA_CLASS, &class, sizeof class};
    return p11d_item_find(token, wanted, count, items, error);
}

static gboolean search_all(const P11dTarget *target, const GPtrArray *tokens, CK_OBJECT_CLASS class,
                           GPtrArray *items, GError **error)
{
    for (guint i = 0; i < tokens->len; i++)
        if (!p11d_target_search(target, tokens->pdata[i], class, items, error))
            return FALSE;
    return TRUE;
}

/* Why nothing on tokens, those that can be meant, is what the target names. */
static char *no_match_hint(const P11dTarget *target, const P11dHost *host, const GPtrArray *tokens)
{
    static const char look[] = "p11dbus list shows what is there; what is private, with --login";
    if (host->tokens->len == 0)
        return g_strdup("the module shows no token at all: is it plugged in?");
    if (tokens->len == 0)
        return p11d_candidate_near_token(
            p11_kit_uri_get_token_info(target->uri), host,
            "no token is like that: p11dbus list tokens shows those that are there");
    const CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(target->uri, CKA_LABEL);
    return label ? p11d_candidate_near_label(label, tokens, look) : g_strdup(look);
}

void p11d_target_set_no_match(const P11dTarget *target, const P11dHost *host, const char *what,
                              GError **error)
{
    const char *path = host->path;
    if (host->tokens->len == 0 && p11d_modulename_is_own(path)) {
        /* Without a service nothing can be said about what there is. */
        g_autofree char *so = p11d_target_is_empty(target)
                                  ? g_strdup_printf("no %s was found", what)
                                  : g_strdup_printf("no %s was found for %s", what, target->text);
        p11d_cause_set(error, host->reserved, so);
        return;
    }
    g_autoptr(GPtrArray) tokens = p11d_target_tokens(target, host);
    g_autofree char *hint = no_match_hint(target, host, tokens);
    p11d_failure_set(error, P11D_FAILURE_NO_MATCH, hint, "no %s matches %s", what, target->text);
}

void p11d_target_set_ambiguous(const P11dTarget *target, const GPtrArray *uris, const char *what,
                               const char *advice, GError **error)
{
    GString *list = g_string_new("name one of them:");
    for (guint i = 0; i < uris->len && i < MAX_LISTED; i++)
        g_string_append_printf(list, "\n    %s", (const char *)uris->pdata[i]);
    if (uris->len > MAX_LISTED)
        g_string_append_printf(list, "\n    … and %u more", uris->len - MAX_LISTED);
    if (advice)
        g_string_append_printf(list, "\n%s", advice);
    p11d_failure_set(error, P11D_FAILURE_AMBIGUOUS, list->str, "%u %s match %s", uris->len, what,
                     target->text);
    g_string_free(list, TRUE);
}

/* The one item in items. */
static P11dItem *only(const P11dTarget *target, const P11dHost *host, const GPtrArray *items,
                      const char *what, const char *plural, GError **error)
{
    if (items->len == 1)
        return items->pdata[0];
    if (items->len == 0) {
        p11d_target_set_no_match(target, host, what, error);
        return NULL;
    }
    const char *advice;
    g_autoptr(GPtrArray) uris = p11d_candidate_list(items, &advice);
    p11d_target_set_ambiguous(target, uris, plural, advice, error);
    return NULL;
}

P11dHostToken *p11d_target_log_in(const P11dTarget *target, const GPtrArray *tokens,
                                  const P11dOptions *options, GError **error)
{
    g_autoptr(GPtrArray) closed = g_ptr_array_new();
    g_autoptr(GPtrArray) uris = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < tokens->len; i++) {
        P11dHostToken *token = tokens->pdata[i];
        if (token->logged_in || !(token->info.flags & CKF_LOGIN_REQUIRED) ||
            !(token->info.flags & CKF_TOKEN_INITIALIZED))
            continue;
        g_ptr_array_add(closed, token);
        g_ptr_array_add(uris, p11d_item_token_uri(token));
    }
    if (closed->len > 1)
        p11d_target_set_ambiguous(target, uris, "tokens that need a PIN", NULL, error);
    if (closed->len != 1 || !p11d_login(closed->pdata[0], target, options, error))
        return NULL;
    return closed->pdata[0];
}

/* A failure to log in, which says what is near to the label as well: a token that needs a PIN for a
 * name that was mistyped must not be all that is heard of. */
static GError *add_near(const P11dTarget *target, const GPtrArray *tokens, GError *failure)
{
    const CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(target->uri, CKA_LABEL);
    if (!label || p11d_failure_ckr(failure) != CKR_OK)
        return failure;
    GError *made = NULL;
    g_autofree char *hint = p11d_candidate_near_label(label, tokens, p11d_failure_hint(failure));
    p11d_failure_set(&made, (P11dFailure)failure->code, *hint ? hint : NULL, "%s",
                     failure->message);
    g_error_free(failure);
    return made;
}

/* FALSE with error set if a service tells why it does not serve the key that is named. A token that
 * cannot be searched for data objects, as some cannot, has no notes. */
static gboolean check_notes(const P11dTarget *target, const GPtrArray *tokens, GError **error)
{
    bool named = p11_kit_uri_get_attribute(target->uri, CKA_LABEL);
    g_autoptr(GPtrArray) items = p11d_item_array();
    for (guint i = 0; named && i < tokens->len; i++)
        p11d_target_search(target, tokens->pdata[i], CKO_DATA, items, NULL);
    g_autofree char *why = p11d_keynote_find(items);
    if (!why)
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "the service's log names its file",
                     "the service does not serve the key of %s: %s", target->text, why);
    return FALSE;
}

static gboolean search_private(const P11dTarget *target, const GPtrArray *tokens,
                               const P11dOptions *options, GPtrArray *items, GError **error)
{
    if (!search_all(target, tokens, CKO_PRIVATE_KEY, items, error))
        return FALSE;
    if (items->len > 0)
        return TRUE;
    if (!check_notes(target, tokens, error))
        return FALSE;
    GError *failure = NULL;
    P11dHostToken *token = p11d_target_log_in(target, tokens, options, &failure);
    if (failure) {
        g_propagate_error(error, add_near(target, tokens, failure));
        return FALSE;
    }
    return !token || (p11d_target_search(target, token, CKO_PRIVATE_KEY, items, error) &&
                      (items->len > 0 || check_notes(target, tokens, error)));
}

/* The target that names the private key which belongs to certificate. */
static P11dTarget *target_of_certificate(const P11dTarget *target, const P11dItem *certificate,
                                         GError **error)
{
    g_autofree char *uri = p11d_item_token_uri(certificate->token);
    g_autofree char *id = p11d_item_id(certificate);
    if (!*id) {
        p11d_failure_set(error, P11D_FAILURE_NO_MATCH, "name the private key itself",
                         "the certificate has no CKA_ID that a private key could share");
        return NULL;
    }
    P11dTarget *key = p11d_target_new(uri, &(P11dOptions){.id = id}, error);
    if (!key)
        return NULL;
    p11_kit_uri_set_slot_id(key->uri, certificate->token->slot);
    p11_kit_uri_set_pin_source(key->uri, p11_kit_uri_get_pin_source(target->uri));
    return key;
}

P11dItem *p11d_target_certificate(const P11dTarget *target, const P11dHost *host, GPtrArray *items,
                                  GError **error)
{
    g_autoptr(GPtrArray) tokens = p11d_target_tokens(target, host);
    return search_all(target, tokens, CKO_CERTIFICATE, items, error)
               ? only(target, host, items, "certificate", "certificates", error)
               : NULL;
}

/* A CKA_ID may have been given to two; the certificate's own public key decides. Where the token
 * does not tell the one of key, the CKA_ID has to do. */
static gboolean is_of(const P11dItem *certificate, const P11dItem *key, GError **error)
{
    GError *failure = NULL;
    EVP_PKEY *own = p11d_counterpart_public_key(key, &failure);
    EVP_PKEY *wanted = p11d_item_public_key(certificate);
    bool is_other = own && wanted && EVP_PKEY_eq(own, wanted) != 1;
    EVP_PKEY_free(own);
    EVP_PKEY_free(wanted);
    if (g_error_matches(failure, P11D_FAILURE, P11D_FAILURE_AMBIGUOUS)) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    g_clear_error(&failure);
    if (!is_other)
        return TRUE;
    g_autofree char *uri = p11d_item_uri(certificate);
    p11d_failure_set(error, P11D_FAILURE_NO_MATCH, "name the private key itself",
                     "the private key with the CKA_ID of %s is not the key of that certificate",
                     uri);
    return FALSE;
}

P11dItem *p11d_target_private_key(const P11dTarget *target, const P11dHost *host,
                                  const P11dOptions *options, GPtrArray *items, GError **error)
{
    g_autoptr(GPtrArray) tokens = p11d_target_tokens(target, host);
    if (!target->has_class || target->class == CKO_PRIVATE_KEY)
        return search_private(target, tokens, options, items, error)
                   ? only(target, host, items, "private key", "private keys", error)
                   : NULL;
    if (target->class != CKO_CERTIFICATE) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "name a private key or a certificate",
                         "%s does not name what can sign", target->text);
        return NULL;
    }
    g_autoptr(GPtrArray) certificates = p11d_item_array();
    P11dItem *certificate = p11d_target_certificate(target, host, certificates, error);
    g_autoptr(P11dTarget) key =
        certificate ? target_of_certificate(target, certificate, error) : NULL;
    P11dItem *found = key ? p11d_target_private_key(key, host, options, items, error) : NULL;
    return found && is_of(certificate, found, error) ? found : NULL;
}

P11dItem *p11d_target_public_key(const P11dTarget *target, const P11dHost *host, GPtrArray *items,
                                 GError **error)
{
    static const CK_OBJECT_CLASS classes[] = {CKO_PUBLIC_KEY, CKO_CERTIFICATE, CKO_PRIVATE_KEY};
    /* Whoever names a private key means the public key beside it. */
    bool any = !target->has_class || target->class == CKO_PRIVATE_KEY;
    g_autoptr(GPtrArray) tokens = p11d_target_tokens(target, host);
    for (size_t i = 0; items->len == 0 && i < G_N_ELEMENTS(classes); i++)
        if ((any || target->class == classes[i]) &&
            !search_all(target, tokens, classes[i], items, error))
            return NULL;
    return only(target, host, items, "public key", "public keys", error);
}
