// SPDX-License-Identifier: MIT
#include "initializing.h"

#include "error-name.h"
#include "probe.h"

/* Fails three times, is finalised all the same as a host's error path does, and starts anew. */
#define AGAIN " finalize-anyway close load initialize slots finalize"

/* A module that does not initialise here at all, for want of a device or a service. */
static void fail_by_nature(P11dCheckRun *run, CK_RV rv)
{
    char scratch[P11D_NAME_SIZE];
    g_autoptr(P11dProbe) probe = p11d_probe_run(run, "load initialize initialize initialize" AGAIN);
    if (probe && p11d_probe_survived(run, probe, ", after C_Initialize had failed"))
        p11d_check_tell(run, P11D_CHECK_SKIP, "C_Initialize fails here with %s, without harm",
                        p11d_error_ckr(rv, scratch));
}

static void fail_by_arguments(P11dCheckRun *run)
{
    char scratch[P11D_NAME_SIZE];
    CK_RV wrong, again;
    g_autoptr(P11dProbe) probe =
        p11d_probe_run(run, "load initialize-wrong initialize-wrong initialize-wrong" AGAIN);
    if (!probe || !p11d_probe_survived(run, probe, ", after C_Initialize had failed") ||
        !p11d_probe_step(probe, "initialize-wrong", &wrong, NULL))
        return;
    if (wrong == CKR_OK || wrong == CKR_CRYPTOKI_ALREADY_INITIALIZED)
        p11d_check_tell(run, P11D_CHECK_WARN,
                        "C_Initialize takes some but not all mutex functions, where it should "
                        "answer CKR_ARGUMENTS_BAD");
    if (!p11d_probe_step(probe, "initialize", &again, NULL))
        again = CKR_GENERAL_ERROR;
    if (again != CKR_OK)
        p11d_check_tell(run, P11D_CHECK_FAIL, "after failures, C_Finalize and a reload: %s",
                        p11d_error_ckr(again, scratch));
}

void p11d_initializing_failed(P11dCheckRun *run)
{
    g_autoptr(P11dProbe) plain = p11d_probe_run(run, "load initialize finalize");
    CK_RV rv;
    if (!plain || !p11d_probe_survived(run, plain, "") ||
        !p11d_probe_step(plain, "initialize", &rv, NULL))
        return;
    if (rv != CKR_OK)
        fail_by_nature(run, rv);
    else
        fail_by_arguments(run);
}

static CK_RV list_slots(CK_FUNCTION_LIST *functions)
{
    CK_ULONG count = 0;
    return functions->C_GetSlotList(CK_TRUE, NULL, &count);
}

/* C_Finalize of one of two; *rv: what the other then gets. */
static void finalize_one(P11dCheckRun *run, bool counted)
{
    CK_FUNCTION_LIST *functions = run->host->library->functions;
    char scratch[P11D_NAME_SIZE];
    if (!p11d_check_ok(run, functions->C_Finalize(NULL), "C_Finalize"))
        return;
    CK_RV rv = list_slots(functions);
    if (counted && rv != CKR_OK)
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "both users were told CKR_OK, and the C_Finalize of one ends the other: %s",
                        p11d_error_ckr(rv, scratch));
    else if (!counted && rv == CKR_OK)
        p11d_check_tell(run, P11D_CHECK_WARN, "works on after C_Finalize");
}

void p11d_initializing_twice(P11dCheckRun *run)
{
    CK_FUNCTION_LIST *functions = run->host->library->functions;
    char scratch[P11D_NAME_SIZE];
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK,
                                      .pReserved = (void *)run->reserved};
    CK_RV rv = functions->C_Initialize(&arguments);
    bool counted = rv == CKR_OK;
    /* The specification has one state a process, and the second user told so is the rule. */
    if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
        p11d_check_tell(run, P11D_CHECK_PASS,
                        "the second user is told that it was initialised; let p11-kit manage the "
                        "module where one C_Finalize must not end both");
    else if (!counted)
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "a second C_Initialize answers %s, not CKR_CRYPTOKI_ALREADY_INITIALIZED",
                        p11d_error_ckr(rv, scratch));
    if (p11d_check_ok(run, list_slots(functions), "the first user's C_GetSlotList after that"))
        finalize_one(run, counted);
}
