// SPDX-License-Identifier: MIT
/* p11dbus smoke-check: runs one check in this process, which the module may take down. Nobody types
 * it: p11dbus smoke does, with options that are checked already. */
#include "checker.h"

#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "commands.h"
#include "crash.h"
#include "failure.h"
#include "json.h"
#include "loaded.h"
#include "modulename.h"
#include "pin.h"
#include "stage.h"
#include "text.h"

static struct {
    int journal_fd;
    char *level;
    int seconds;
    int need;
} asked = {.journal_fd = -1};

static const GOptionEntry entries[] = {
    {"journal-fd", 0, 0, G_OPTION_ARG_INT, &asked.journal_fd, "where to tell", "N"},
    {"level", 0, 0, G_OPTION_ARG_FILENAME, &asked.level, "how far to go", "LEVEL"},
    {"seconds", 0, 0, G_OPTION_ARG_INT, &asked.seconds, "how long it may take", "SECONDS"},
    {"need", 0, 0, G_OPTION_ARG_INT, &asked.need, "what the checks want to find", "NEED"},
    {NULL},
};

/* What the module says of itself, in the form that the report prints. */
static void tell_info(P11dCheckRun *run)
{
    const CK_INFO *info = &run->host->info;
    g_autoptr(JsonBuilder) json = json_builder_new();
    g_autofree char *manufacturer =
        p11d_text_of_field(info->manufacturerID, sizeof info->manufacturerID);
    g_autofree char *description =
        p11d_text_of_field(info->libraryDescription, sizeof info->libraryDescription);
    g_autofree char *version =
        g_strdup_printf("%u.%u", info->libraryVersion.major, info->libraryVersion.minor);
    g_autofree char *cryptoki =
        g_strdup_printf("%u.%u", info->cryptokiVersion.major, info->cryptokiVersion.minor);
    json_builder_begin_object(json);
    p11d_json_add_string(json, "manufacturer", manufacturer);
    p11d_json_add_string(json, "description", description);
    p11d_json_add_string(json, "version", version);
    p11d_json_add_string(json, "cryptoki", cryptoki);
    json_builder_end_object(json);
    JsonNode *root = json_builder_get_root(json);
    g_autofree char *text = json_to_string(root, FALSE);
    json_node_unref(root);
    p11d_journal_add(run->journal, P11D_CHECKER_INFO " %s", text);
}

/* Whether the PIN opens the token, tried once. */
static bool try_login(P11dCheckRun *run)
{
    g_autoptr(GPtrArray) tokens = p11d_target_tokens(run->target, run->host);
    g_autoptr(GError) error = NULL;
    p11d_target_log_in(run->target, tokens, run->options, &error);
    if (error)
        p11d_journal_add(run->journal, P11D_CHECKER_REFUSED " %d %s", error->code, error->message);
    return !error;
}

/* Which tokens need a PIN. */
static void tell_closed(P11dCheckRun *run)
{
    g_autoptr(GPtrArray) tokens = p11d_target_tokens(run->target, run->host);
    for (guint i = 0; i < tokens->len; i++) {
        P11dHostToken *token = tokens->pdata[i];
        CK_FLAGS needed = CKF_LOGIN_REQUIRED | CKF_TOKEN_INITIALIZED;
        if ((token->info.flags & needed) != needed)
            continue;
        g_autofree char *label = p11d_host_label(token);
        bool keypad = token->info.flags & CKF_PROTECTED_AUTHENTICATION_PATH;
        p11d_journal_add(run->journal, "%s %s", keypad ? P11D_CHECKER_KEYPAD : P11D_CHECKER_PIN,
                         label);
    }
}

static void tell_member(const char *path, void *journal)
{
    p11d_journal_add(journal, P11D_CHECKER_MEMBER " %s", path);
}

/* Whether what the checks need is there. */
static void preflight(P11dCheckRun *run)
{
    P11dLibrary *library;
    P11dCheckNeed need = (P11dCheckNeed)asked.need;
    p11d_loaded_remember();
    const char *why = p11d_loader_open(run->options->module, &library);
    if (why)
        p11d_journal_add(run->journal, P11D_CHECKER_UNLOADABLE " %s", why);
    if (why || !p11d_stage_module(run))
        return;
    tell_info(run);
    p11d_loaded_each(run->options->module, tell_member, run->journal);
    if (run->level >= P11D_CHECK_SIGN && !run->pin.data)
        tell_closed(run);
    if (run->pin.data && !try_login(run))
        return;
    if (need >= P11D_CHECK_NEEDS_PRIVATE || p11d_stage_match(run))
        p11d_stage_find(run, need);
}

static gboolean run(const P11dOptions *options, char **arguments, GError **error)
{
    const char *id = arguments[0] ? arguments[0] : "";
    const P11dCheck *check = p11d_check_find(id);
    bool is_preflight = strcmp(id, P11D_CHECKER_PREFLIGHT) == 0;
    P11dCheckRun it = {.check = check,
                       .options = options,
                       .level = p11d_check_parse_level(asked.level ? asked.level : ""),
                       .seconds = asked.seconds,
                       .started = g_get_monotonic_time(),
                       .journal = p11d_journal_map(asked.journal_fd),
                       .journal_fd = asked.journal_fd};
    if (!it.journal || it.level == P11D_CHECK_LEVELS || (!check && !is_preflight)) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus smoke --help",
                         "smoke-check is not for people");
        return FALSE;
    }
    g_autofree char *path = NULL;
    g_autofree char *reserved = NULL;
    it.target = p11d_target_new(arguments[1], options, error);
    if (!it.target || !p11d_modulename_resolve(options, &path, &reserved, error))
        return FALSE;
    P11dOptions resolved = *options;
    resolved.module = path;
    it.options = &resolved;
    it.reserved = reserved;
    /* Before the module is there, which might close the descriptor. */
    if (options->pin_fd >= 0 && !p11d_pin_read(&it.pin, options, NULL, error))
        return FALSE;
    if (options->pin_fd >= 0)
        close(options->pin_fd);
    p11d_crash_catch(it.journal);
    if (is_preflight)
        preflight(&it);
    else if (p11d_stage_prepare(&it))
        check->function(&it);
    p11d_journal_add(it.journal, P11D_CHECKER_DONE);
    _exit(0); /* what the module does at exit is for the probe to see */
}

const P11dCommand p11d_command_smoke_check = {
    .name = P11D_CHECKER_COMMAND,
    .groups = P11D_OPTIONS_CHOICE | P11D_OPTIONS_PIN | P11D_OPTIONS_MODULE,
    .entries = entries,
    .run = run,
};
