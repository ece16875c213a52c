// SPDX-License-Identifier: MIT
#include "unloading.h"

#include <stdlib.h>

#include "probe.h"

/* What is set up once is not a leak: so many cycles do not count, then so many do. */
#define WARM_UP 2
#define CYCLES 10
/* Bytes a cycle, from which on growth is worth a word, and from which on it is a leak that ends a
 * host; below them the allocator's own bookkeeping shows. */
#define HEAP_NOTICED (4 * 1024)
#define HEAP_LEAK (64 * 1024)

void p11d_unloading_threads(P11dCheckRun *run)
{
    g_autofree char *steps =
        g_strconcat("snapshot ", p11d_probe_use(run), " finalize wait compare close mapped", NULL);
    g_autoptr(P11dProbe) probe = p11d_probe_run(run, steps);
    CK_RV value;
    if (!probe)
        return;
    if (!p11d_probe_step(probe, "compare", &value, NULL)) {
        p11d_probe_survived(run, probe, "");
        return;
    }
    g_autofree char *threads = p11d_probe_joined(probe, "thread");
    g_autofree char *mapped = p11d_probe_joined(probe, "mapped");
    if (threads)
        p11d_check_tell(run, P11D_CHECK_WARN, "still running after C_Finalize: %s%s", threads,
                        g_strcmp0(mapped, "0") == 0 ? ", although dlclose unmaps the module" : "");
}

/* Loads and unloads often enough, and measures after each. NULL if that is not to be had. */
static P11dProbe *run_cycles(P11dCheckRun *run)
{
    g_autoptr(GString) steps = g_string_new("snapshot measure");
    for (int i = 0; i < WARM_UP + CYCLES; i++)
        g_string_append_printf(steps, " %s finalize close measure", p11d_probe_use(run));
    g_string_append(steps, " compare");
    g_autoptr(P11dProbe) probe = p11d_probe_run(run, steps->str);
    if (!probe || !p11d_probe_survived(run, probe, ""))
        return NULL;
    return g_steal_pointer(&probe);
}

/* By how much what grew, over the cycles that count. */
static bool measure(P11dCheckRun *run, const P11dProbe *probe, const char *what, gint64 *growth)
{
    g_autoptr(GPtrArray) texts = p11d_probe_texts(probe, what);
    if (texts->len != 1 + WARM_UP + CYCLES) {
        p11d_check_tell(run, P11D_CHECK_SKIP, "the module cannot be loaded again and again");
        return false;
    }
    *growth = g_ascii_strtoll(texts->pdata[WARM_UP + CYCLES], NULL, 10) -
              g_ascii_strtoll(texts->pdata[WARM_UP], NULL, 10);
    return true;
}

/* Of things that are counted: one more each time is a leak; fewer are not, if least says so. */
static void judge_count(P11dCheckRun *run, const char *what, gint64 growth, gint64 least)
{
    if (growth >= CYCLES)
        p11d_check_tell(run, P11D_CHECK_FAIL, "%s leaked: %.3g a cycle (%d cycles)", what,
                        (double)growth / CYCLES, CYCLES);
    else if (growth >= least)
        p11d_check_tell(run, P11D_CHECK_WARN, "%s: %d more after %d cycles", what, (int)growth,
                        CYCLES);
}

void p11d_unloading_descriptors(P11dCheckRun *run)
{
    gint64 growth;
    g_autoptr(P11dProbe) probe = run_cycles(run);
    if (!probe || !measure(run, probe, "descriptors", &growth))
        return;
    judge_count(run, "descriptors", growth, 1);
    g_autofree char *open = p11d_probe_joined(probe, "descriptor");
    if (open && growth <= 0)
        p11d_check_tell(run, P11D_CHECK_WARN, "opened once and never closed: %s", open);
}

void p11d_unloading_mappings(P11dCheckRun *run)
{
    gint64 growth;
    g_autoptr(P11dProbe) probe = run_cycles(run);
    /* The allocator maps a little now and then, whatever the module does. */
    if (probe && measure(run, probe, "mappings", &growth))
        judge_count(run, "mappings", growth, CYCLES / 2);
}

void p11d_unloading_memory(P11dCheckRun *run)
{
    gint64 growth;
    g_autoptr(P11dProbe) probe = run_cycles(run);
    if (!probe || !measure(run, probe, "heap", &growth))
        return;
    gint64 each = growth / CYCLES;
    P11dCheckStatus status = each >= HEAP_LEAK      ? P11D_CHECK_FAIL
                             : each >= HEAP_NOTICED ? P11D_CHECK_WARN
                                                    : P11D_CHECK_PASS;
    if (each > 0)
        p11d_check_tell(run, status,
                        "%d bytes more a cycle (%d cycles; from %d on it is told, from %d on a "
                        "leak)",
                        (int)each, CYCLES, HEAP_NOTICED, HEAP_LEAK);
}

/* After the module is gone: time passes, a thread that used it ends, a child is forked, and the
 * process exits. */
#define PROVOKE " close leave wait fork"

void p11d_unloading_crash(P11dCheckRun *run)
{
    g_autofree char *steps = g_strconcat(p11d_probe_use(run), " finalize" PROVOKE, NULL);
    g_autoptr(P11dProbe) probe = p11d_probe_run(run, steps);
    if (!probe || !p11d_probe_survived(run, probe, ", after dlclose"))
        return;
    g_autofree char *child = p11d_probe_joined(probe, "child");
    if (child)
        p11d_check_tell(run, P11D_CHECK_CRASH, "%s in a forked child, after dlclose", child);
}

void p11d_unloading_without_finalize(P11dCheckRun *run)
{
    g_autofree char *steps = g_strconcat(p11d_probe_use(run), PROVOKE, NULL);
    g_autoptr(P11dProbe) probe = p11d_probe_run(run, steps);
    /* The host is wrong here too: it owes the module a C_Finalize. */
    if (probe && !probe->whole)
        p11d_check_tell(run, P11D_CHECK_WARN, "%s, at %s",
                        probe->crash ? probe->crash : "the process ended", probe->last);
}

void p11d_unloading_stays(P11dCheckRun *run)
{
    g_autofree char *steps = g_strconcat(p11d_probe_use(run), " finalize close mapped", NULL);
    g_autoptr(P11dProbe) probe = p11d_probe_run(run, steps);
    CK_RV value;
    if (!probe || !p11d_probe_step(probe, "mapped", &value, NULL)) {
        p11d_check_tell(run, P11D_CHECK_SKIP, "the module did not get as far as dlclose");
        return;
    }
    g_autofree char *mapped = p11d_probe_joined(probe, "mapped");
    p11d_check_tell(run, P11D_CHECK_PASS, "dlclose %s",
                    g_strcmp0(mapped, "1") == 0 ? "leaves the module mapped, as it asks for"
                                                : "unmaps the module");
}
