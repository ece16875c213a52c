// SPDX-License-Identifier: MIT
#include "handles.h"

/* Any error will do; success does not. */
static void must_fail(P11dCheckRun *run, CK_RV rv, const char *call, const char *what)
{
    if (rv == CKR_OK)
        p11d_check_tell(run, P11D_CHECK_FAIL, "%s answers CKR_OK to %s", call, what);
}

static void use_session(P11dCheckRun *run, CK_SESSION_HANDLE session, const char *what)
{
    CK_FUNCTION_LIST *functions = run->token->functions;
    CK_SESSION_INFO info;
    CK_OBJECT_HANDLE object;
    CK_ULONG count = 0;
    must_fail(run, functions->C_GetSessionInfo(session, &info), "C_GetSessionInfo", what);
    must_fail(run, functions->C_FindObjectsInit(session, NULL, 0), "C_FindObjectsInit", what);
    must_fail(run, functions->C_FindObjects(session, &object, 1, &count), "C_FindObjects", what);
    must_fail(run, functions->C_CloseSession(session), "C_CloseSession", what);
}

void p11d_handles_sessions(P11dCheckRun *run)
{
    CK_FUNCTION_LIST *functions = run->token->functions;
    CK_SESSION_HANDLE session;
    CK_RV rv = functions->C_OpenSession(run->token->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (rv == CKR_SESSION_COUNT) { /* a device for one */
        p11d_check_tell(run, P11D_CHECK_SKIP, "the token has no session left to be closed");
        return;
    }
    if (!p11d_check_ok(run, rv, "C_OpenSession") ||
        !p11d_check_ok(run, functions->C_CloseSession(session), "C_CloseSession"))
        return;
    use_session(run, session, "a session that was closed");
    use_session(run, 0, "session 0");
    use_session(run, (CK_SESSION_HANDLE)-1, "a session that never was");
    session += session + 4096 == run->token->session ? 4097 : 4096;
    use_session(run, session, "a session that never was");
    if (p11d_check_ok(run, functions->C_CloseAllSessions(run->token->slot), "C_CloseAllSessions"))
        use_session(run, run->token->session, "a session that C_CloseAllSessions closed");
}

static void use_object(P11dCheckRun *run, CK_OBJECT_HANDLE object, const char *what)
{
    CK_FUNCTION_LIST *functions = run->token->functions;
    CK_SESSION_HANDLE session = run->token->session;
    CK_OBJECT_CLASS class;
    CK_ATTRIBUTE attribute = {CKA_CLASS, &class, sizeof class};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
    must_fail(run, functions->C_GetAttributeValue(session, object, &attribute, 1),
              "C_GetAttributeValue", what);
    must_fail(run, functions->C_SignInit(session, &mechanism, object), "C_SignInit", what);
}

/* A handle that none of the token's objects has; 0 if that cannot be known. */
static CK_OBJECT_HANDLE unused_handle(P11dCheckRun *run, CK_OBJECT_HANDLE wanted)
{
    g_autoptr(GPtrArray) items = p11d_item_array();
    if (!p11d_item_find(run->token, NULL, 0, items, NULL))
        return CK_INVALID_HANDLE;
    for (guint i = 0; i < items->len; i++)
        if (((const P11dItem *)items->pdata[i])->handle == wanted) {
            wanted++;
            i = (guint)-1;
        }
    return wanted;
}

void p11d_handles_objects(P11dCheckRun *run)
{
    use_object(run, CK_INVALID_HANDLE, "object 0");
    use_object(run, (CK_OBJECT_HANDLE)-1, "an object that never was");
    use_object(run, unused_handle(run, 65521), "an object that never was");
}

void p11d_handles_destroyed(P11dCheckRun *run)
{
    CK_FUNCTION_LIST *functions = run->token->functions;
    CK_SESSION_HANDLE session = run->token->session;
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL no = CK_FALSE;
    static char label[] = "p11dbus smoke", value[] = "to be destroyed at once";
    CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &class, sizeof class},
                                 {CKA_TOKEN, &no, sizeof no},
                                 {CKA_PRIVATE, &no, sizeof no},
                                 {CKA_LABEL, label, sizeof label - 1},
                                 {CKA_VALUE, value, sizeof value - 1}};
    CK_OBJECT_HANDLE object;
    CK_RV rv = functions->C_CreateObject(session, attributes, G_N_ELEMENTS(attributes), &object);
    if (rv != CKR_OK) {
        p11d_check_tell(run, P11D_CHECK_SKIP, "the token takes no session object");
        return;
    }
    if (!p11d_check_ok(run, functions->C_DestroyObject(session, object), "C_DestroyObject"))
        return;
    use_object(run, object, "an object that was destroyed");
    must_fail(run, functions->C_DestroyObject(session, object), "C_DestroyObject",
              "an object that was destroyed");
}
