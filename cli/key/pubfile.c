// SPDX-License-Identifier: MIT
#include "pubfile.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "evpkey.h"
#include "failure.h"
#include "holder.h"
#include "input.h"
#include "pemtext.h"
#include "spki.h"
#include "sshkey.h"
#include "text.h"

#define MAX_FILE (1UL << 20)
#define BLANK " \t"
/* How every blob begins in base64: its type has less than 256 bytes. */
#define BLOB_START "AAAA"

static P11dPubkey *spki(const void *der, size_t size)
{
    return p11d_pubkey_new(p11d_evpkey_spki(der, size));
}

static P11dPubkey *pkcs1(const void *der, size_t size)
{
    const unsigned char *p = der;
    return p11d_pubkey_new(d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)size));
}

/* What a PEM block of that name holds. Private keys are not looked into. */
static const struct {
    const char *name;
    P11dPubkey *(*read)(const void *der, size_t size);
} formats[] = {
    {PEM_STRING_PUBLIC, spki},
    {PEM_STRING_X509, p11d_pubkey_of_certificate},
    {PEM_STRING_X509_OLD, p11d_pubkey_of_certificate},
    {PEM_STRING_X509_TRUSTED, p11d_pubkey_of_certificate},
    {PEM_STRING_RSA_PUBLIC, pkcs1},
};

/* A file as it is being read. */
typedef struct Reading {
    P11dPubfile *file;
    const char *path;
    GHashTable *seen; /* SHA-256 of the keys' SubjectPublicKeyInfo, owned */
    bool private;     /* there is a private key, which is not looked into */
    char *passed;     /* the type of an SSH key that signs nothing here, or NULL */
} Reading;

/* Takes pubkey over. */
static void add(Reading *reading, P11dPubkey *pubkey)
{
    g_ptr_array_add(reading->file->keys, pubkey);
}

static void note_damage(Reading *reading, unsigned line, const char *what)
{
    if (!reading->file->trouble)
        p11d_failure_set(&reading->file->trouble, P11D_FAILURE_FILE,
                         "it may have been cut off, or changed",
                         "%s:%u: the %s there makes no sense", reading->path, line, what);
}

static void take_block(Reading *reading, const P11dPempiece *block)
{
    reading->private = reading->private || g_str_has_suffix(block->label, "PRIVATE KEY");
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (strcmp(block->label, formats[i].name) != 0)
            continue;
        g_autoptr(GBytes) der = p11d_pemtext_decode(block);
        gsize size = 0;
        const void *data = der ? g_bytes_get_data(der, &size) : NULL;
        P11dPubkey *pubkey = data ? formats[i].read(data, size) : NULL;
        if (pubkey)
            add(reading, pubkey);
        else
            note_damage(reading, block->line, block->label);
    }
}

/* "TYPE BLOB COMMENT" */
typedef struct Words {
    char *type;
    char *blob;
    const char *comment; /* borrowed */
} Words;

static void words_clear(Words *words)
{
    g_free(words->type);
    g_free(words->blob);
    *words = (Words){0};
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Words, words_clear)

/* False if text does not begin so. */
static bool split(Words *words, const char *text)
{
    size_t size = strcspn(text, BLANK);
    const char *blob = text + size + strspn(text + size, BLANK);
    if (!g_str_has_prefix(blob, BLOB_START))
        return false;
    const char *end = blob + strcspn(blob, BLANK);
    words->type = g_strndup(text, size);
    words->blob = g_strndup(blob, (gsize)(end - blob));
    words->comment = end + strspn(end, BLANK);
    return true;
}

/* Goes over the options in front of a key, in which there may be blanks between quotation marks.
 * Sets *authority if the key signs certificates, not files. */
static const char *skip_options(const char *text, bool *authority)
{
    static const char word[] = "cert-authority";
    bool quoted = false;
    bool begins = true;
    for (; *text && (quoted || !strchr(BLANK, *text)); text++) {
        size_t size = strlen(word);
        if (!quoted && begins && g_ascii_strncasecmp(text, word, size) == 0 &&
            (!text[size] || strchr("," BLANK, text[size])))
            *authority = true;
        begins = *text == ',';
        if (*text == '\\' && text[1] == '"')
            text++;
        else if (*text == '"')
            quoted = !quoted;
    }
    return text + strspn(text, BLANK);
}

/* Whether an SSH key of that type makes none of the signatures that are checked here. */
static bool signs_otherwise(const char *type)
{
    return g_str_has_prefix(type, "sk-") || g_str_has_prefix(type, "webauthn-sk-") ||
           g_str_has_suffix(type, "-cert-v01@openssh.com");
}

static void set_foreign(const char *type, GError **error)
{
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED,
                     "of SSH's, RSA, P-256, P-384, P-521 and Ed25519 are",
                     "SSH keys of type %s are not supported", type);
}

