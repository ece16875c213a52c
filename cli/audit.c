// SPDX-License-Identifier: MIT
/* p11dbus audit: tells what is wrong with keys and certificates on tokens. */
#include "cause.h"
#include "commands.h"
#include "console.h"
#include "failure.h"
#include "modulename.h"
#include "remarks.h"
#include "scope.h"
#include "uri.h"

/* How long before its end a certificate is expiring unless --expiring says otherwise, in days. */
#define USUAL_DAYS 30
#define MAX_DAYS 36500

static struct {
    gboolean login;
    int days;
    char **check;
    char **skip;
    char *known;
} asked = {.days = USUAL_DAYS};

static const GOptionEntry entries[] = {
    {"login", 0, 0, G_OPTION_ARG_NONE, &asked.login, "log in, to look at what is private", NULL},
    {"expiring", 0, 0, G_OPTION_ARG_INT, &asked.days,
     "tell of certificates that have less than so many days left (default: 30)", "DAYS"},
    {"check", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &asked.check,
     "only findings whose name matches; can be given again", "FINDING"},
    {"skip", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &asked.skip,
     "no findings whose name matches; can be given again", "FINDING"},
    {"known", 0, 0, G_OPTION_ARG_FILENAME, &asked.known,
     "findings that may stay, a line each: NAME [URI] # REASON, where * stands for anything",
     "FILE"},
    {NULL},
};

static gboolean read_arguments(char **arguments, const char **uri, GError **error)
{
    *uri = arguments[0];
    if (*uri && !p11d_uri_is(*uri))
        p11d_failure_set(error, P11D_FAILURE_USAGE, "-m names a module",
                         "audit takes a URI: \"%s\" is none", *uri);
    else if (*uri && arguments[1]) /* without the text: there may be a PIN in it */
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus audit --help", "audit takes one URI");
    else
        return TRUE;
    return FALSE;
}

static gboolean check_usage(GError **error)
{
    if (asked.days < 0 || asked.days > MAX_DAYS) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus audit --help",
                         "--expiring is a number of days, at most %d", MAX_DAYS);
        return FALSE;
    }
    g_autoptr(GString) hint = g_string_new("there are ");
    for (size_t i = 0; p11d_rule_name(i); i++)
        g_string_append_printf(hint, "%s%s", i > 0 ? ", " : "", p11d_rule_name(i));
    return p11d_glob_check("check", asked.check, p11d_rule_name, "finding", hint->str, error) &&
           p11d_glob_check("skip", asked.skip, p11d_rule_name, "finding", hint->str, error);
}

/* A slot of which a module does not say what is in it was not looked at. */
static void tell_left_out(P11dHosts *hosts)
{
    for (guint i = 0; i < hosts->hosts->len; i++) {
        const P11dHost *host = hosts->hosts->pdata[i];
        GError *failure = NULL;
        if (!host->left_out)
            continue;
        p11d_failure_set(&failure, P11D_FAILURE_DEVICE, "p11dbus smoke looks closer at a module",
                         "%s: %s", host->path, host->left_out);
        p11d_hosts_add_failure(hosts, failure);
    }
}

/* Who audits is told where nothing could be looked at, which must not pass for good: of our own
 * module why its service shows no token, also where other modules do. */
static void tell_silent(P11dHosts *hosts)
{
    for (guint i = 0; hosts->several && i < hosts->hosts->len; i++) {
        const P11dHost *host = hosts->hosts->pdata[i];
        GError *cause = NULL;
        if (host->tokens->len > 0 || !p11d_modulename_is_own(host->path))
            continue;
        p11d_cause_set(&cause, host->reserved, NULL);
        p11d_hosts_add_failure(hosts, cause);
    }
}

/* Sets error, which is told already, if anything was found that is not known, or not looked at. */
static gboolean conclude(const P11dRemarks *remarks, const P11dInventory *inventory,
                         const P11dHosts *hosts, GError **error)
{
    guint bad = remarks->all->len - remarks->known;
    guint tokens = inventory->listing->len;
    p11d_console_note("%u object%s on %u token%s: %u finding%s, %u known", inventory->objects,
                      inventory->objects == 1 ? "" : "s", tokens, tokens == 1 ? "" : "s", bad,
                      bad == 1 ? "" : "s", remarks->known);
    if (!p11d_hosts_conclude(hosts, error))
        return FALSE;
    if (bad == 0)
        return TRUE;
    GError *failure = NULL;
    p11d_failure_set(&failure, P11D_FAILURE_CHECK, NULL, "%u findings", bad);
    p11d_failure_mark_told(failure);
    g_propagate_error(error, failure);
    return FALSE;
}

/* What is known, was looked for and not found. */
static GPtrArray *tell_gone(const P11dKnown *known, const P11dScope *scope,
                            const P11dRemarksChoice *choice)
{
    g_auto(GStrv) left_out = p11d_remarks_left_out(choice);
    return p11d_known_tell_gone(known, left_out, p11d_scope_covers, scope);
}

static gboolean audit(const P11dTarget *target, P11dHosts *hosts, P11dKnown *known,
                      const P11dOptions *options, GError **error)
{
    g_autoptr(GPtrArray) tokens = p11d_hosts_tokens(hosts, target);
    if (asked.login && !p11d_hosts_log_in(hosts, target, tokens, options, error))
        return FALSE;
    tell_silent(hosts);
    tell_left_out(hosts);
    g_autoptr(P11dInventory) inventory = p11d_inventory_read(target, tokens, hosts);
    inventory->days = asked.days;
    bool empty = target->has_objects ? inventory->objects == 0 : inventory->listing->len == 0;
    if (empty && hosts->failures->len == 0) {
        p11d_hosts_set_no_match(hosts, target, "token or object", error);
        return FALSE;
    }
    P11dRemarksChoice choice = {asked.check, asked.skip};
    g_autoptr(P11dRemarks) remarks = p11d_remarks_make(inventory, &choice, known);
    if (!options->json)
        p11d_remarks_print(remarks, options->verbose);
    P11dScope scope = {target, inventory, hosts, options->modules != NULL};
    g_autoptr(GPtrArray) gone = tell_gone(known, &scope, &choice);
    if (options->json)
        p11d_console_print_json(p11d_remarks_document(remarks, inventory, gone, hosts->failures));
    return conclude(remarks, inventory, hosts, error);
}

static gboolean run(const P11dOptions *options, char **arguments, GError **error)
{
    const char *uri;
    if (!read_arguments(arguments, &uri, error) || !check_usage(error))
        return FALSE;
    g_autoptr(P11dTarget) target = p11d_target_new(uri, options, error);
    g_autoptr(P11dKnown) known =
        target ? p11d_known_read(asked.known, p11d_rule_name, "finding", error) : NULL;
    g_autoptr(P11dHosts) hosts = known ? p11d_hosts_open(options, error) : NULL;
    return hosts && audit(target, hosts, known, options, error);
}

const P11dCommand p11d_command_audit = {
    .name = "audit",
    .synopsis = "[URI]",
    .summary = "Tells what is wrong with keys and certificates: expired, weak, exposed, alone.",
    .examples = "Examples:\n"
                "  p11dbus audit -m all --check 'expir*' --expiring 42\n"
                "  p11dbus audit --login --known audit.known pkcs11:token=keys --json",
    .groups = P11D_OPTIONS_CHOICE | P11D_OPTIONS_PIN | P11D_OPTIONS_MODULES | P11D_OPTIONS_JSON,
    .entries = entries,
    .arguments = "OBJECT",
    .run = run,
};
