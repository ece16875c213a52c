// SPDX-License-Identifier: MIT
#include "manners.h"

#include <unistd.h>

#include "probe.h"

/* From which on a step is worth a word, in microseconds. */
#define SLOW G_USEC_PER_SEC

/* Runs steps before and behind the use of the module. NULL if the module did not live through it.
 */
static P11dProbe *use(P11dCheckRun *run, const char *before, const char *behind)
{
    g_autofree char *steps = g_strconcat(before, p11d_probe_use(run), behind, NULL);
    g_autoptr(P11dProbe) probe = p11d_probe_run(run, steps);
    return probe && p11d_probe_survived(run, probe, "") ? g_steal_pointer(&probe) : NULL;
}

void p11d_manners_output(P11dCheckRun *run)
{
    static const struct {
        int fd;
        const char *name;
        P11dCheckStatus status; /* stderr is for diagnostics, stdout belongs to the program */
    } streams[] = {{STDOUT_FILENO, "stdout", P11D_CHECK_FAIL},
                   {STDERR_FILENO, "stderr", P11D_CHECK_WARN}};
    g_autoptr(P11dProbe) probe = use(run, "", " finalize wait");
    for (size_t i = 0; probe && i < G_N_ELEMENTS(streams); i++) {
        guint64 written = probe->written[streams[i].fd];
        if (written > 0)
            p11d_check_tell(run, streams[i].status, "%" G_GUINT64_FORMAT " bytes to %s: %.60s",
                            written, streams[i].name, g_strstrip(probe->text->str));
    }
}

/* Tells each text that says that of WHAT once. */
static void tell_each(P11dCheckRun *run, const P11dProbe *probe, const char *what,
                      P11dCheckStatus status, const char *shown)
{
    g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) texts = p11d_probe_texts(probe, what);
    for (guint i = 0; i < texts->len; i++)
        if (g_hash_table_add(told, texts->pdata[i]))
            p11d_check_tell(run, status, "%s %s", shown, (const char *)texts->pdata[i]);
}

void p11d_manners_state(P11dCheckRun *run)
{
    static const struct {
        const char *what;
        const char *shown;
        P11dCheckStatus status;
    } kinds[] = {
        {"closed", "closes the descriptor", P11D_CHECK_FAIL},
        {"handler", "handles", P11D_CHECK_FAIL},
        {"blocked", "blocks", P11D_CHECK_FAIL},
        {"umask", "sets the umask to", P11D_CHECK_FAIL},
        {"directory", "goes to the directory", P11D_CHECK_FAIL},
        {"locale", "sets the locale to", P11D_CHECK_FAIL},
        /* What many libraries do, and a host can live with if it knows. */
        {"ignored", "ignores", P11D_CHECK_WARN},
        {"environment", "changes the environment variable", P11D_CHECK_WARN},
    };
    g_autoptr(P11dProbe) probe = use(run, "snapshot ", " compare finalize compare");
    for (size_t i = 0; probe && i < G_N_ELEMENTS(kinds); i++)
        tell_each(run, probe, kinds[i].what, kinds[i].status, kinds[i].shown);
}

void p11d_manners_inheritance(P11dCheckRun *run)
{
    g_autoptr(P11dProbe) probe = use(run, "snapshot ", " compare finalize compare");
    if (probe)
        tell_each(run, probe, "inherited", P11D_CHECK_WARN, "without close-on-exec:");
}

void p11d_manners_times(P11dCheckRun *run)
{
    static const char *const steps[][2] = {{"load", "dlopen"},
                                           {"initialize", "C_Initialize"},
                                           {"slots", "the slot list"},
                                           {"search", "the first search"}};
    g_autoptr(P11dProbe) probe = use(run, "", " finalize");
    for (size_t i = 0; probe && i < G_N_ELEMENTS(steps); i++) {
        CK_RV value;
        guint64 taken;
        if (!p11d_probe_step(probe, steps[i][0], &value, &taken))
            continue;
        p11d_check_tell(run, taken > SLOW ? P11D_CHECK_WARN : P11D_CHECK_PASS, "%s %.1f ms",
                        steps[i][1], (double)taken / 1000);
    }
}
