// SPDX-License-Identifier: MIT
/* p11dbus list: shows tokens, keys, certificates and mechanisms. */
#include <string.h>

#include "cause.h"
#include "commands.h"
#include "console.h"
#include "document.h"
#include "export.h"
#include "failure.h"
#include "hosts.h"
#include "listing.h"
#include "modulename.h"
#include "nearest.h"
#include "table.h"
#include "uri.h"

static struct {
    gboolean login;
    char *format;
    char *export;
} asked;

static const GOptionEntry entries[] = {
    {"login", 0, 0, G_OPTION_ARG_NONE, &asked.login, "log in, to see what is private", NULL},
    {"format", 'f', 0, G_OPTION_ARG_FILENAME, &asked.format,
     "a table for people, or the full URI of each object for scripts", "table|uri"},
    {"export", 0, 0, G_OPTION_ARG_FILENAME, &asked.export,
     "write certificates and public keys, each once (der: the only one; ssh: a line for each key)",
     P11D_EXPORT_NAMES},
    {NULL},
};

/* A word that says what to show. */
typedef struct Scope {
    const char *word;
    bool objects;
    bool mechanisms;
    const CK_OBJECT_CLASS *classes; /* ended by CK_UNAVAILABLE_INFORMATION; NULL: all */
} Scope;

#define KEYS CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY
static const CK_OBJECT_CLASS keys[] = {KEYS, CK_UNAVAILABLE_INFORMATION};
static const CK_OBJECT_CLASS certificates[] = {CKO_CERTIFICATE, CK_UNAVAILABLE_INFORMATION};
static const CK_OBJECT_CLASS usual[] = {KEYS, CKO_CERTIFICATE, CK_UNAVAILABLE_INFORMATION};

static const Scope scopes[] = {
    {"tokens", false, false, NULL},       {"keys", true, false, keys},
    {"certs", true, false, certificates}, {"objects", true, false, NULL},
    {"mechanisms", false, true, NULL},
};
#define USAGE "[tokens|keys|certs|objects|mechanisms] [URI]"

static const char *word(size_t i)
{
    return i < G_N_ELEMENTS(scopes) ? scopes[i].word : NULL;
}

static const Scope no_word = {NULL, true, false, usual};
/* And a URI that says itself of which type the objects are. */
static const Scope type_of_uri = {NULL, true, false, NULL};

/* Takes the word and the URI, both optional, from the arguments. */
static gboolean read_arguments(char **arguments, const Scope **scope, const char **uri,
                               GError **error)
{
    *scope = &no_word;
    *uri = NULL;
    for (size_t i = 0; *arguments && i < G_N_ELEMENTS(scopes); i++)
        if (strcmp(*arguments, scopes[i].word) == 0) {
            *scope = &scopes[i];
            arguments++;
            break;
        }
    if (*arguments && p11d_uri_is(*arguments))
        *uri = *arguments++;
    if (!*arguments)
        return TRUE;
    if (p11d_uri_is(*arguments)) { /* without the text: there may be a PIN in it */
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus list " USAGE, "list takes one URI");
        return FALSE;
    }
    const char *words[G_N_ELEMENTS(scopes) + 1] = {NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(scopes); i++)
        words[i] = scopes[i].word;
    g_autofree char *hint =
        p11d_nearest_hint(*arguments, words, "p11dbus list ", "", "p11dbus list " USAGE);
    p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "\"%s\" is not something to list",
                     *arguments);
    return FALSE;
}

/* The URIs of what was asked for, one a line. */
static void print_uris(const Scope *scope, const GPtrArray *listing, bool verbose G_GNUC_UNUSED)
{
    for (guint i = 0; i < listing->len; i++) {
        const P11dListingToken *entry = listing->pdata[i];
        if (!scope->objects) {
            g_autofree char *uri = p11d_item_token_uri(entry->token);
            fprintf(p11d_console_result(), "%s\n", uri);
        }
        for (guint j = 0; j < entry->items->len; j++) {
            g_autofree char *uri = p11d_item_uri(entry->items->pdata[j]);
            fprintf(p11d_console_result(), "%s\n", uri);
        }
    }
}

static void print_table(const Scope *scope G_GNUC_UNUSED, const GPtrArray *listing, bool verbose)
{
    p11d_table_print(listing, verbose);
}

typedef struct Format {
    const char *name;
    void (*print)(const Scope *scope, const GPtrArray *listing, bool verbose);
} Format;

static const Format formats[] = {{"table", print_table}, {"uri", print_uris}};

/* How the result is to be shown. */
typedef struct View {
    const Format *format;
    const P11dExportForm *export; /* NULL: not exported */
} View;

static gboolean read_view(View *view, const P11dOptions *options, const Scope *scope,
                          GError **error)
{
    static const char hint[] = "p11dbus list --help";
    *view = (View){NULL, NULL};
    const char *name = asked.format ? asked.format : formats[0].name;
    size_t i = 0;
    while (i < G_N_ELEMENTS(formats) && strcmp(formats[i].name, name) != 0)
        i++;
    if (i == G_N_ELEMENTS(formats))
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "--format is table or uri");
    else if ((options->json != 0) + (asked.format != NULL) + (asked.export != NULL) > 1)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "--json, --format and --export exclude each other");
    else if (scope->mechanisms && formats[i].print == print_uris)
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus list mechanisms --json is for scripts",
                         "mechanisms have no URIs");
    else if (asked.export && !scope->objects)
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus list [keys|certs] --export FORM",
                         "only keys and certificates can be exported");
    else if (!asked.export || (view->export = p11d_export_find_form(asked.export, error)) != NULL) {
        view->format = &formats[i];
        return TRUE;
    }
    return FALSE;
}

