// SPDX-License-Identifier: MIT
#include "expiry.h"

#include "moment.h"

#define DAY (24 * 60 * 60)
#define NEAR (30 * DAY)

P11dExpiry p11d_expiry_of(gint64 not_before, gint64 not_after, gint64 now)
{
    if (not_after == P11D_MOMENT_UNKNOWN)
        return P11D_EXPIRY_UNKNOWN;
    if (not_after < now)
        return P11D_EXPIRY_PAST;
    if (not_before > now)
        return P11D_EXPIRY_EARLY;
    return not_after - now <= NEAR ? P11D_EXPIRY_NEAR : P11D_EXPIRY_FAR;
}

static char *days_text(gint64 days)
{
    if (days == 0)
        return g_strdup("expires within a day");
    return g_strdup_printf("expires in %d day%s", (int)days, days == 1 ? "" : "s");
}

char *p11d_expiry_text(gint64 not_before, gint64 not_after, gint64 now)
{
    g_autofree char *end = p11d_moment_text(not_after);
    switch (p11d_expiry_of(not_before, not_after, now)) {
    case P11D_EXPIRY_FAR:
        return g_strdup_printf("until %.10s", end);
    case P11D_EXPIRY_NEAR:
        return days_text((not_after - now) / DAY);
    case P11D_EXPIRY_PAST:
        return g_strdup_printf("expired %.10s", end);
    case P11D_EXPIRY_EARLY:
        return g_strdup("not yet valid");
    default:
        return g_strdup("");
    }
}
