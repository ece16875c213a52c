// SPDX-License-Identifier: MIT
#include "checksums.h"

#include <criterion/criterion.h>
#include <openssl/crypto.h>
#include <string.h>

#include "failure.h"

#define HEX8 "0123abCD"
#define HEX28 HEX8 HEX8 HEX8 HEX8 HEX8 HEX8 HEX8
#define HEX32 HEX28 HEX8
#define HEX48 HEX32 HEX8 HEX8 HEX8 HEX8
#define HEX64 HEX32 HEX32
#define OTHER32                                                                                    \
    "f"                                                                                            \
    "123abCD" HEX28

static GPtrArray *parse(const char *text, gsize size, GError **error)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, size);
    GPtrArray *checksums = p11d_checksums_parse(bytes, "LIST", error);
    return checksums;
}

/* Lists of one file. */
static const struct {
    const char *list;
    const char *name;
    const char *algorithm;
} good[] = {
    {HEX32 "  a\n", "a", "sha256"},
    {HEX32 "  a", "a", "sha256"},
    {HEX32 " *a\r\n", "a", "sha256"},
    {HEX32 " a b\n", "a b", "sha256"},
    {HEX32 "   a b \n", " a b ", "sha256"},
    {HEX32 "  ./a//b/./c\n", "a/b/c", "sha256"},
    {HEX32 "  a\\nb\n", "a\\nb", "sha256"},
    {"\\" HEX32 "  a\\nb\\\\c\\r\n", "a\nb\\c\r", "sha256"},
    {"\\" HEX32 " *\\\\\n", "\\", "sha256"},
    {HEX32 "  /a\n", "/a", "sha256"},
    {HEX32 "  ../a\n", "../a", "sha256"},
    {HEX32 "  (a) = " HEX32 "\n", "(a) = " HEX32, "sha256"},
    {HEX28 "  a\n", "a", "sha224"},
    {HEX48 "  a\n", "a", "sha384"},
    {HEX64 "  a\n", "a", "sha512"},
    {"SHA256 (a) = " HEX32 "\n", "a", "sha256"},
    {"SHA256 (a b) = c) = " HEX32 "\r\n", "a b) = c", "sha256"},
    {"SHA256(a)= " HEX32 "\n", "a", "sha256"},
    {"SHA2-256(a)= " HEX32 "\n", "a", "sha256"},
    {"\\SHA256 (a\\nb) = " HEX32 "\n", "a\nb", "sha256"},
    {"SHA512/256 (a) = " HEX32 "\n", "a", "sha512-256"},
    {"SHA3-256(a)= " HEX32 "\n", "a", "sha3-256"},
    {"SHA384 (a) = " HEX48 "\n", "a", "sha384"},
    {"SHA512 (a) = " HEX64 "\n", "a", "sha512"},
    {"BLAKE2b (a) = " HEX64 "\n", "a", "blake2b-512"},
    {"BLAKE2B-512(a)= " HEX64 "\n", "a", "blake2b-512"},
    {"# comment\n\n\r\n" HEX32 "  a\n#", "a", "sha256"},
    {HEX32 "  a\n" HEX32 " *./a\n", "a", "sha256"},
};

Test(checksums, lists_of_one_file)
{
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) checksums = parse(good[i].list, strlen(good[i].list), &error);
        cr_assert(checksums, "row %zu: %s", i, error ? error->message : "");
        cr_assert_eq(checksums->len, 1, "row %zu", i);
        const P11dChecksum *checksum = checksums->pdata[0];
        g_autofree char *algorithm = p11d_checksum_algorithm(checksum);
        cr_assert_str_eq(checksum->name, good[i].name, "row %zu: %s", i, checksum->name);
        cr_assert_str_eq(algorithm, good[i].algorithm, "row %zu: %s", i, algorithm);
        for (gsize j = 0; j < checksum->size; j++)
            cr_assert_eq(checksum->digest[j], ((const guint8[]){0x01, 0x23, 0xab, 0xcd})[j % 4]);
    }
}