static void take_ssh(Reading *reading, const Words *words, unsigned line)
{
    g_autoptr(GBytes) blob = p11d_text_parse_base64(words->blob, strlen(words->blob));
    g_autofree char *type = blob ? p11d_sshkey_blob_type(blob) : NULL;
    if (g_strcmp0(type, words->type) != 0) {
        note_damage(reading, line, "SSH key");
    } else if (signs_otherwise(type)) {
        g_free(reading->passed);
        reading->passed = g_steal_pointer(&type);
    } else if (p11d_sshkey_is_foreign(type)) {
        if (!reading->file->trouble)
            set_foreign(type, &reading->file->trouble);
    } else {
        P11dPubkey *pubkey = p11d_pubkey_of_ssh(blob, words->comment);
        if (pubkey)
            add(reading, pubkey);
        else
            note_damage(reading, line, "SSH key");
    }
}

/* A line outside of PEM; what is no SSH key is a comment. */
static void take_line(Reading *reading, const P11dPempiece *line)
{
    g_auto(Words) words = {0};
    g_autofree char *copy = g_strndup(line->text, line->size);
    const char *text = copy + strspn(copy, BLANK);
    bool authority = false;
    if (*text == '#' || (!split(&words, text) && !split(&words, skip_options(text, &authority))))
        return;
    if (!authority)
        take_ssh(reading, &words, line->line);
    else if (!reading->passed)
        reading->passed = g_strdup("cert-authority");
}

static void take_text(Reading *reading, GBytes *content)
{
    gsize size;
    const void *data = g_bytes_get_data(content, &size);
    P11dPemtext text = p11d_pemtext(data, size);
    P11dPempiece piece;
    while (p11d_pemtext_next(&text, &piece))
        (*piece.label ? take_block : take_line)(reading, &piece);
}

static void take_der(Reading *reading, GBytes *content)
{
    gsize size;
    const void *data = g_bytes_get_data(content, &size);
    P11dPubkey *pubkey = NULL;
    for (size_t i = 0; !pubkey && i < G_N_ELEMENTS(formats); i++)
        pubkey = formats[i].read(data, size);
    if (pubkey)
        add(reading, pubkey);
}

/* Whether one of the keys is in a certificate that this one, with another key, has issued. */
static bool stands_behind(const P11dPubkey *issuer, const GPtrArray *keys)
{
    for (guint i = 0; issuer->certificate && i < keys->len; i++) {
        const P11dPubkey *other = keys->pdata[i];
        if (other->certificate && other != issuer &&
            p11d_holder_issued(issuer->certificate, other->certificate) &&
            EVP_PKEY_eq(other->key, issuer->key) != 1)
            return true;
    }
    return false;
}

/* Leaves out issuers, and what is there already. */
static void sift(Reading *reading)
{
    g_autoptr(GPtrArray) all = reading->file->keys;
    reading->file->keys = p11d_pubkey_array();
    g_autofree bool *left_out = g_new0(bool, all->len);
    for (guint i = 0; i < all->len; i++)
        left_out[i] = stands_behind(all->pdata[i], all);
    for (guint i = 0; i < all->len; i++) {
        P11dPubkey *pubkey = all->pdata[i];
        char *print = left_out[i] ? NULL : p11d_spki_sha256(pubkey->key);
        if (!left_out[i] && (!print || g_hash_table_add(reading->seen, print)))
            g_ptr_array_add(reading->file->keys, pubkey);
        else
            p11d_pubkey_free(pubkey);
    }
    g_ptr_array_set_free_func(all, NULL);
}

/* Why there is no key. */
static void explain(Reading *reading, GError **error)
{
    if (reading->file->trouble)
        g_propagate_error(error, g_steal_pointer(&reading->file->trouble));
    else if (reading->passed && strcmp(reading->passed, "cert-authority") == 0)
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, NULL,
                         "%s holds keys of SSH's authorities for certificates alone",
                         reading->path);
    else if (reading->passed)
        set_foreign(reading->passed, error);
    else if (reading->private)
        p11d_failure_set(error, P11D_FAILURE_FILE,
                         "openssl pkey -in FILE -pubout writes the public half",
                         "%s holds a private key and no public one", reading->path);
    else
        p11d_failure_set(error, P11D_FAILURE_FILE,
                         "PEM, DER and OpenSSH public keys and X.509 certificates are read",
                         "%s holds no public key", reading->path);
}

gboolean p11d_pubfile_parse(P11dPubfile *file, GBytes *content, const char *path, GError **error)
{
    Reading reading = {.file = file, .path = path};
    reading.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    file->keys = p11d_pubkey_array();
    take_text(&reading, content);
    if (file->keys->len == 0)
        take_der(&reading, content);
    sift(&reading);
    ERR_clear_error();
    if (file->keys->len == 0)
        explain(&reading, error);
    g_hash_table_unref(reading.seen);
    g_free(reading.passed);
    return file->keys->len > 0;
}

gboolean p11d_pubfile_read(P11dPubfile *file, const char *path, GError **error)
{
    g_autoptr(GBytes) content = p11d_input_read_file(path, MAX_FILE, error);
    return content && p11d_pubfile_parse(file, content, path, error);
}

void p11d_pubfile_clear(P11dPubfile *file)
{
    g_clear_pointer(&file->keys, g_ptr_array_unref);
    g_clear_error(&file->trouble);
}
