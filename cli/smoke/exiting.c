// SPDX-License-Identifier: MIT
#include "exiting.h"

#include "probe.h"

/* Runs steps and exits. False if the module did not live through it, or OpenSSL is not there. */
static bool try_exit(P11dCheckRun *run, const char *before, const char *behind, const char *after)
{
    g_autofree char *steps = g_strconcat(before, p11d_probe_use(run), behind, NULL);
    g_autoptr(P11dProbe) probe = p11d_probe_run(run, steps);
    if (!probe)
        return false;
    g_autofree char *missing = p11d_probe_joined(probe, "missing");
    if (missing)
        p11d_check_tell(run, P11D_CHECK_SKIP, "%s is not there", missing);
    return p11d_probe_survived(run, probe, after) && !missing;
}

void p11d_exiting_without_finalize(P11dCheckRun *run)
{
    try_exit(run, "", "", ", without C_Finalize");
}

void p11d_exiting_openssl_first(P11dCheckRun *run)
{
    if (try_exit(run, "openssl ", " finalize", ", with OpenSSL loaded first"))
        try_exit(run, "openssl ", "", ", with OpenSSL loaded first, without C_Finalize");
}

void p11d_exiting_openssl_last(P11dCheckRun *run)
{
    if (try_exit(run, "", " openssl finalize", ", with OpenSSL loaded last"))
        try_exit(run, "", " openssl", ", with OpenSSL loaded last, without C_Finalize");
}