/* Lists that are refused, and what is said of them. */
static const struct {
    const char *list;
    P11dFailure kind;
    const char *why;
} bad[] = {
    {"", P11D_FAILURE_FILE, "LIST lists no file"},
    {"# " HEX32 "  a\n", P11D_FAILURE_FILE, "lists no file"},
    {HEX32 "  a\nnonsense\n", P11D_FAILURE_FILE, "LIST, line 2: this is not a digest"},
    {"-----BEGIN PGP SIGNED MESSAGE-----\n" HEX32 "  a\n", P11D_FAILURE_FILE, "line 1: "},
    {HEX32 "\n", P11D_FAILURE_FILE, "line 1: this is not a digest"},
    {HEX32 " \n", P11D_FAILURE_FILE, "line 1: this is not a digest"},
    {HEX32 "  \n", P11D_FAILURE_FILE, "line 1: this is not the name of a file"},
    {HEX32 " *\n", P11D_FAILURE_FILE, "line 1: this is not the name of a file"},
    {HEX32 "\ta\n", P11D_FAILURE_FILE, "this is not a digest"},
    {" " HEX32 "  a\n", P11D_FAILURE_FILE, "this is not a digest"},
    {"abcd  a\n", P11D_FAILURE_FILE, "the length of none"},
    {HEX32 "0  a\n", P11D_FAILURE_FILE, "the length of none"},
    {HEX32 HEX32 "00  a\n", P11D_FAILURE_FILE, "the length of none"},
    {HEX32 "g  a\n", P11D_FAILURE_FILE, "this is not a digest"},
    {HEX32 "  a/\n", P11D_FAILURE_FILE, "not the name of a file"},
    {HEX32 "  .\n", P11D_FAILURE_FILE, "not the name of a file"},
    {"\\" HEX32 "  a\\x\n", P11D_FAILURE_FILE, "a \\ stands before"},
    {"\\" HEX32 "  a\\\n", P11D_FAILURE_FILE, "a \\ stands before"},
    {"SHA256 (a) = " HEX28 "\n", P11D_FAILURE_FILE, "not the length"},
    {"SHA256 (a) = \n", P11D_FAILURE_FILE, "not the length"},
    {"SHA256 (a) = " HEX32 "x\n", P11D_FAILURE_FILE, "this is not a digest"},
    {"SHA256 () = " HEX32 "\n", P11D_FAILURE_FILE, "not the name of a file"},
    {"SHA256 ( = " HEX32 "\n", P11D_FAILURE_FILE, "this is not a digest"},
    {"SHA256 ) = " HEX32 "\n", P11D_FAILURE_FILE, "this is not a digest"},
    {"(a) = " HEX32 "\n", P11D_FAILURE_FILE, "this is not a digest"},
    {" (a) = " HEX32 "\n", P11D_FAILURE_FILE, "this is not a digest"},
    {" = " HEX32 "\n", P11D_FAILURE_FILE, "this is not a digest"},
    {"= ", P11D_FAILURE_FILE, "this is not a digest"},
    {"\\", P11D_FAILURE_FILE, "this is not a digest"},
    {"SIZE (a) = 123\n", P11D_FAILURE_UNSUPPORTED, "no hash function \"SIZE\""},
    {"SM3 (a) = " HEX32 "\n", P11D_FAILURE_UNSUPPORTED, "no hash function \"SM3\""},
    {"BLAKE2b-255 (a) = " HEX32 "\n", P11D_FAILURE_UNSUPPORTED, "no hash function"},
    {"BLAKE2b-520 (a) = " HEX32 "\n", P11D_FAILURE_UNSUPPORTED, "no hash function"},
    {"BLAKE2bx (a) = " HEX32 "\n", P11D_FAILURE_UNSUPPORTED, "no hash function"},
    {"BLAKE2b-128 (a) = " HEX8 HEX8 HEX8 HEX8 "\n", P11D_FAILURE_UNSUPPORTED, "too weak"},
    {HEX8 HEX8 HEX8 HEX8 "  a\n", P11D_FAILURE_UNSUPPORTED, "MD5 is too weak"},
    {HEX32 "  b\n" HEX8 HEX8 HEX8 HEX8 HEX8 "  a\n", P11D_FAILURE_UNSUPPORTED,
     "line 2: SHA-1 is too weak"},
    {"MD5 (a) = " HEX8 HEX8 HEX8 HEX8 "\n", P11D_FAILURE_UNSUPPORTED, "MD5 is too weak"},
    {"SHA1 (a) = " HEX8 HEX8 HEX8 HEX8 HEX8 "\n", P11D_FAILURE_UNSUPPORTED, "too weak"},
    {HEX32 "  a\n" HEX32 "  b\n" OTHER32 "  ./a\n", P11D_FAILURE_FILE,
     "two different things of a, in lines 1 and 3"},
};

