// SPDX-License-Identifier: MIT
#include "evpkey.h"

#include <criterion/criterion.h>
#include <glib.h>
#include <openssl/core_names.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "curve.h"
#include "sslcurve.h"

/* The public point of a new key, as OpenSSL writes it. */
static GBytes *new_point(EVP_PKEY **key, const char *type, const char *curve)
{
    *key = curve ? EVP_PKEY_Q_keygen(NULL, NULL, type, curve) : EVP_PKEY_Q_keygen(NULL, NULL, type);
    cr_assert_not_null(*key);
    unsigned char point[256];
    size_t size = sizeof point;
    if (curve)
        cr_assert(
            EVP_PKEY_get_octet_string_param(*key, OSSL_PKEY_PARAM_PUB_KEY, point, size, &size));
    else
        cr_assert(EVP_PKEY_get_raw_public_key(*key, point, &size));
    return g_bytes_new(point, size);
}

static GBytes *point_in_form(EVP_PKEY *key, const char *form)
{
    unsigned char point[256];
    size_t size = sizeof point;
    cr_assert(
        EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, form));
    cr_assert(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, size, &size));
    return g_bytes_new(point, size);
}

static GBytes *wrap(GBytes *point)
{
    g_autofree guint8 *der = g_malloc(g_bytes_get_size(point) + 3);
    size_t header = 0;
    der[header++] = 0x04;
    if (g_bytes_get_size(point) > 127)
        der[header++] = 0x81;
    der[header++] = (guint8)g_bytes_get_size(point);
    memcpy(der + header, g_bytes_get_data(point, NULL), g_bytes_get_size(point));
    return g_bytes_new(der, header + g_bytes_get_size(point));
}

static void check_point(EVP_PKEY *(*make)(const char *, const void *, size_t), const char *group,
                        EVP_PKEY *key, GBytes *point)
{
    EVP_PKEY *made = make(group, g_bytes_get_data(point, NULL), g_bytes_get_size(point));
    cr_assert_not_null(made);
    cr_assert_eq(EVP_PKEY_eq(made, key), 1);
    EVP_PKEY_free(made);
}

Test(evpkey, points_are_taken_with_and_without_octet_string)
{
    static const char *const curves[] = {"P-256", "P-384", "P-521"};
    static const char *const forms[] = {"compressed", "hybrid"};
    for (size_t i = 0; i < G_N_ELEMENTS(curves); i++) {
        EVP_PKEY *key;
        g_autoptr(GBytes) point = new_point(&key, "EC", curves[i]);
        g_autoptr(GBytes) wrapped = wrap(point);
        check_point(p11d_evpkey_ec, p11d_curve_of_name(curves[i])->openssl, key, point);
        check_point(p11d_evpkey_ec, p11d_curve_of_name(curves[i])->openssl, key, wrapped);
        for (size_t j = 0; j < G_N_ELEMENTS(forms); j++) {
            g_autoptr(GBytes) other = point_in_form(key, forms[j]);
            g_autoptr(GBytes) other_wrapped = wrap(other);
            check_point(p11d_evpkey_ec, p11d_curve_of_name(curves[i])->openssl, key, other);
            check_point(p11d_evpkey_ec, p11d_curve_of_name(curves[i])->openssl, key, other_wrapped);
        }
        cr_assert_str_eq(p11d_evpkey_describe(key).curve, curves[i]);
        EVP_PKEY_free(key);
    }
    static const char *const edwards[] = {"ED25519", "ED448"};
    for (size_t i = 0; i < G_N_ELEMENTS(edwards); i++) {
        EVP_PKEY *key;
        g_autoptr(GBytes) point = new_point(&key, edwards[i], NULL);
        g_autoptr(GBytes) wrapped = wrap(point);
        check_point(p11d_evpkey_edwards, edwards[i], key, point);
        check_point(p11d_evpkey_edwards, edwards[i], key, wrapped);
        cr_assert_eq(p11d_evpkey_describe(key).type, CKK_EC_EDWARDS);
        EVP_PKEY_free(key);
    }
}

Test(evpkey, nonsense_makes_no_key)
{
    static const unsigned char junk[80] = {4, 78, 1};
    for (size_t size = 0; size <= sizeof junk; size++) {
        cr_assert_null(p11d_evpkey_ec("prime256v1", junk, size));
        cr_assert_null(p11d_evpkey_spki(junk, size));
        cr_assert_null(p11d_evpkey_certificate(junk, size));
    }
    cr_assert_null(p11d_evpkey_ec("none", junk, sizeof junk));
    cr_assert_null(p11d_evpkey_rsa(junk, 0, junk, 0));
}

Test(curve, parameters_are_an_oid_or_a_printable_string)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *name;
        unsigned bits;
        size_t coordinate;
    } rows[] = {
        {"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10, "P-256", 256, 32},
        {"\x06\x05\x2b\x81\x04\x00\x23", 7, "P-521", 521, 66},
        {"\x06\x05\x2b\x81\x04\x00\x0a", 7, "secp256k1", 256, 32},
        {"\x06\x03\x2b\x65\x70", 5, "Ed25519", 255, 32},
        {"\x13\x0c"
         "edwards25519",
         14, "Ed25519", 255, 32},
        {"\x13\x0a"
         "edwards448",
         12, "Ed448", 448, 57},
    };
    P11dSslCurve curve;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        cr_assert(p11d_sslcurve_parse(&curve, rows[i].bytes, rows[i].size), "row %zu", i);
        cr_assert_str_eq(curve.name, rows[i].name);
        cr_assert_eq(curve.bits, rows[i].bits);
        cr_assert_eq(curve.coordinate, rows[i].coordinate);
        for (size_t cut = 0; cut < rows[i].size; cut++)
            cr_assert_not(p11d_sslcurve_parse(&curve, rows[i].bytes, cut));
    }
    cr_assert_not(p11d_sslcurve_parse(&curve, "\x06\x03\x2a\x03\x04", 5));
}

/* OpenSSL takes longer to read its configuration than a short list to be made. */
Test(evpkey, curves_of_the_table_are_told_without_the_configuration_of_openssl)
{
    char path[] = "/tmp/p11dbus-test-XXXXXX", event[4096];
    int file = mkstemp(path), watch = inotify_init1(IN_NONBLOCK);
    cr_assert(file >= 0 && watch >= 0 && inotify_add_watch(watch, path, IN_OPEN) >= 0);
    setenv("OPENSSL_CONF", path, 1);
    for (size_t i = 0; i < p11d_curve_count; i++) {
        P11dBytes params = p11d_curve_params(&p11d_curves[i]);
        P11dSslCurve curve;
        P11dAlgorithmKey key = {.type = p11d_curves[i].type};
        p11d_sslcurve_describe_params(params.data, params.size, &key);
        cr_assert_eq(p11d_sslcurve_parse(&curve, params.data, params.size),
                     p11d_curves[i].type != CKK_EC_MONTGOMERY);
    }
    cr_assert_lt(read(watch, event, sizeof event), 0);
    P11dSslCurve other;
    p11d_sslcurve_of_group(&other, "sect163k1");
    cr_assert_gt(read(watch, event, sizeof event), 0, "it would be seen");
    unlink(path);
    close(watch);
    close(file);
}