/* What is asked of each token. */
typedef struct Question {
    const P11dTarget *target;
    const Scope *scope;
    P11dListingDepth depth;
} Question;

static gboolean read_token(GPtrArray *listing, const Question *question, P11dHostToken *token,
                           GError **error)
{
    const P11dTarget *target = question->target;
    const Scope *scope = question->scope;
    P11dListingToken *entry = p11d_listing_add(listing, token);
    if (scope->mechanisms && !p11d_listing_read_mechanisms(entry, error))
        return FALSE;
    if (!scope->objects)
        return TRUE;
    if (!p11d_listing_read_objects(entry, target, scope->classes, question->depth, error))
        return FALSE;
    /* Whoever asks for an object does not want to see tokens without it. */
    if (target->has_objects && entry->items->len == 0)
        g_ptr_array_remove(listing, entry);
    return TRUE;
}

/* Reads all of tokens. One that fails is told of at once and does not hide the others. */
static void read_tokens(GPtrArray *listing, const Question *question, const GPtrArray *tokens,
                        P11dHosts *hosts)
{
    for (guint i = 0; i < tokens->len; i++) {
        GError *failure = NULL;
        guint before = listing->len;
        if (read_token(listing, question, tokens->pdata[i], &failure))
            continue;
        p11d_hosts_add_failure(hosts, failure);
        g_ptr_array_set_size(listing, (int)before); /* half of it could be taken for all */
    }
}

/* An empty list is an answer, but whoever sees it wants to know why. */
static void note_nothing(const P11dHosts *hosts)
{
    if (hosts->several) {
        p11d_console_note("none of these modules shows a token: is one plugged in?");
        return;
    }
    const P11dHost *host = hosts->hosts->pdata[0];
    const char *path = host->path;
    if (!p11d_modulename_is_own(path)) {
        p11d_console_note("%s shows no token: is it plugged in?", path);
        return;
    }
    g_autoptr(GError) cause = NULL;
    p11d_cause_set(&cause, host->reserved, NULL);
    p11d_console_note("no token: %s", cause->message);
    p11d_console_note("  hint: %s", p11d_failure_hint(cause));
}

/* Who lists for the first time, and sees a token and nothing in it, wants to know how it is filled.
 */
static void note_empty(const GPtrArray *listing, const P11dHosts *hosts)
{
    for (guint i = 0; i < listing->len; i++) {
        const P11dListingToken *entry = listing->pdata[i];
        if (entry->items->len > 0 || entry->hides)
            return;
    }
    p11d_console_note("no key and no certificate is there");
    const P11dHost *host = hosts->hosts->pdata[0];
    if (!hosts->several && p11d_modulename_is_own(host->path))
        p11d_console_note("  hint: p11dbus-serve(1) says which files in the directory of the token "
                          "the service shows");
}

static gboolean show(const View *view, const Question *question, const GPtrArray *listing,
                     const P11dHosts *hosts, const P11dOptions *options, GError **error)
{
    bool ok = hosts->failures->len == 0;
    if (view->export) /* a part of it could be taken for all of it */
        return ok ? p11d_export_print(view->export, listing, question->target, hosts, error)
                  : p11d_hosts_conclude(hosts, error);
    if (ok && listing->len == 0 && !p11d_target_is_empty(question->target)) {
        p11d_hosts_set_no_match(hosts, question->target, "token or object", error);
        return FALSE;
    }
    if (options->json)
        p11d_console_print_json(p11d_document_of_listing(listing, hosts->failures));
    else
        view->format->print(question->scope, listing, options->verbose);
    if (ok && listing->len == 0)
        note_nothing(hosts);
    else if (ok && question->scope == &no_word && !options->json)
        note_empty(listing, hosts);
    return p11d_hosts_conclude(hosts, error);
}

/* Of what is not shown nothing is asked. */
static P11dListingDepth depth_of(const View *view, const P11dOptions *options)
{
    if (view->export || view->format->print != print_table)
        return P11D_LISTING_NAMES;
    return options->json || options->verbose ? P11D_LISTING_PRINTS : P11D_LISTING_KEEPING;
}

static gboolean run(const P11dOptions *options, char **arguments, GError **error)
{
    const Scope *scope;
    const char *uri;
    View view;
    if (!read_arguments(arguments, &scope, &uri, error) || !read_view(&view, options, scope, error))
        return FALSE;
    g_autoptr(P11dTarget) target = p11d_target_new(uri, options, error);
    if (target && scope == &no_word && p11_kit_uri_get_attribute(target->uri, CKA_CLASS))
        scope = &type_of_uri;
    g_autoptr(P11dHosts) hosts = target ? p11d_hosts_open(options, error) : NULL;
    if (!hosts)
        return FALSE;
    g_autoptr(GPtrArray) tokens = p11d_hosts_tokens(hosts, target);
    g_autoptr(GPtrArray) listing = p11d_listing_new();
    if (asked.login && !p11d_hosts_log_in(hosts, target, tokens, options, error))
        return FALSE;
    Question question = {target, scope, depth_of(&view, options)};
    read_tokens(listing, &question, tokens, hosts);
    return show(&view, &question, listing, hosts, options, error);
}

const P11dCommand p11d_command_list = {
    .name = "list",
    .synopsis = USAGE,
    .summary = "Shows tokens with their keys and certificates; a word or a URI narrows it.",
    .examples = "Examples:\n"
                "  p11dbus list keys 'pkcs11:token=keys;object=web' --export ssh\n"
                "  p11dbus list -m softhsm2 --login --json | jq -r '.tokens[].objects[].uri'",
    .groups = P11D_OPTIONS_CHOICE | P11D_OPTIONS_PIN | P11D_OPTIONS_MODULES | P11D_OPTIONS_JSON,
    .entries = entries,
    .arguments = "OBJECT",
    .word = word,
    .run = run,
};
