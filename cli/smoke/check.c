// SPDX-License-Identifier: MIT
#include "check.h"

#include <string.h>

#include "error-name.h"

static const char *const levels[P11D_CHECK_LEVELS] = {
    [P11D_CHECK_LOAD] = "load",
    [P11D_CHECK_READ] = "read",
    [P11D_CHECK_SIGN] = "sign",
    [P11D_CHECK_WRITE] = "write",
};

static const char *const needs[P11D_CHECK_NEEDS] = {
    [P11D_CHECK_NEEDS_NOTHING] = "nothing",       [P11D_CHECK_NEEDS_MODULE] = "nothing",
    [P11D_CHECK_NEEDS_TOKEN] = "a token",         [P11D_CHECK_NEEDS_LOGIN] = "a token",
    [P11D_CHECK_NEEDS_PRIVATE] = "a private key", [P11D_CHECK_NEEDS_KEY] = "a private key",
};

static const char *const statuses[P11D_CHECK_STATUSES] = {
    [P11D_CHECK_PASS] = "pass", [P11D_CHECK_SKIP] = "skip",   [P11D_CHECK_WARN] = "warn",
    [P11D_CHECK_FAIL] = "fail", [P11D_CHECK_CRASH] = "crash", [P11D_CHECK_HANG] = "hang",
};

static size_t index_of(const char *name, const char *const *names, size_t count)
{
    size_t i = 0;
    while (i < count && strcmp(names[i], name) != 0)
        i++;
    return i;
}

const P11dCheck *p11d_check_find(const char *id)
{
    for (size_t i = 0; i < p11d_check_count; i++)
        if (strcmp(p11d_checks[i].id, id) == 0)
            return &p11d_checks[i];
    return NULL;
}

const char *p11d_check_level_name(P11dCheckLevel level)
{
    return levels[level];
}

const char *p11d_check_status_name(P11dCheckStatus status)
{
    return statuses[status];
}

const char *p11d_check_need_name(P11dCheckNeed need)
{
    return needs[need];
}

P11dCheckLevel p11d_check_parse_level(const char *name)
{
    return (P11dCheckLevel)index_of(name, levels, P11D_CHECK_LEVELS);
}

P11dCheckStatus p11d_check_parse_status(const char *name)
{
    return (P11dCheckStatus)index_of(name, statuses, P11D_CHECK_STATUSES);
}

void p11d_check_tell(P11dCheckRun *run, P11dCheckStatus status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    p11d_journal_add(run->journal, "%s %s", statuses[status], text);
}

void p11d_check_lack(P11dCheckRun *run, P11dFailure kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    p11d_journal_add(run->journal, P11D_CHECK_LACK " %d %s", kind, text);
    p11d_check_tell(run, P11D_CHECK_SKIP, "%s", text);
}

bool p11d_check_ok(P11dCheckRun *run, CK_RV rv, const char *call)
{
    char scratch[P11D_NAME_SIZE];
    if (rv != CKR_OK)
        p11d_check_tell(run, P11D_CHECK_FAIL, "%s: %s", call, p11d_error_ckr(rv, scratch));
    return rv == CKR_OK;
}

bool p11d_check_is_late(const P11dCheckRun *run)
{
    return g_get_monotonic_time() - run->started > run->seconds * (gint64)(G_USEC_PER_SEC / 2);
}
