// SPDX-License-Identifier: MIT
#include "glob.h"

#include "failure.h"

bool p11d_glob_matches_any(char **globs, const char *name)
{
    for (; globs && *globs; globs++)
        if (g_pattern_match_simple(*globs, name))
            return true;
    return false;
}

bool p11d_glob_has_match(const char *glob, P11dGlobName *name)
{
    for (size_t i = 0; name(i); i++)
        if (g_pattern_match_simple(glob, name(i)))
            return true;
    return false;
}

gboolean p11d_glob_check(const char *option, char **globs, P11dGlobName *name, const char *what,
                         const char *hint, GError **error)
{
    for (; globs && *globs; globs++) {
        if (p11d_glob_has_match(*globs, name))
            continue;
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "--%s %s matches no %s", option, *globs,
                         what);
        return FALSE;
    }
    return TRUE;
}
