// SPDX-License-Identifier: MIT
/*
 * Which names are ambiguous. A case says which files there are and what is in them, one after the
 * other: A and B are keys, At is A in its traditional container, Ax A with its curve spelled out,
 * Ae and Af are A encrypted, Ap is its public half and Ac its certificate.
 */
#include "keyparts.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyset.h"
#include "rig.h"

typedef struct Case {
    char files[96];
    char log[64]; /* what the reason says; "": the name is served */
} Case;

#define DIFFER "its private keys differ"
#define LOCKED "its private keys cannot be compared without their passphrases"
#define MAYBE "it may have another private key, which cannot be read"
#define PUBLIC "its public key is not that of its private key"
#define CERTIFICATE "none of its certificates is of its key"

static const Case cases[] = {
    /* One key, said as often as one likes. */
    {"n.key=A", ""},
    {"n.key=A,A", ""},
    {"n.key=A,At,Ap,Ac", ""},
    {"n.key=A n.pem=At", ""},
    {"n.key=A n.pem=At,Ac n.crt=Ac n.pub=Ap", ""},
    {"n.key=A n.crt=Ac,A", ""},
    {"n.key=A n.crt=Bc,Ac", ""},
    {"n.key=A n.pem=Bc n.crt=Ac", ""},
    {"n.key=Ae", ""},
    {"n.key=Ae,Ae", ""},
    {"n.key=Ae n.pem=Ae", ""},
    {"n.key=Ae n.pub=Ap n.crt=Ac", ""},
    {"n.key=A n.pub=text", ""},
    {"n.key=A,Ax", ""},
    {"n.key=Ax n.pem=At n.crt=Ac n.pub=Ap", ""},
    /* Two private keys in one file. */
    {"n.key=A,B", DIFFER},
    {"n.pem=A,B", DIFFER},
    {"n.key=A,A,B", DIFFER},
    {"n.key=A,Bt", DIFFER},
    {"n.key=A,Bx", DIFFER},
    {"n.key=A,Ac,B,Bc", DIFFER},
    {"n.key=A,Be", LOCKED},
    {"n.key=Ae,B", LOCKED},
    {"n.key=Ae,Be", LOCKED},
    {"n.key=A,Ae", LOCKED},
    {"n.key=Ae,Af", LOCKED},
    {"n.key=A,brainpool", DIFFER},
    {"n.key=brainpool,A", DIFFER},
    {"n.key=A,ssh", MAYBE},
    {"n.key=ssh,A", MAYBE},
    {"n.key=Ae,ssh", MAYBE},
    {"n.key=A,bad", MAYBE},
    {"n.key=A,unknown", MAYBE},
    {"n.key=A,cut", MAYBE},
    /* In two. */
    {"n.key=A n.pem=B", DIFFER},
    {"n.key=B n.pem=Ac,A", DIFFER},
    {"n.key=A n.pem=Ae", LOCKED},
    {"n.key=Ae n.pem=Be", LOCKED},
    {"n.key=A n.pem=ssh", MAYBE},
    {"n.key=ssh n.pem=A", MAYBE},
    {"n.key=cut n.pem=A", MAYBE},
    {"n.key=text n.pem=A", MAYBE},
    {"n.key=empty n.pem=A", MAYBE},
    {"n.key=A n.pem=link", MAYBE},
    {"n.key=A n.pem=directory", MAYBE},
    {"n.key=open:A n.pem=B", DIFFER},
    {"n.key=A n.crt=Ac,B", DIFFER},
    {"n.key=A n.pub=Ap,B", DIFFER},
    /* Public halves. */
    {"n.key=A n.pub=Bp", PUBLIC},
    {"n.key=A,Bp", PUBLIC},
    {"n.key=A n.pub=brainpoolp", PUBLIC},
    {"n.key=A n.pub=Bp n.crt=Ac", PUBLIC},
    {"n.key=A n.pub=Ap,Bp", "its public keys differ"},
    {"n.key=Ae n.pub=Ap,Bp", "its public keys differ"},
    {"n.key=A n.crt=Bc", CERTIFICATE},
    {"n.key=A,Bc", CERTIFICATE},
    {"n.key=A n.pub=Ap n.crt=Bc", CERTIFICATE},
    {"n.key=Ae n.pub=Ap n.crt=Bc", CERTIFICATE},
};

