// SPDX-License-Identifier: MIT
#include "sshkey.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <string.h>

#include "sshwire.h"

static const struct {
    const char *algorithm;
    const char *curve;
    const char *type; /* NULL: SSH has no form for it */
} rows[] = {
    {"RSA", NULL, "ssh-rsa"},
    {"EC", "P-256", "ecdsa-sha2-nistp256"},
    {"EC", "P-384", "ecdsa-sha2-nistp384"},
    {"EC", "P-521", "ecdsa-sha2-nistp521"},
    {"ED25519", NULL, "ssh-ed25519"},
    {"ED448", NULL, NULL},
    {"EC", "secp256k1", NULL},
    {"X25519", NULL, NULL},
};

static EVP_PKEY *new_key(size_t row)
{
    EVP_PKEY *key = NULL;
    if (rows[row].curve)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", rows[row].curve);
    else if (strcmp(rows[row].algorithm, "RSA") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    else
        key = EVP_PKEY_Q_keygen(NULL, NULL, rows[row].algorithm);
    cr_assert_not_null(key, "row %zu", row);
    return key;
}

Test(sshkey, keys_are_the_same_after_writing_and_reading)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        EVP_PKEY *key = new_key(i);
        g_autoptr(GBytes) blob = p11d_sshkey_blob(key);
        cr_assert_eq(g_strcmp0(p11d_sshkey_type(key), rows[i].type), 0, "row %zu", i);
        cr_assert_eq(blob != NULL, rows[i].type != NULL, "row %zu", i);
        if (blob) {
            gsize size;
            const void *data = g_bytes_get_data(blob, &size);
            EVP_PKEY *again = p11d_sshkey_parse(data, size);
            cr_assert_not_null(again, "row %zu", i);
            cr_assert_eq(EVP_PKEY_eq(again, key), 1, "row %zu", i);
            EVP_PKEY_free(again);
        }
        EVP_PKEY_free(key);
    }
}

/* The words of the public key file that ssh-keygen makes of a new key. */
static char **new_key_of_ssh_keygen(const char *type, const char *bits)
{
    g_autofree char *directory = g_dir_make_tmp("p11dbus-sshkey-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "key", NULL);
    g_autofree char *public_path = g_strconcat(path, ".pub", NULL);
    const char *command[] = {"ssh-keygen", "-q", "-t", type, "-b", bits,
                             "-N",         "",   "-f", path, NULL};
    g_autofree char *text = NULL;
    int status = -1;
    g_spawn_sync(NULL, (char **)command, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                 NULL);
    cr_assert_eq(status, 0, "is ssh-keygen installed?");
    cr_assert(g_file_get_contents(public_path, &text, NULL, NULL));
    g_unlink(path);
    g_unlink(public_path);
    g_rmdir(directory);
    return g_strsplit(text, " ", 3);
}

Test(sshkey, keys_of_ssh_keygen_are_read_and_written_as_they_were)
{
    static const char *const made[][2] = {
        {"rsa", "2048"}, {"ecdsa", "256"}, {"ecdsa", "384"}, {"ecdsa", "521"}, {"ed25519", "256"}};
    for (size_t i = 0; i < G_N_ELEMENTS(made); i++) {
        g_auto(GStrv) words = new_key_of_ssh_keygen(made[i][0], made[i][1]);
        gsize size;
        g_autofree guint8 *theirs = g_base64_decode(words[1], &size);
        EVP_PKEY *key = p11d_sshkey_parse(theirs, size);
        cr_assert_not_null(key, "%s", words[0]);
        cr_assert_str_eq(p11d_sshkey_type(key), words[0]);
        g_autoptr(GBytes) ours = p11d_sshkey_blob(key);
        cr_assert_eq(g_bytes_get_size(ours), size);
        cr_assert_arr_eq(g_bytes_get_data(ours, NULL), theirs, size);
        EVP_PKEY_free(key);
    }
}

Test(sshkey, cut_off_or_longer_blobs_are_malformed)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows) && rows[i].type; i++) {
        EVP_PKEY *key = new_key(i);
        g_autoptr(GBytes) blob = p11d_sshkey_blob(key);
        gsize size;
        const guint8 *data = g_bytes_get_data(blob, &size);
        for (gsize cut = 0; cut < size; cut++) {
            g_autofree guint8 *copy = g_memdup2(data, cut);
            cr_assert_null(p11d_sshkey_parse(copy, cut), "row %zu, %zu bytes", i, cut);
        }
        g_autofree guint8 *longer = g_malloc0(size + 1);
        memcpy(longer, data, size);
        cr_assert_null(p11d_sshkey_parse(longer, size + 1), "row %zu", i);
        EVP_PKEY_free(key);
    }
}

