// SPDX-License-Identifier: MIT
#include "pubfile.h"

#include <criterion/criterion.h>
#include <string.h>

#include "failure.h"

#define ED25519 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
#define OTHER "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC"
#define SECURITY                                                                                   \
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAEBAQEBAQEBAQEBAQEBA" \
    "QEBAQEBAQEBAQEBAQEBAQEBAAAABHNzaDo="

static bool read_text(P11dPubfile *file, const char *text, GError **error)
{
    g_autoptr(GBytes) content = g_bytes_new(text, strlen(text));
    return p11d_pubfile_parse(file, content, "FILE", error);
}

/* "NAME" of each key with blanks between, '-' for none; '!' behind them where there is trouble. */
static char *names_in(const char *text)
{
    g_auto(P11dPubfile) file = {0};
    g_autoptr(GError) error = NULL;
    GString *said = g_string_new(NULL);
    if (!read_text(&file, text, &error))
        g_string_append_printf(said, "error %d", error->code);
    for (guint i = 0; file.keys && i < file.keys->len; i++) {
        const P11dPubkey *pubkey = file.keys->pdata[i];
        cr_expect_str_eq(pubkey->kind, "SSH key");
        cr_expect(g_str_has_prefix(pubkey->fingerprint, "SHA256:"));
        g_string_append_printf(said, "%s%s", i > 0 ? " " : "", pubkey->name ? pubkey->name : "-");
    }
    return g_string_append_c(said, file.trouble ? '!' : '.'), g_string_free(said, FALSE);
}

Test(pubfile, lines_as_in_authorized_keys)
{
    static const struct {
        const char *text;
        const char *names;
    } rows[] = {
        {ED25519, "-."},
        {ED25519 " a@b\n", "a@b."},
        {"\xef\xbb\xbf" ED25519 " a@b\r\n" OTHER " \t b c \r\n", "a@b b c."},
        {"# comment\n\n  " ED25519 " a\n#" OTHER " b\n", "a."},
        {ED25519 " a\n" ED25519 " again\n", "a."},
        {"no-pty,from=\"*.example.org\" " ED25519 " a\n", "a."},
        {"command=\"echo \\\" x " OTHER "\" " ED25519 " a\n", "a."},
        {"some text\nAAA Services\n" ED25519 " a\n", "a."},
        /* Authorities for certificates and security keys make no signatures that are checked. */
        {"cert-authority " OTHER " b\n" ED25519 " a\n", "a."},
        {"no-pty,Cert-Authority " OTHER " b\n" ED25519 " a\n", "a."},
        {"command=\"cert-authority\" " OTHER " b\n", "b."},
        {SECURITY " s\n" ED25519 " a\n", "a."},
        /* What could be a key. */
        {ED25519 " a\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAIC b\n", "a!"},
        {ED25519 " a\nssh-rsa"
                 " AAAAC3NzaC1lZDI1NTE5AAAAIAIC b\n",
         "a!"},
        {ED25519 " a\nssh-dss AAAAB3NzaC1kc3MAAAABAQAAAAEBAAAAAQEAAAABAQ== d\n", "a!"},
        {ED25519 " a\n-----BEGIN PUBLIC KEY-----\nAAEC\n-----END PUBLIC KEY-----\n", "a!"},
        {ED25519 " a\n-----BEGIN PUBLIC KEY-----\nAAEC\n", "a!"},
        {ED25519 " a\n-----BEGIN X-----\nAAEC\n-----END X-----\n", "a."},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *names = names_in(rows[i].text);
        cr_expect_str_eq(names, rows[i].names, "%s gave %s", rows[i].text, names);
    }
}

Test(pubfile, nothing_to_take)
{
    static const struct {
        const char *text;
        P11dFailure kind;
    } rows[] = {
        {"", P11D_FAILURE_FILE},
        {"text\n", P11D_FAILURE_FILE},
        {"-----BEGIN PRIVATE KEY-----\nAAEC\n-----END PRIVATE KEY-----\n", P11D_FAILURE_FILE},
        {"-----BEGIN PUBLIC KEY-----\nAAEC\n-----END PUBLIC KEY-----\n", P11D_FAILURE_FILE},
        {SECURITY "\n", P11D_FAILURE_UNSUPPORTED},
        {"cert-authority " ED25519 "\n", P11D_FAILURE_UNSUPPORTED},
        {"ssh-dss AAAAB3NzaC1kc3MAAAABAQAAAAEBAAAAAQEAAAABAQ== d\n", P11D_FAILURE_UNSUPPORTED},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(P11dPubfile) file = {0};
        g_autoptr(GError) error = NULL;
        cr_expect_not(read_text(&file, rows[i].text, &error));
        cr_expect(g_error_matches(error, P11D_FAILURE, (gint)rows[i].kind), "%s", rows[i].text);
    }
}

Test(pubfile, which_of_several)
{
    static const char *const ordinals[] = {"1st",  "2nd",  "3rd",  "4th",   "11th", "12th",
                                           "13th", "21st", "22nd", "101st", "111th"};
    GPtrArray *keys = p11d_pubkey_array();
    for (int i = 0; i < 111; i++)
        g_ptr_array_add(keys, p11d_pubkey_new(EVP_EC_gen("P-256")));
    for (size_t i = 0; i < G_N_ELEMENTS(ordinals); i++) {
        guint place = (guint)g_ascii_strtoull(ordinals[i], NULL, 10);
        const P11dPubkey *pubkey = keys->pdata[place - 1];
        g_autofree char *said = p11d_pubkey_describe(keys, place);
        g_autofree char *expected =
            g_strdup_printf("%s of 111: public key, sha256:%s", ordinals[i], pubkey->fingerprint);
        cr_expect_str_eq(said, expected);
        cr_expect_eq(p11d_pubkey_find(keys, pubkey->key), place);
    }
    EVP_PKEY *other = EVP_EC_gen("P-256");
    cr_expect_eq(p11d_pubkey_find(keys, other), 0);
    cr_expect_eq(p11d_pubkey_find(keys, NULL), 0);
    EVP_PKEY_free(other);
    g_ptr_array_unref(keys);
}
