// SPDX-License-Identifier: MIT
#include "forking.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash.h"
#include "error-name.h"
#include "keyuse.h"

static CK_RV initialize(const P11dCheckRun *run)
{
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK,
                                      .pReserved = (void *)run->reserved};
    return run->token->functions->C_Initialize(&arguments);
}

/* C_Initialize in a child, whose duty it is. A module that does not notice the fork wants a
 * C_Finalize before, which the hosts that know it give it. */
static bool initialize_again(P11dCheckRun *run)
{
    CK_RV rv = initialize(run);
    if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) {
        p11d_check_tell(run, P11D_CHECK_WARN,
                        "C_Initialize in the child answers CKR_CRYPTOKI_ALREADY_INITIALIZED; it "
                        "needs C_Finalize first");
        run->token->functions->C_Finalize(NULL);
        rv = initialize(run);
    }
    return p11d_check_ok(run, rv, "C_Initialize in the child");
}

static CK_RV search(P11dHostToken *token)
{
    CK_OBJECT_HANDLE objects[16];
    CK_ULONG count = 0;
    CK_RV rv = token->functions->C_FindObjectsInit(token->session, NULL, 0);
    if (rv != CKR_OK)
        return rv;
    rv = token->functions->C_FindObjects(token->session, objects, G_N_ELEMENTS(objects), &count);
    CK_RV final = token->functions->C_FindObjectsFinal(token->session);
    return rv == CKR_OK ? final : rv;
}

/* All that a child does with the module that wants to use it. */
static void use_in_child(P11dCheckRun *run)
{
    P11dHostToken *token = run->token;
    CK_FUNCTION_LIST *functions = token->functions;
    if (!initialize_again(run))
        return;
    CK_ULONG count = 0;
    p11d_check_ok(run, functions->C_GetSlotList(CK_TRUE, NULL, &count),
                  "C_GetSlotList in the child");
    CK_RV rv =
        functions->C_OpenSession(token->slot, CKF_SERIAL_SESSION, NULL, NULL, &token->session);
    if (rv == CKR_SESSION_COUNT) /* a device for one */
        p11d_check_tell(run, P11D_CHECK_WARN, "the token has no session left for the child");
    else if (p11d_check_ok(run, rv, "C_OpenSession in the child"))
        p11d_check_ok(run, search(token), "a search in the child");
    p11d_check_ok(run, functions->C_Finalize(NULL), "C_Finalize in the child");
}

/* The same, where only the parent counts: what the child finds out is told nowhere. */
static void use_in_quiet_child(P11dCheckRun *run)
{
    P11dJournal *nowhere = g_new0(P11dJournal, 1);
    run->journal = nowhere;
    use_in_child(run);
}

static void do_nothing(P11dCheckRun *run)
{
    (void)run;
}

/* Runs function in a child, which then exits with all its exit handlers. Returns how it ended. */
static int run_in_child(P11dCheckRun *run, void (*function)(P11dCheckRun *run))
{
    pid_t child = fork();
    if (child == 0) {
        function(run);
        exit(0);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

void p11d_forking_child(P11dCheckRun *run)
{
    int status = run_in_child(run, use_in_child);
    const char *crash = p11d_journal_crashed(run->journal);
    if (WIFSIGNALED(status))
        p11d_check_tell(run, P11D_CHECK_CRASH, "the child: %s, in %s",
                        *crash ? crash : p11d_crash_signal_name(WTERMSIG(status)),
                        run->journal->call);
    else if (WEXITSTATUS(status) != 0)
        p11d_check_tell(run, P11D_CHECK_CRASH, "the module ended the child with code %d, in %s",
                        WEXITSTATUS(status), run->journal->call);
}

/* Two children: one that uses the module, and one that never touches it but ends. */
static void run_children(P11dCheckRun *run)
{
    run_in_child(run, use_in_quiet_child);
    run_in_child(run, do_nothing);
}

void p11d_forking_parent(P11dCheckRun *run)
{
    run_children(run);
    CK_SESSION_INFO info;
    CK_RV rv = run->token->functions->C_GetSessionInfo(run->token->session, &info);
    if (p11d_check_ok(run, rv, "the parent's session, after a child had used the module"))
        p11d_check_ok(run, search(run->token), "a search of the parent after that");
}

static void sign_with(P11dCheckRun *run, P11dKeyuse *use)
{
    static const char text[] = "signed after a fork";
    g_autoptr(GBytes) data = g_bytes_new_static(text, sizeof text);
    p11d_keyuse_try(use, run, data, "after a child had used the module");
}

void p11d_forking_signature(P11dCheckRun *run)
{
    p11d_keyuse_each(run, sign_with);
    run_children(run);
    p11d_keyuse_each(run, sign_with);
}