Test(sshkey, a_point_that_came_compressed_is_written_whole)
{
    EVP_PKEY *key = new_key(1);
    g_autoptr(GBytes) blob = p11d_sshkey_blob(key);
    cr_assert(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                             OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED));
    g_autoptr(GBytes) again = p11d_sshkey_blob(key);
    cr_assert(again && g_bytes_equal(blob, again));
    EVP_PKEY_free(key);
}

/* OpenSSH takes no other form of a point (RFC 5656, section 3.1, lets it). */
Test(sshkey, a_hybrid_point_is_malformed)
{
    EVP_PKEY *key = new_key(1);
    g_autoptr(GBytes) blob = p11d_sshkey_blob(key);
    gsize size = g_bytes_get_size(blob);
    g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(blob, NULL), size);
    cr_assert_eq(copy[size - 65], POINT_CONVERSION_UNCOMPRESSED);
    copy[size - 65] = (guint8)(POINT_CONVERSION_HYBRID + (copy[size - 1] & 1));
    cr_assert_null(p11d_sshkey_parse(copy, size));
    EVP_PKEY_free(key);
}

Test(sshkey, types_that_are_not_read_are_told_from_nonsense)
{
    static const char *const foreign[] = {"ssh-dss",
                                          "ssh-ed448",
                                          "sk-ssh-ed25519@openssh.com",
                                          "ssh-rsa-cert-v01@openssh.com",
                                          "ecdsa-sha2-1.3.132.0.10",
                                          "ecdsa-sha2-nistk163"};
    static const char *const others[] = {"ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp521", "",
                                         "nonsense"};
    for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++)
        cr_assert(p11d_sshkey_is_foreign(foreign[i]), "%s", foreign[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        cr_assert_not(p11d_sshkey_is_foreign(others[i]), "%s", others[i]);
}

/* A blob of a type and two strings, one of them perhaps left out. */
static EVP_PKEY *parse(const char *type, const void *first, gsize first_size, const void *second,
                       gsize second_size)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    p11d_sshwire_put_string(out, type, strlen(type));
    p11d_sshwire_put_string(out, first, first_size);
    if (second)
        p11d_sshwire_put_string(out, second, second_size);
    return p11d_sshkey_parse(out->data, out->len);
}

Test(sshkey, numbers_that_are_none_make_no_key)
{
    guint8 modulus[257] = {0, 0x80, [256] = 1};
    static const guint8 exponent[] = {1, 0, 1};
    EVP_PKEY *key = parse("ssh-rsa", exponent, 3, modulus, sizeof modulus);
    cr_assert_not_null(key);
    EVP_PKEY_free(key);
    cr_assert_null(parse("ssh-rsa", exponent, 3, modulus + 1, 256)); /* negative */
    cr_assert_null(parse("ssh-rsa", exponent, 3, "", 0));
    cr_assert_null(parse("ssh-rsa", "", 0, modulus, sizeof modulus));
    cr_assert_null(parse("ssh-dss", exponent, 3, modulus, sizeof modulus));

    guint8 point[65] = {4, [64] = 1}; /* not on the curve */
    cr_assert_null(parse("ecdsa-sha2-nistp256", "nistp256", 8, point, sizeof point));
    cr_assert_null(parse("ecdsa-sha2-nistp256", "nistp384", 8, point, sizeof point));
    cr_assert_null(parse("ssh-ed25519", point, 31, NULL, 0));
    cr_assert_null(parse("ssh-ed25519", point, 33, NULL, 0));
}

Test(sshkey, the_curve_is_that_of_the_type)
{
    EVP_PKEY *key = new_key(1);
    g_autoptr(GBytes) blob = p11d_sshkey_blob(key);
    gsize size;
    g_autofree char *copy = g_memdup2(g_bytes_get_data(blob, &size), g_bytes_get_size(blob));
    size = g_bytes_get_size(blob);
    char *word = copy + 4 + strlen("ecdsa-sha2-nistp256") + 4;
    cr_assert_eq(memcmp(word, "nistp256", 8), 0);
    memcpy(word, "nistp384", 8);
    cr_assert_null(p11d_sshkey_parse(copy, size));
    EVP_PKEY_free(key);
}
