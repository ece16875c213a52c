// SPDX-License-Identifier: MIT
#include "uri.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "failure.h"

/* A URI, and a part of what is said of it; "" for one that is taken. */
typedef struct Row {
    char uri[96];
    char said[96];
} Row;

ParameterizedTestParameters(uri, what_the_parser_would_change_is_refused)
{
    static const Row rows[] = {
        {"pkcs11:", ""},
        {"pkcs11:object=my%20key", ""},
        {"pkcs11:token=keys;object=a%0Ab;id=%00%ff;type=private", ""},
        {"pkcs11:token=;serial=;object=;id=", ""},
        {"pkcs11:object=a:[]@!$'()*+,=&b-._~", ""},
        {"pkcs11:object=a?", ""},
        {"pkcs11:?pin-source=file:/run/pin?x", ""},
        {"pkcs11:object=a?pinfile=%7cb", ""},
        {"pkcs11:object-type=cert;object=a", ""},
        {"pkcs11:type=secretkey", ""},
        {"pkcs11:slot-id=18;library-version=2.61;slot-description=a%20b", ""},
        {"pkcs11:token=01234567890123456789012345678901", ""},
        {"pkcs11:token=a%00%00;object=a%00", ""},
        /* What is dropped wherever it stands, or is no character of a URI. */
        {"pkcs11:object=my key",
         "a blank at character 17, in the value of object: it is written %20"},
        {"pkcs11:object=my\tkey",
         "a tab at character 17, in the value of object: it is written %09"},
        {"pkcs11:object=key\n",
         "a newline at character 18, in the value of object: it is written %0a"},
        {"pkcs11:object=\rkey", "a carriage return at character 15"},
        {"pkcs11:object=a\x01", "the control character \\x01 at character 16"},
        {"pkcs11:object=\303\274\303\274 ", "'\303\274' at character 15, in the value of object"},
        {"pkcs11:object=\303\274", "it is written %c3%bc"},
        {"pkcs11:object=a\377", "the byte \\xff at character 16"},
        {"pkcs11:object=a/b", "it is written %2f"},
        {"pkcs11:object=a#b", "it is written %23"},
        {"pkcs11:object=a\"b", "it is written %22"},
        {"pkcs11:token=a; object=b", "a blank at character 16, in the name of an attribute"},
        {"pkcs11:token=a;obj%65ct=b", "'%' at character 19, in the name of an attribute"},
        {"pkcs11:object=a?pin-source=file:/my pin",
         "in the value of pin-source: it is written %20"},
        {"pkcs11:object=a?pin-source=a;b", "in the value of pin-source: it is written %3b"},
        /* Escapes. */
        {"pkcs11:object=%", "'%' at character 15, in the value of object, without two hex digits"},
        {"pkcs11:object=%2", "without two hex digits"},
        {"pkcs11:object=%2;id=%01", "without two hex digits"},
        {"pkcs11:object=%zz", "without two hex digits"},
        {"pkcs11:object=% 20", "without two hex digits"},
        /* The scheme. */
        {"rsa", "does not begin with pkcs11:"},
        {"", "does not begin with pkcs11:"},
        {"pkcs11", "does not begin with pkcs11:"},
        {"pkcs11x:object=a", "does not begin with pkcs11:"},
        {"PKCS11:object=a", "in lower case"},
        {" pkcs11:object=a", "with nothing before it"},
        {"\npkcs11:object=a", "with nothing before it"},
        /* Attributes. */
        {"pkcs11:object=a;object=a", "object twice"},
        {"pkcs11:token=a;object=b;token=c", "token twice"},
        {"pkcs11:type=cert;object-type=private", "type twice"},
        {"pkcs11:?pin-source=a&pinfile=b", "pin-source twice"},
        {"pkcs11:object", "attribute 1 of the URI's path is not NAME=VALUE"},
        {"pkcs11:token=a;b;object=c", "attribute 2 of the URI's path is not NAME=VALUE"},
        {"pkcs11:=a", "is not NAME=VALUE"},
        {"pkcs11:?a", "attribute 1 of the URI's query, behind the '?', is not NAME=VALUE"},
        {"pkcs11:object=a;", "an empty attribute at character 17"},
        {"pkcs11:;object=a", "an empty attribute at character 8"},
        {"pkcs11:object=a;;id=%01", "an empty attribute at character 17"},
        {"pkcs11:?pin-source=a&", "an empty attribute"},
        {"pkcs11:objct=a", "the URI's attribute objct is not understood"},
        {"pkcs11:Object=a", "the URI's attribute Object is not understood"},
        {"pkcs11:object=a?x-vendor=1", "the URI's attribute x-vendor is not understood"},
        {"pkcs11:object=a?object=b", "object belongs before the '?'"},
        {"pkcs11:object=a;pin-source=b", "pin-source belongs behind the '?'"},
        {"pkcs11:object=a&token=b", "token stands in the value of object"},
        {"pkcs11:?pin-source=a?object=b", "object stands in the value of pin-source"},
        {"pkcs11:object=a?module-name=b", "a module is not loaded because a URI says so"},
        {"pkcs11:module-path=/b", "a module is not loaded because a URI says so"},
        /* Values. */
        {"pkcs11:type=Private", "type is not understood"},
        {"pkcs11:type=", "type is not understood"},
        {"pkcs11:type=cer%74", "type is not understood"},
        {"pkcs11:slot-id=", "slot-id takes a decimal number"},
        {"pkcs11:slot-id=0x1", "slot-id takes a decimal number"},
        {"pkcs11:slot-id=-1", "slot-id takes a decimal number"},
        {"pkcs11:slot-id=+1", "slot-id takes a decimal number"},
        {"pkcs11:slot-id=%31", "slot-id takes a decimal number"},
        {"pkcs11:slot-id=18446744073709551617", "slot-id takes a decimal number"},
        {"pkcs11:library-version=4294967297.0", "library-version takes"},
        {"pkcs11:library-version=2.", "library-version takes"},
        {"pkcs11:library-version=2.255", "library-version takes"},
        {"pkcs11:token=keys%20", "token ends with a blank"},
        {"pkcs11:serial=%20", "serial ends with a blank"},
        {"pkcs11:token=%00", "token begins with %00"},
        {"pkcs11:token=012345678901234567890123456789012", "token is longer than the 32 bytes"},
        {"pkcs11:model=%2901234567890123456", "model is longer than the 16 bytes"},
        {"pkcs11:?pin-source=", "pin-source is empty"},
        {"pkcs11:?pin-source=file:/a%00b", "pin-source has %00"},
    };
    Row *parameters = cr_malloc(sizeof rows);
    memcpy(parameters, rows, sizeof rows);
    return cr_make_param_array(Row, parameters, G_N_ELEMENTS(rows));
}