static void assert_refused(const char *list, gsize size, P11dFailure kind, const char *why)
{
    g_autoptr(GError) error = NULL;
    cr_assert_null(parse(list, size, &error), "%s", list);
    cr_assert(g_error_matches(error, P11D_FAILURE, (gint)kind), "%s: %s", list, error->message);
    cr_assert(strstr(error->message, why), "%s: %s", list, error->message);
}

Test(checksums, what_is_refused)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_refused(bad[i].list, strlen(bad[i].list), bad[i].kind, bad[i].why);
    static const char nul[] = HEX32 "  a\0b\n";
    assert_refused(nul, sizeof nul - 1, P11D_FAILURE_FILE, "there is a NUL");
}

/* BLAKE2b with digests that are not of its usual size is OpenSSL's from version 3.2 on. */
Test(checksums, sizes_of_blake2b)
{
    static const char list[] = "BLAKE2b-256 (a) = " HEX32 "\n";
    if (OpenSSL_version_num() < 0x30200000) {
        assert_refused(list, sizeof list - 1, P11D_FAILURE_UNSUPPORTED,
                       "line 1: OpenSSL has no BLAKE2b-256 before version 3.2");
        return;
    }
    g_autoptr(GPtrArray) checksums = parse(list, sizeof list - 1, NULL);
    cr_assert(checksums && checksums->len == 1);
    g_autofree char *algorithm = p11d_checksum_algorithm(checksums->pdata[0]);
    cr_assert_str_eq(algorithm, "blake2b-256");
}

/* The same by another function is another statement; the order of lines stays. */
Test(checksums, several_statements)
{
    static const char list[] = HEX32 "  b\nSHA3-256 (b) = " OTHER32 "\n" HEX32 "  a\n" HEX32
                                     "  b\n" HEX32 "  b\nSHA512 (b) = " HEX64 "\n";
    static const unsigned lines[] = {1, 2, 3, 6};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) checksums = parse(list, sizeof list - 1, &error);
    cr_assert(checksums && checksums->len == G_N_ELEMENTS(lines));
    for (guint i = 0; i < checksums->len; i++)
        cr_assert_eq(((P11dChecksum *)checksums->pdata[i])->line, lines[i], "%u", i);
}

Test(checksums, bounds)
{
    g_autoptr(GString) list = g_string_new(HEX32 "  ");
    for (gsize i = 0; i < 4095; i++)
        g_string_append_c(list, 'a');
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) longest = parse(list->str, list->len, &error);
    cr_assert(longest);
    g_string_append_c(list, 'a');
    assert_refused(list->str, list->len, P11D_FAILURE_FILE, "the name is too long");
    while (list->len <= P11D_CHECKSUMS_MAX_LINE)
        g_string_append_c(list, 'a');
    assert_refused(list->str, list->len, P11D_FAILURE_FILE, "the line is too long");

    g_string_truncate(list, 0);
    for (gsize i = 0; i < P11D_CHECKSUMS_MAX_COUNT; i++)
        g_string_append_printf(list, "%s  %zu\n", HEX28, i);
    cr_assert_lt(list->len, P11D_CHECKSUMS_MAX_SIZE);
    g_autoptr(GPtrArray) most = parse(list->str, list->len, &error);
    cr_assert(most && most->len == P11D_CHECKSUMS_MAX_COUNT);
    g_string_append(list, HEX28 "  a\n");
    assert_refused(list->str, list->len, P11D_FAILURE_FILE, "a list of more than 200000 files");
}
