// SPDX-License-Identifier: MIT
#include "sshsig.h"

#include <criterion/criterion.h>
#include <string.h>

#include "sshwire.h"

static void put(GByteArray *out, const char *text)
{
    p11d_sshwire_put_string(out, text, strlen(text));
}

/* An SSHSIG whose parts are words. */
static GByteArray *make(guint32 version, const char *namespace, const char *reserved)
{
    g_autoptr(GByteArray) inner = g_byte_array_new();
    put(inner, "algorithm");
    put(inner, "signature");
    GByteArray *out = g_byte_array_new();
    g_byte_array_append(out, (const guint8 *)"SSHSIG", 6);
    p11d_sshwire_put_u32(out, version);
    put(out, "key");
    put(out, namespace);
    put(out, reserved);
    put(out, "hash");
    p11d_sshwire_put_string(out, inner->data, inner->len);
    return out;
}

static bool parse_bytes(const guint8 *data, gsize size, P11dSshsig *sshsig)
{
    /* Without a byte to spare, so that a sanitizer sees what reads beyond. */
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    return p11d_sshsig_parse(sshsig, bytes);
}

static bool parse(const GByteArray *array, P11dSshsig *sshsig)
{
    return parse_bytes(array->data, array->len, sshsig);
}

Test(sshsig, parts)
{
    for (int reserved = 0; reserved < 2; reserved++) {
        g_autoptr(GBytes) bytes =
            g_byte_array_free_to_bytes(make(1, "namespace", reserved ? "to be ignored" : ""));
        P11dSshsig sshsig;
        cr_assert(p11d_sshsig_parse(&sshsig, bytes));
        cr_assert(p11d_sshsig_part_is(sshsig.key, "key"));
        cr_assert(p11d_sshsig_part_is(sshsig.namespace, "namespace"));
        cr_assert(p11d_sshsig_part_is(sshsig.hash, "hash"));
        cr_assert(p11d_sshsig_part_is(sshsig.algorithm, "algorithm"));
        cr_assert(p11d_sshsig_part_is(sshsig.signature, "signature"));
        g_autoptr(GBytes) again = p11d_sshsig_write(&sshsig);
        cr_assert_eq(g_bytes_equal(again, bytes), !reserved);
    }
}

Test(sshsig, only_version_1_and_a_namespace)
{
    P11dSshsig sshsig;
    for (guint32 version = 0; version < 3; version++) {
        g_autoptr(GByteArray) bytes = make(version, "namespace", "");
        cr_assert_eq(parse(bytes, &sshsig), version == 1);
    }
    g_autoptr(GByteArray) bytes = make(1, "", "");
    cr_assert_not(parse(bytes, &sshsig));
}

Test(sshsig, not_a_byte_less_or_more)
{
    P11dSshsig sshsig;
    g_autoptr(GByteArray) bytes = make(1, "namespace", "");
    for (guint size = 0; size < bytes->len; size++)
        cr_assert_not(parse_bytes(bytes->data, size, &sshsig), "%u bytes", size);
    put(bytes, "");
    cr_assert_not(parse(bytes, &sshsig));
}

Test(sshsig, what_security_keys_add)
{
    P11dSshsig sshsig;
    GByteArray *bytes = make(1, "namespace", "");
    /* The string at the end becomes longer by a byte. */
    bytes->data[bytes->len - 27]++;
    g_byte_array_append(bytes, (const guint8 *)"x", 1);
    g_autoptr(GBytes) longer = g_byte_array_free_to_bytes(bytes);
    cr_assert(p11d_sshsig_parse(&sshsig, longer));
    cr_assert(p11d_sshsig_part_is(sshsig.more, "x"));
    g_autoptr(GBytes) again = p11d_sshsig_write(&sshsig);
    cr_assert(g_bytes_equal(again, longer));
}
