// SPDX-License-Identifier: MIT
#include "moment.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *asn1; /* 13 characters: UTCTime */
    gint64 moment;
    const char *text;
} rows[] = {
    {"700101000000Z", 0, "1970-01-01T00:00:00Z"},
    {"500101000000Z", -631152000, "1950-01-01T00:00:00Z"},
    {"491231235959Z", INT64_C(2524607999), "2049-12-31T23:59:59Z"},
    {"380119031407Z", INT32_MAX, "2038-01-19T03:14:07Z"},
    {"380119031408Z", INT64_C(2147483648), "2038-01-19T03:14:08Z"},
    {"19000101000000Z", -INT64_C(2208988800), "1900-01-01T00:00:00Z"},
    {"19011213204551Z", -INT64_C(2147483649), "1901-12-13T20:45:51Z"},
    {"20000229120000Z", 951825600, "2000-02-29T12:00:00Z"},
    {"20500101000000Z", INT64_C(2524608000), "2050-01-01T00:00:00Z"},
    {"21060207062816Z", INT64_C(4294967296), "2106-02-07T06:28:16Z"},
    {"99991231235959Z", INT64_C(253402300799), "9999-12-31T23:59:59Z"},
    {"00010101000000Z", -INT64_C(62135596800), "0001-01-01T00:00:00Z"},
};

static ASN1_TIME *new_time(const char *text)
{
    ASN1_TIME *time =
        ASN1_STRING_type_new(strlen(text) < 15 ? V_ASN1_UTCTIME : V_ASN1_GENERALIZEDTIME);
    ASN1_STRING_set(time, text, -1);
    return time;
}

Test(moment, times_of_x509_are_read_and_written)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        ASN1_TIME *time = new_time(rows[i].asn1);
        cr_assert_eq(p11d_moment_of_asn1(time), rows[i].moment, "%s", rows[i].asn1);
        ASN1_TIME_free(time);
        g_autofree char *text = p11d_moment_text(rows[i].moment);
        cr_assert_str_eq(text, rows[i].text);
        time = p11d_moment_asn1(rows[i].moment);
        cr_assert_not_null(time);
        cr_assert_eq(p11d_moment_of_asn1(time), rows[i].moment, "%s", rows[i].asn1);
        bool in_two_digits = rows[i].moment >= -631152000 && rows[i].moment < INT64_C(2524608000);
        cr_assert_eq(ASN1_STRING_type(time),
                     in_two_digits ? V_ASN1_UTCTIME : V_ASN1_GENERALIZEDTIME);
        ASN1_TIME_free(time);
    }
}

Test(moment, times_that_there_are_not_are_unknown)
{
    static const char *const none[] = {
        "",
        "Z",
        "380230000000Z",
        "381301000000Z",
        "380001000000Z",
        "380101240000Z",
        "380101006000Z",
        "20380230000000Z",
        "20370229000000Z",
        "21000229000000Z",
        "00000101000000Z",
        "20380101000000",
        "2038010100000Z",
        "x0380101000000Z",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(none); i++) {
        ASN1_TIME *time = new_time(none[i]);
        cr_assert_eq(p11d_moment_of_asn1(time), P11D_MOMENT_UNKNOWN, "%s", none[i]);
        ASN1_TIME_free(time);
    }
    cr_assert_eq(p11d_moment_of_asn1(NULL), P11D_MOMENT_UNKNOWN);
    cr_assert_null(p11d_moment_asn1(P11D_MOMENT_UNKNOWN));
    g_autofree char *text = p11d_moment_text(P11D_MOMENT_UNKNOWN);
    cr_assert_str_eq(text, "");
    static const P11dCivil wrong[] = {{2038, 2, 30, 0, 0, 0}, {2038, 0, 1, 0, 0, 0},
                                      {2038, 1, 1, 24, 0, 0}, {2038, 1, 1, 0, 0, 61},
                                      {0, 1, 1, 0, 0, 0},     {10000, 1, 1, 0, 0, 0},
                                      {2038, 1, 1, 0, 0, -1}};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        cr_assert_eq(p11d_moment_utc(&wrong[i]), P11D_MOMENT_UNKNOWN, "row %zu", i);
        cr_assert_eq(p11d_moment_local(&wrong[i]), P11D_MOMENT_UNKNOWN, "row %zu", i);
    }
}