static char *directory;
static int log_pipe[2];
static struct {
    char name[16];
    char *text;
} blocks[32];

/* Takes what was written to the file as a block. */
static void add_block(const char *name)
{
    char path[1024];
    size_t size = 0, i = 0;
    while (blocks[i].text)
        i++;
    strcpy(blocks[i].name, name);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *out = open_memstream(&blocks[i].text, &size), *in = fopen(path, "re");
    for (int c; (c = fgetc(in)) != EOF;)
        fputc(c, out);
    fclose(in);
    fclose(out);
    unlink(path);
}

static void add_text(const char *name, const char *text)
{
    rig_write_file(directory, name, text, strlen(text), 0600);
    add_block(name);
}

static void add_key(const char *kind, const char *letter)
{
    static const struct {
        const char *suffix;
        const char *passphrase;
        RigContainer container;
    } forms[] = {{"", NULL, RIG_PKCS8},
                 {"t", NULL, RIG_TRADITIONAL},
                 {"e", "secret", RIG_PKCS8},
                 {"f", "secret", RIG_PKCS8}}; /* the same key, encrypted once more */
    char name[16];
    EVP_PKEY *key = rig_generate(kind);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        snprintf(name, sizeof name, "%s%s", letter, forms[i].suffix);
        rig_write_key(directory, name, key, forms[i].container, forms[i].passphrase);
        add_block(name);
    }
    snprintf(name, sizeof name, "%sp", letter);
    rig_write_public(directory, name, key);
    add_block(name);
    snprintf(name, sizeof name, "%sc", letter);
    rig_write_certificate(directory, name, key);
    add_block(name);
    snprintf(name, sizeof name, "%sx", letter);
    EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                   OSSL_PKEY_EC_ENCODING_EXPLICIT);
    rig_write_key(directory, name, key, RIG_PKCS8, NULL);
    add_block(name);
    EVP_PKEY_free(key);
}

static void set_up(void)
{
    directory = rig_make_directory();
    add_key("EC:P-256", "A");
    add_key("EC:P-256", "B");
    add_key("EC:brainpoolP320r1", "brainpool");
    add_text("text", "no key at all\n");
    add_text("empty", "");
    add_text("cut", "-----BEGIN PRIVATE KEY-----\nMAMC\n");
    add_text("bad", "-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n");
    add_text("ssh", "-----BEGIN OPENSSH PRIVATE KEY-----\nMAMCAQA=\n"
                    "-----END OPENSSH PRIVATE KEY-----\n");
    add_text("unknown", "-----BEGIN TSS2 PRIVATE KEY-----\nMAMCAQA=\n"
                        "-----END TSS2 PRIVATE KEY-----\n");
    cr_assert_eq(pipe2(log_pipe, O_CLOEXEC | O_NONBLOCK), 0);
    fflush(stderr);
    cr_assert_geq(dup2(log_pipe[1], STDERR_FILENO), 0);
}

static void tear_down(void)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/n.pem", directory);
    rmdir(path);
    rig_remove_directory(directory);
    for (size_t i = 0; blocks[i].text; i++)
        free(blocks[i].text);
}

static const char *block(const char *name)
{
    for (size_t i = 0; blocks[i].text; i++) {
        if (strcmp(blocks[i].name, name) == 0)
            return blocks[i].text;
    }
    rig_fail("no block %s", name);
}

/* Makes the file that word describes: NAME=BLOCK,BLOCK… */
static void make_file(char *word)
{
    char path[1024], *rest = strchr(word, '='), *text = NULL;
    size_t size = 0;
    *rest++ = '\0';
    snprintf(path, sizeof path, "%s/%s", directory, word);
    if (strcmp(rest, "link") == 0) {
        cr_assert_eq(symlink("/nonexistent/key", path), 0);
    } else if (strcmp(rest, "directory") == 0) {
        cr_assert_eq(mkdir(path, 0700), 0);
    } else {
        bool readable = strncmp(rest, "open:", 5) == 0;
        FILE *stream = open_memstream(&text, &size);
        for (char *name = strtok_r(rest + (readable ? 5 : 0), ",", &rest); name;
             name = strtok_r(NULL, ",", &rest))
            fputs(block(name), stream);
        fclose(stream);
        rig_write_file(directory, word, text, size, readable ? 0644 : 0600);
        free(text);
    }
}

