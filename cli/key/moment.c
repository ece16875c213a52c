// SPDX-License-Identifier: MIT
#include "moment.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

gint64 p11d_moment_utc(const P11dCivil *civil)
{
    /* GLib knows no leap seconds. */
    int leap = civil->second == 60 ? 1 : 0;
    g_autoptr(GDateTime) date = g_date_time_new_utc(
        civil->year, civil->month, civil->day, civil->hour, civil->minute, civil->second - leap);
    return date ? g_date_time_to_unix(date) + leap : P11D_MOMENT_UNKNOWN;
}

/* How far the clock of zone is ahead of UTC at a time by it, summer time left out. */
static gint64 standard_offset(GTimeZone *zone, gint64 local)
{
    int interval = g_time_zone_adjust_time(zone, G_TIME_TYPE_STANDARD, &local);
    if (interval > 0 && g_time_zone_is_dst(zone, interval))
        interval--;
    return g_time_zone_get_offset(zone, interval);
}

gint64 p11d_moment_local(const P11dCivil *civil)
{
    gint64 local = p11d_moment_utc(civil);
    if (local == P11D_MOMENT_UNKNOWN)
        return local;
    g_autoptr(GTimeZone) zone = g_time_zone_new_local();
    return local - standard_offset(zone, local);
}

gint64 p11d_moment_of_asn1(const ASN1_TIME *time)
{
    struct tm tm;
    if (!time || !ASN1_TIME_to_tm(time, &tm))
        return P11D_MOMENT_UNKNOWN;
    const P11dCivil civil = {tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                             tm.tm_hour,        tm.tm_min,     tm.tm_sec};
    return p11d_moment_utc(&civil);
}

gint64 p11d_moment_now(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

gint64 p11d_moment_parse(const char *text)
{
    static const char form[] = "^\\d{4}-\\d\\d-\\d\\d[Tt ]\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?"
                               "([Zz]|[-+][01]\\d:[0-5]\\d|[-+]2[0-3]:[0-5]\\d)$";
    if (!g_regex_match_simple(form, text, G_REGEX_DOLLAR_ENDONLY | G_REGEX_RAW, 0))
        return P11D_MOMENT_UNKNOWN;
    P11dCivil civil = {0};
    int hours = 0, minutes = 0;
    sscanf(text, "%4d-%2d-%2d%*c%2d:%2d:%2d", &civil.year, &civil.month, &civil.day, &civil.hour,
           &civil.minute, &civil.second);
    const char *zone = strpbrk(text + strlen("YYYY-MM-DD"), "+-");
    if (zone)
        sscanf(zone + 1, "%2d:%2d", &hours, &minutes);
    gint64 offset = (hours * 60 + minutes) * 60 * (zone && *zone == '-' ? -1 : 1);
    gint64 moment = p11d_moment_utc(&civil);
    return moment == P11D_MOMENT_UNKNOWN ? moment : moment - offset;
}

/* moment by format, whose fields are those of a P11dCivil in their order. */
static char *format(gint64 moment, const char *separators)
{
    g_autoptr(GDateTime) date =
        moment == P11D_MOMENT_UNKNOWN ? NULL : g_date_time_new_from_unix_utc(moment);
    if (!date)
        return NULL;
    int year, month, day;
    g_date_time_get_ymd(date, &year, &month, &day);
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%04d", year);
    const int rest[] = {month, day, g_date_time_get_hour(date), g_date_time_get_minute(date),
                        g_date_time_get_second(date)};
    for (size_t i = 0; i < G_N_ELEMENTS(rest); i++) {
        if (separators)
            g_string_append_c(text, separators[i]);
        g_string_append_printf(text, "%02d", rest[i]);
    }
    g_string_append_c(text, 'Z');
    return g_string_free(text, FALSE);
}

char *p11d_moment_text(gint64 moment)
{
    char *text = format(moment, "--T::");
    return text ? text : g_strdup("");
}

ASN1_TIME *p11d_moment_asn1(gint64 moment)
{
    g_autofree char *text = format(moment, NULL);
    ASN1_TIME *time = text ? ASN1_TIME_new() : NULL;
    if (time && ASN1_TIME_set_string_X509(time, text))
        return time;
    ASN1_TIME_free(time);
    return NULL;
}