Test(moment, times_of_rfc_3339_are_read)
{
    static const struct {
        const char *text;
        gint64 moment;
    } written[] = {
        {"2000-02-29T12:00:00Z", 951825600},           {"2000-02-29t12:00:00z", 951825600},
        {"2000-02-29 12:00:00Z", 951825600},           {"2000-02-29T12:00:00.999Z", 951825600},
        {"2000-02-29T12:00:00-00:00", 951825600},      {"2000-02-29T13:30:00+01:30", 951825600},
        {"2000-02-28T22:00:00-14:00", 951825600},      {"2016-12-31T23:59:60Z", 1483228800},
        {"2106-02-07T06:28:16Z", INT64_C(4294967296)}, {"1969-12-31T23:59:59Z", -1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(written); i++)
        cr_assert_eq(p11d_moment_parse(written[i].text), written[i].moment, "%s", written[i].text);
    static const char *const none[] = {
        "",
        "now",
        "20000229",
        "2000-02-29",
        "2000-02-29T12:00:00",
        "2000-02-29T12:00Z",
        "2000-02-30T12:00:00Z",
        "2000-13-01T12:00:00Z",
        "2000-01-01T24:00:00Z",
        "2000-01-01T12:00:61Z",
        "2000-01-01T12:00:00+24:00",
        "2000-01-01T12:00:00+01:60",
        "2000-01-01T12:00:00+0100",
        "2000-01-01T12:00:00.Z",
        " 2000-01-01T12:00:00Z",
        "2000-01-01T12:00:00Z ",
        "2000-01-01T12:00:00Z\n",
        "\xff",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(none); i++)
        cr_assert_eq(p11d_moment_parse(none[i]), P11D_MOMENT_UNKNOWN, "%s", none[i]);
}

Test(moment, a_leap_second_is_the_next_second)
{
    const P11dCivil leap = {2016, 12, 31, 23, 59, 60};
    cr_assert_eq(p11d_moment_utc(&leap), 1483228800);
}

/* What mktime says, where time_t holds it. */
static void check_local(int year)
{
    for (int month = 1; month <= 12; month++)
        for (int hour = 0; hour < 24; hour += 5) {
            P11dCivil civil = {year, month, 13, hour, 59, 1};
            struct tm tm = {.tm_year = year - 1900,
                            .tm_mon = month - 1,
                            .tm_mday = 13,
                            .tm_hour = hour,
                            .tm_min = 59,
                            .tm_sec = 1};
            time_t expected = mktime(&tm);
            cr_assert_eq(p11d_moment_local(&civil), (gint64)expected, "%s %d-%d %d", getenv("TZ"),
                         year, month, hour);
        }
}

Test(moment, local_times_are_those_of_the_clock_without_summer_time)
{
    static const char *const zones[] = {"UTC",           "Europe/Berlin",    "America/New_York",
                                        "Asia/Kolkata",  "Australia/Sydney", "America/Sao_Paulo",
                                        "Asia/Katmandu", "Pacific/Auckland"};
    static const int years[] = {1997, 2011, 2026, 2037};
    for (size_t i = 0; i < G_N_ELEMENTS(zones); i++) {
        setenv("TZ", zones[i], 1);
        tzset();
        for (size_t j = 0; j < G_N_ELEMENTS(years); j++)
            check_local(years[j]);
        if (sizeof(time_t) == 8)
            check_local(2050);
        const P11dCivil late = {2050, 7, 1, 12, 0, 0};
        cr_assert_lt(ABS(p11d_moment_local(&late) - INT64_C(2540289600)), 15 * 3600, "%s",
                     zones[i]);
    }
}