ParameterizedTest(Row *row, uri, what_the_parser_would_change_is_refused)
{
    g_autoptr(GError) error = NULL;
    gboolean taken = p11d_uri_check(row->uri, &error);
    cr_assert_eq(taken, *row->said == '\0', "%s: %s", row->uri, error ? error->message : "taken");
    if (taken)
        return;
    cr_assert(g_error_matches(error, P11D_FAILURE, P11D_FAILURE_USAGE));
    cr_assert(strstr(error->message, row->said), "%s: %s", row->uri, error->message);
    cr_assert_not_null(p11d_failure_hint(error));
}

typedef struct Leak {
    char uri[96];
} Leak;

/* However a PIN got into a URI, and whatever else is wrong with that: 97531 is in no message. */
ParameterizedTestParameters(uri, a_pin_is_in_no_message)
{
    static const Leak rows[] = {
        {"pkcs11:object=a?pin-value=97531"},
        {"pkcs11:object=a?pin-value=9 97531"},
        {"pkcs11:object=a?pin-value=9&97531=1"},
        {"pkcs11:object=a?pin-value=9&97531"},
        {"pkcs11:object=a;pin-value=97531"},
        {"pkcs11:pin-value=9;97531"},
        {"pkcs11:object=a b?pin-value=97531"},
        {"pkcs11:object=a?PIN-Value=97531"},
        {"pkcs11:object=a? pin-value =97531"},
        {"pkcs11:object=a?pin-value=97531\377"},
        {"pkcs11:object=a?pin-value=%zz97531"},
        {"pkcs11:object=a&pin-value=97531"},
        {"pkcs11:object=a?pin-valeu=97531"},
        {"pkcs11:object=a?pin=97531"},
        {"pkcs11:object=a?pin-value:97531"},
        {"pkcs11:object=a?pin-value-97531=1"},
        {"pkcs11:object=a?97531"},
        {"pkcs11:object=a?pin-value 97531"},
        {"PKCS11:object=a?pin-value=97531"},
        {" pkcs11:?pin-value=97531"},
        {"pin-value=97531"},
        {"pkcs11:object=a?pin-source=97 531"},
        {"pkcs11:object=a?pin-source=97531%00"},
        {"pkcs11:object=a#?pin-value=97531"},
    };
    Leak *parameters = cr_malloc(sizeof rows);
    memcpy(parameters, rows, sizeof rows);
    return cr_make_param_array(Leak, parameters, G_N_ELEMENTS(rows));
}

ParameterizedTest(Leak *row, uri, a_pin_is_in_no_message)
{
    g_autoptr(GError) error = NULL;
    cr_assert_not(p11d_uri_check(row->uri, &error), "%s", row->uri);
    const char *hint = p11d_failure_hint(error);
    cr_assert_null(strstr(error->message, "531"), "%s", error->message);
    cr_assert(!hint || !strstr(hint, "531"), "%s", hint);
}

Test(uri, what_is_meant_is_said_beside_it)
{
    static const char *const rows[][2] = {
        {"pkcs11:objct=a", "did you mean object?"},
        {"pkcs11:seril=a", "did you mean serial?"},
        {"pkcs11:type=privat", "did you mean type=private?"},
        {"pkcs11:object=a?pin-sorce=b", "did you mean pin-source?"},
        {"pkcs11:object=my \303\274", "write object=my%20%c3%bc"},
        {"pkcs11:object=a%2fb c%", "write object=a%2fb%20c%25"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        cr_assert_not(p11d_uri_check(rows[i][0], &error));
        cr_assert(strstr(p11d_failure_hint(error), rows[i][1]), "%s", p11d_failure_hint(error));
    }
    g_autoptr(GError) far = NULL;
    cr_assert_not(p11d_uri_check("pkcs11:type=nonsense", &far));
    cr_assert_null(strstr(p11d_failure_hint(far), "did you mean"));
}

Test(uri, a_wrong_one_is_one_all_the_same)
{
    cr_assert(p11d_uri_is("pkcs11:"));
    cr_assert(p11d_uri_is("PKCS11:object=a b"));
    cr_assert(p11d_uri_is(" \n\tpkcs11:object=a"));
    cr_assert_not(p11d_uri_is("./pkcs11:object=a"));
    cr_assert_not(p11d_uri_is("pkcs11.pem"));
    cr_assert_not(p11d_uri_is(""));
}
