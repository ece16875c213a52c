// SPDX-License-Identifier: MIT
#include "hosts.h"

#include <string.h>
#include <sys/stat.h>

#include "agent.h"
#include "console.h"
#include "exitcode.h"
#include "failure.h"
#include "moduleconfig.h"

static const char hint[] = "-m NAME or PATH, as often as needed, or -m " P11D_HOSTS_ALL;

/* Adds the modules that p11-kit has, but for those that it keeps from this program. */
static void add_configured(GPtrArray *names)
{
    g_auto(GStrv) configured = p11d_moduleconfig_names();
    for (char **name = configured; *name; name++) {
        g_auto(P11dModuleconfig) config = {NULL, NULL};
        g_autoptr(GError) failure = NULL;
        p11d_moduleconfig_read(&config, *name, &failure);
        if (g_error_matches(failure, P11D_FAILURE, P11D_FAILURE_DEVICE))
            p11d_console_note("%s is left out: %s", *name, failure->message);
        else
            g_ptr_array_add(names, g_strdup(*name));
    }
}

static int compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The modules that are named, each once; those of "all" in the order of their names. */
static GPtrArray *list_names(char **modules)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (; modules && *modules; modules++) {
        g_autoptr(GPtrArray) some = g_ptr_array_new();
        if (strcmp(*modules, P11D_HOSTS_ALL) == 0)
            add_configured(some);
        else
            g_ptr_array_add(some, g_strdup(*modules));
        g_ptr_array_sort(some, compare);
        for (guint i = 0; i < some->len; i++) {
            if (g_hash_table_add(seen, some->pdata[i]))
                g_ptr_array_add(names, some->pdata[i]);
            else
                g_free(some->pdata[i]);
        }
    }
    return names;
}

static gboolean check_usage(const P11dOptions *options, GError **error)
{
    const char *option = options->bus ? "bus" : options->init_reserved ? "init-reserved" : NULL;
    if (!option)
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_USAGE, "name the one module that it is for",
                     "--%s does not go with several modules", option);
    return FALSE;
}

static void failure_free(gpointer failure)
{
    g_error_free(failure);
}

static void host_free(gpointer host)
{
    p11d_host_free(host);
}

void p11d_hosts_free(P11dHosts *hosts)
{
    if (!hosts)
        return;
    g_ptr_array_unref(hosts->hosts);
    g_ptr_array_unref(hosts->failures);
    g_free(hosts);
}

void p11d_hosts_add_failure(P11dHosts *hosts, GError *failure)
{
    const GError *last =
        hosts->failures->len > 0 ? hosts->failures->pdata[hosts->failures->len - 1] : NULL;
    if (last && strcmp(last->message, failure->message) == 0) { /* the next token of a module */
        g_error_free(failure);
        return;
    }
    p11d_console_tell(failure);
    g_ptr_array_add(hosts->failures, failure);
}

/* True if a module by another name is the same library: its tokens are there already. */
static bool is_there(const P11dHosts *hosts, const P11dHost *host)
{
    struct stat own, other;
    bool known = stat(host->path, &own) == 0;
    for (guint i = 0; known && i < hosts->hosts->len; i++)
        if (stat(((const P11dHost *)hosts->hosts->pdata[i])->path, &other) == 0 &&
            own.st_dev == other.st_dev && own.st_ino == other.st_ino)
            return true;
    return false;
}

static void open_several(P11dHosts *hosts, const P11dOptions *options, const GPtrArray *names)
{
    g_autoptr(GPtrArray) agents = g_ptr_array_new();
    P11dOptions one = *options;
    for (guint i = 0; i < names->len; i++) {
        one.module = names->pdata[i];
        g_ptr_array_add(agents, p11d_agent_begin(&one));
    }
    for (guint i = 0; i < names->len; i++) {
        GError *failure = NULL;
        P11dHost *host = p11d_agent_open(agents->pdata[i], &failure);
        if (failure)
            p11d_hosts_add_failure(hosts, failure);
        else if (is_there(hosts, host))
            p11d_host_free(host);
        else
            g_ptr_array_add(hosts->hosts, host);
    }
}

P11dHosts *p11d_hosts_open(const P11dOptions *options, GError **error)
{
    g_autoptr(P11dHosts) hosts = g_new0(P11dHosts, 1);
    hosts->hosts = g_ptr_array_new_with_free_func(host_free);
    hosts->failures = g_ptr_array_new_with_free_func(failure_free);
    g_autoptr(GPtrArray) names = list_names(options->modules);
    hosts->several = names->len > 1;
    if (hosts->several) {
        if (!check_usage(options, error))
            return NULL;
        open_several(hosts, options, names);
        return g_steal_pointer(&hosts);
    }
    if (options->modules && names->len == 0) {
        p11d_failure_set(error, P11D_FAILURE_DEVICE, hint, "p11-kit has no module configured");
        return NULL;
    }
    P11dOptions one = *options;
    if (names->len > 0)
        one.module = names->pdata[0];
    P11dHost *host = p11d_host_open(&one, error);
    if (!host)
        return NULL;
    g_ptr_array_add(hosts->hosts, host);
    return g_steal_pointer(&hosts);
}

gboolean p11d_hosts_conclude(const P11dHosts *hosts, GError **error)
{
    const GError *worst = NULL;
    for (guint i = 0; i < hosts->failures->len; i++)
        if (p11d_exitcode_of(hosts->failures->pdata[i]) > p11d_exitcode_of(worst))
            worst = hosts->failures->pdata[i];
    if (!worst)
        return TRUE;
    g_propagate_error(error, g_error_copy(worst));
    return FALSE;
}

GPtrArray *p11d_hosts_tokens(const P11dHosts *hosts, const P11dTarget *target)
{
    GPtrArray *tokens = g_ptr_array_new();
    for (guint i = 0; i < hosts->hosts->len; i++)
        g_ptr_array_extend_and_steal(tokens, p11d_target_tokens(target, hosts->hosts->pdata[i]));
    return tokens;
}

gboolean p11d_hosts_log_in(P11dHosts *hosts, const P11dTarget *target, const GPtrArray *tokens,
                           const P11dOptions *options, GError **error)
{
    GError *failure = NULL;
    bool logged_in = p11d_target_log_in(target, tokens, options, &failure);
    if (hosts->several && g_error_matches(failure, P11D_FAILURE, P11D_FAILURE_DEVICE)) {
        p11d_hosts_add_failure(hosts, failure);
        return TRUE;
    }
    if (failure) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (!logged_in && tokens->len > 0)
        p11d_console_note("no token here needs a login: nothing is hidden without one");
    return TRUE;
}

void p11d_hosts_set_no_match(const P11dHosts *hosts, const P11dTarget *target, const char *what,
                             GError **error)
{
    if (hosts->several)
        p11d_failure_set(error, P11D_FAILURE_NO_MATCH,
                         "p11dbus list shows what is there; what is private, with --login",
                         "no %s of these modules matches %s", what, target->text);
    else
        p11d_target_set_no_match(target, hosts->hosts->pdata[0], what, error);
}