static const char *read_log(void)
{
    static char log[4096];
    ssize_t size = read(log_pipe[0], log, sizeof log - 1);
    log[size > 0 ? size : 0] = '\0';
    return log;
}

ParameterizedTestParameters(keyparts, names)
{
    return cr_make_param_array(Case, (void *)cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(Case *row, keyparts, names, .init = set_up, .fini = tear_down)
{
    char files[sizeof row->files], *rest;
    uint64_t next_id = 1;
    strcpy(files, row->files);
    for (char *word = strtok_r(files, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        make_file(word);

    P11dKeySet *set = p11d_keyset_scan(NULL, directory, &next_id, false);
    const char *log = read_log(), *line = strstr(log, ": not served: ");
    cr_assert_not_null(set);
    cr_assert_eq(set->count, 1);
    const P11dKeyEntry *entry = set->entries[0];
    if (*row->log == '\0') {
        cr_expect(entry->private_key || entry->locked.type, "%s: is not served", row->files);
        cr_expect_null(line, "%s: %s", row->files, log);
    } else {
        cr_expect(set->row_count == 1 && set->rows[0].kind == P11D_KEY_OBJECT_NOTE,
                  "%s: something is shown but a note", row->files);
        cr_expect(line && strstr(line, row->log), "%s: %s", row->files, log);
        cr_expect(line && strstr(line, "give each a name of its own"));
        cr_expect(line && !strstr(line + 1, ": not served: "), "more than one line");
    }
    p11d_keyset_free(set);
}

/* Blocks "root", the certificate of an issuer, and "leaf", one of key A by it. */
static void write_chain(void)
{
    EVP_PKEY *root = rig_generate("EC:P-256"), *key;
    BIO *bio = BIO_new_mem_buf(block("A"), -1), *out = BIO_new(BIO_s_mem());
    X509 *leaf = X509_new();
    char *text;

    rig_write_certificate(directory, "root", root);
    add_block("root");
    key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    ASN1_INTEGER_set(X509_get_serialNumber(leaf), 2);
    X509_gmtime_adj(X509_getm_notBefore(leaf), 0);
    X509_gmtime_adj(X509_getm_notAfter(leaf), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(leaf), "CN", MBSTRING_ASC,
                               (const unsigned char *)"leaf", -1, -1, 0);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(leaf), "CN", MBSTRING_ASC,
                               (const unsigned char *)"root", -1, -1, 0);
    X509_set_pubkey(leaf, key);
    cr_assert_gt(X509_sign(leaf, root, EVP_sha256()), 0);
    cr_assert_eq(PEM_write_bio_X509(out, leaf), 1);
    long size = BIO_get_mem_data(out, &text);
    rig_write_file(directory, "leaf", text, (size_t)size, 0600);
    add_block("leaf");
    X509_free(leaf);
    BIO_free(bio);
    BIO_free(out);
    EVP_PKEY_free(root);
    EVP_PKEY_free(key);
}

/* The chain of a locked key may stand in any order: its own is the one that issued no other. */
Test(keyparts, the_certificate_of_a_locked_key_is_no_issuer, .init = set_up, .fini = tear_down)
{
    char file[] = "n.key=Ae", chain[] = "n.crt=root,leaf";
    uint64_t next_id = 1;
    P11dOpenedKey opened;
    write_chain();
    make_file(file);
    make_file(chain);
    P11dKeySet *set = p11d_keyset_scan(NULL, directory, &next_id, false);
    const P11dKeyObject *own = &set->entries[0]->objects[P11D_KEY_OBJECT_CERTIFICATE];
    cr_assert(memmem(own->attributes, own->size, "leaf", 4));
    CK_RV rv =
        p11d_keyentry_unlock(set->entries[0], directory, (const uint8_t *)"secret", 6, &opened);
    cr_assert_eq(rv, CKR_OK);
    cr_assert_not_null(opened.key);
    p11d_openedkey_clear(&opened);
    p11d_keyset_free(set);
}
