// SPDX-License-Identifier: MIT
#include "keytoken.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyfile.h"
#include "rig.h"
#include "signer.h"

static char *directory;
static P11dToken *token;
static P11dView *view; /* of a client that is always there */
static RigList list;

static void open_directory(void)
{
    directory = rig_make_directory();
    cr_assert(p11d_signer_setup());
}

static void open_token(void)
{
    static const P11dCredentials nobody;
    token = p11d_keytoken_open(directory);
    cr_assert_not_null(token);
    view = token->operations->open(token, &nobody);
}

static void set_up(void)
{
    open_directory();
    open_token();
}

static void tear_down(void)
{
    token->operations->close(view);
    token->operations->free(token);
    p11d_signer_teardown();
    rig_remove_directory(directory);
}

static void list_as(P11dView *who, uint64_t known)
{
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader;
    p11d_buffer_init(&buffer, 1 << 24);
    p11d_writer_init(&writer, &buffer);
    who->token->operations->list(who, known, &writer);
    cr_assert(p11d_writer_ok(&writer));
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    cr_assert(p11d_reader_validate(
        &reader, p11d_interface_method(&p11d_interface_token, "ListObjects")->out, 0));
    rig_read_list(&reader, &list);
    cr_assert_eq(list.generation, who->token->operations->generation(who));
    p11d_buffer_clear(&buffer);
}

static void list_all(void)
{
    list_as(view, 0);
}

/* Waits until the directory's events have brought what done is about. */
static unsigned wait_until(bool (*done)(void))
{
    unsigned change = 0;
    do {
        struct pollfd event = {.fd = token->descriptor, .events = POLLIN};
        cr_assert_eq(poll(&event, 1, 60000), 1, "no event came");
        change |= token->operations->dispatch(token);
        list_all();
    } while (!done());
    return change;
}

static void write_key(const char *name, const char *passphrase)
{
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, name, key, RIG_PKCS8, passphrase);
    EVP_PKEY_free(key);
}

static uint64_t id_of(const char *class, const char *label)
{
    const RigObject *object = rig_find(&list, class, label);
    return object ? object->id : 0;
}

static CK_RV sign_as(P11dView *who, uint64_t key)
{
    P11dParameters parameters = {.mechanism.mechanism = CKM_ECDSA};
    uint8_t digest[32] = {1};
    P11dBuffer output;
    p11d_buffer_init(&output, 1024);
    CK_RV rv = token->operations->sign(who, key, &parameters, digest, sizeof digest, &output);
    cr_assert_eq(output.size, rv == CKR_OK ? 64 : 0);
    p11d_buffer_clear(&output);
    return rv;
}

static CK_RV login_as(P11dView *who, const char *pin)
{
    return token->operations->login(who, CKU_USER, (const uint8_t *)pin, strlen(pin));
}

static P11dView *another_client(void)
{
    static const P11dCredentials nobody;
    return token->operations->open(token, &nobody);
}

/* --- objects --- */

Test(keytoken, key_public_key_and_certificate_belong_together, .init = open_directory,
     .fini = tear_down)
{
    EVP_PKEY *key = rig_generate("ED25519");
    rig_write_key(directory, "mine.key", key, RIG_PKCS8, NULL);
    rig_write_certificate(directory, "mine.crt", key);
    open_token();
    list_all();
    cr_assert(list.complete);
    cr_assert_eq(list.count, 3);
    const RigObject *private = rig_find(&list, "private-key", "mine");
    const RigObject *public = rig_find(&list, "public-key", "mine");
    const RigObject *certificate = rig_find(&list, "certificate", "mine");
    cr_assert(private && public && certificate);
    cr_assert_not(private->private);
    cr_assert_eq(private->value_size, public->value_size);
    cr_assert_arr_eq(private->value, public->value, public->value_size);
    const uint8_t *der = certificate->value;
    X509 *parsed = d2i_X509(NULL, &der, (long)certificate->value_size);
    cr_assert_eq(EVP_PKEY_eq(X509_get0_pubkey(parsed), key), 1);
    X509_free(parsed);
    EVP_PKEY_free(key);
}

/* Whether the bytes of object spell a curve out: prime-field is in no other key. */
static bool spells_a_curve_out(const RigObject *object)
{
    static const uint8_t prime_field[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x01};
    return memmem(object->value, object->value_size, prime_field, sizeof prime_field);
}

Test(keytoken, a_curve_that_is_spelled_out_gets_its_name, .init = open_directory, .fini = tear_down)
{
    static const char *const kinds[] = {"EC:P-256", "EC:P-384", "EC:P-521", "EC:secp256k1"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char open[16], locked[16];
        snprintf(open, sizeof open, "open%zu.key", i);
        snprintf(locked, sizeof locked, "locked%zu.key", i);
        EVP_PKEY *key = rig_generate(kinds[i]);
        cr_assert(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                                 OSSL_PKEY_EC_ENCODING_EXPLICIT));
        rig_write_key(directory, open, key, RIG_PKCS8, NULL);
        rig_write_key(directory, locked, key, RIG_TRADITIONAL, "secret");
        EVP_PKEY_free(key);
    }
    open_token();
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    cr_assert_eq(list.count, 16);
    for (size_t i = 0; i < list.count; i++)
        cr_assert_not(spells_a_curve_out(&list.objects[i]), "object %zu", i);
    cr_assert_eq(sign_as(view, id_of("private-key", "locked0")), CKR_OK);
}

/* Writes the file whole with what the files parts hold, one after the other. */
static void join_files(const char *whole, const char *const parts[])
{
    char *text = NULL, line[256], path[1024];
    size_t size = 0;
    FILE *both = open_memstream(&text, &size);
    for (; *parts; parts++) {
        snprintf(path, sizeof path, "%s/%s", directory, *parts);
        FILE *part = fopen(path, "re");
        cr_assert_not_null(part);
        while (fgets(line, sizeof line, part))
            fputs(line, both);
        fclose(part);
    }
    fclose(both);
    rig_write_file(directory, whole, text, size, 0600);
    free(text);
}

Test(keytoken, certificate_in_the_same_file, .init = open_directory, .fini = tear_down)
{
    EVP_PKEY *key = rig_generate("EC:P-384");
    rig_write_key(directory, "a", key, RIG_TRADITIONAL, NULL);
    rig_write_certificate(directory, "b", key);
    join_files("both.pem", (const char *const[]){"a", "b", NULL});
    EVP_PKEY_free(key);
    open_token();
    list_all();
    cr_assert_eq(list.count, 3);
    cr_assert(id_of("certificate", "both"));
}

/* Writes the files NAME with a certificate of that subject and of a key of its own. */
static void write_certificates(const char *const names[])
{
    for (; *names; names++) {
        EVP_PKEY *key = rig_generate("EC:P-256");
        rig_write_certificate(directory, *names, key);
        EVP_PKEY_free(key);
    }
}

static void write_one_with_chain(const char *const chain[])
{
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, "one.key", key, RIG_PKCS8, NULL);
    rig_write_certificate(directory, "leaf", key);
    EVP_PKEY_free(key);
    join_files("one.crt", chain);
}

Test(keytoken, every_certificate_of_a_file_is_there, .init = open_directory, .fini = tear_down)
{
    write_certificates((const char *const[]){"root", "issuer", NULL});
    /* The key's own is not the first, and one is there twice. */
    write_one_with_chain((const char *const[]){"issuer", "leaf", "root", "issuer", NULL});
    open_token();
    list_all();
    cr_assert_eq(list.count, 5);
    const RigObject *own = rig_find(&list, "certificate", "one");
    cr_assert(own && memmem(own->value, own->value_size, "leaf", 4));
    static const char *const others[] = {"issuer", "root"};
    for (size_t i = 0; i < 2; i++) {
        const RigObject *other = rig_find(&list, "certificate", others[i]);
        cr_assert(other && memmem(other->value, other->value_size, others[i], strlen(others[i])));
    }
    cr_assert_eq(sign_as(view, id_of("certificate", "issuer")), CKR_KEY_HANDLE_INVALID);
}

Test(keytoken, more_certificates_than_a_file_may_hold, .init = open_directory, .fini = tear_down)
{
    static const char *const names[] = {"leaf", "1", "2", "3", "4", "5", "6", "7", "8", "9", NULL};
    write_certificates(names + 1);
    write_one_with_chain(names);
    join_files("one.pem", (const char *const[]){"8", "9", NULL});
    open_token();
    list_all();
    cr_assert_eq(list.count, 2 + P11D_KEYFILE_CERTIFICATES);
    cr_assert(id_of("certificate", "one"));
}

static bool is_empty(void)
{
    return list.count == 0;
}

static bool has_a(void)
{
    return id_of("private-key", "a");
}

Test(keytoken, an_ambiguous_name_has_nothing_until_it_is_cleared_up, .init = open_directory,
     .fini = tear_down)
{
    EVP_PKEY *other = rig_generate("EC:P-256");
    write_key("a.key", NULL);
    open_token();
    list_all();
    uint64_t key = id_of("private-key", "a");
    cr_assert_eq(sign_as(view, key), CKR_OK);
    rig_write_certificate(directory, "a.crt", other);
    EVP_PKEY_free(other);
    wait_until(is_empty);
    cr_assert_eq(sign_as(view, key), CKR_KEY_HANDLE_INVALID);
    unlink(strcat(strcpy((char[1024]){0}, directory), "/a.crt"));
    wait_until(has_a);
    write_key("a.pem", NULL);
    wait_until(is_empty);
    unlink(strcat(strcpy((char[1024]){0}, directory), "/a.key"));
    wait_until(has_a);
}

Test(keytoken, a_locked_key_is_not_shown_with_the_certificate_of_another, .init = open_directory,
     .fini = tear_down)
{
    EVP_PKEY *other = rig_generate("EC:P-256");
    write_key("a.key", "secret");
    rig_write_certificate(directory, "a.crt", other);
    write_key("b.key", "secret");
    rig_write_public(directory, "b.pub", other);
    write_key("c.key", "secret");
    EVP_PKEY_free(other);
    open_token();
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    cr_assert_not(id_of("private-key", "a"));
    cr_assert_not(id_of("private-key", "b"));
    cr_assert_eq(sign_as(view, id_of("private-key", "c")), CKR_OK);
}

/* Nothing folds names: of two that look alike each is its own. */
Test(keytoken, names_that_are_alike_are_different_names, .init = open_directory, .fini = tear_down)
{
    static const char *const names[] = {"mykey",      "my key",    "MyKey",    "mykey ",
                                        " mykey",     "mykey.key", "my%20key", "caf\u00e9",
                                        "cafe\u0301", "my\nkey"};
    enum { COUNT = sizeof names / sizeof names[0] };
    EVP_PKEY *keys[COUNT];
    char file[64];
    for (size_t i = 0; i < COUNT; i++) {
        keys[i] = rig_generate("EC:P-256");
        snprintf(file, sizeof file, "%s.key", names[i]);
        rig_write_key(directory, file, keys[i], RIG_PKCS8, NULL);
    }
    open_token();
    list_all();
    cr_assert_eq(list.count, 2 * COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t *der = NULL;
        int size = i2d_PUBKEY(keys[i], &der);
        const RigObject *object = rig_find(&list, "private-key", names[i]);
        cr_assert_not_null(object, "%s", names[i]);
        cr_assert_eq(object->value_size, (size_t)size);
        cr_assert_arr_eq(object->value, der, (size_t)size, "%s", names[i]);
        OPENSSL_free(der);
        EVP_PKEY_free(keys[i]);
    }
}

Test(keytoken, handles_of_what_is_no_private_key_do_not_sign, .init = open_directory,
     .fini = tear_down)
{
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, "k.key", key, RIG_PKCS8, NULL);
    rig_write_certificate(directory, "k.crt", key);
    EVP_PKEY_free(key);
    open_token();
    list_all();
    cr_assert_eq(sign_as(view, id_of("private-key", "k")), CKR_OK);
    cr_assert_eq(sign_as(view, id_of("public-key", "k")), CKR_KEY_FUNCTION_NOT_PERMITTED);
    cr_assert_eq(sign_as(view, id_of("certificate", "k")), CKR_KEY_HANDLE_INVALID);
    cr_assert_eq(sign_as(view, 0), CKR_KEY_HANDLE_INVALID);
    cr_assert_eq(sign_as(view, UINT64_MAX), CKR_KEY_HANDLE_INVALID);
}

/* --- files come and go --- */

static bool has_one(void)
{
    return id_of("private-key", "one");
}

static bool has_two(void)
{
    return id_of("private-key", "two");
}

static bool has_no_one(void)
{
    return !has_one();
}

Test(keytoken, files_appear_and_disappear, .init = set_up, .fini = tear_down)
{
    list_all();
    cr_assert_eq(list.count, 0);
    write_key("one.key", NULL);
    cr_assert(wait_until(has_one) & P11D_TOKEN_OBJECTS);
    uint64_t one = id_of("private-key", "one"), known = list.generation;
    cr_assert_eq(sign_as(view, one), CKR_OK);

    write_key("two.key", NULL);
    wait_until(has_two);
    uint64_t two = id_of("private-key", "two");
    cr_assert_eq(id_of("private-key", "one"), one, "an object that stays keeps its id");

    list_as(view, known);
    cr_assert_not(list.complete);
    cr_assert_eq(list.count, 2);
    cr_assert_eq(id_of("private-key", "two"), two);
    known = list.generation;
    list_as(view, known);
    cr_assert(!list.complete && list.count == 0 && list.removed_count == 0);

    unlinkat(AT_FDCWD, strcat(strcpy((char[1024]){0}, directory), "/one.key"), 0);
    wait_until(has_no_one);
    list_as(view, known);
    cr_assert(!list.complete && list.count == 0);
    cr_assert_eq(list.removed_count, 2);
    cr_assert(list.removed[0] == one || list.removed[1] == one);
    cr_assert_eq(sign_as(view, one), CKR_KEY_HANDLE_INVALID);
    cr_assert_eq(sign_as(view, two), CKR_OK);
}

static uint64_t id_before;

static bool one_is_another(void)
{
    return has_one() && id_of("private-key", "one") != id_before;
}

Test(keytoken, a_replaced_file_is_another_object, .init = set_up, .fini = tear_down)
{
    write_key("one.key", NULL);
    wait_until(has_one);
    id_before = id_of("private-key", "one");
    write_key("one.key", NULL);
    wait_until(one_is_another);
    cr_assert_eq(sign_as(view, id_before), CKR_KEY_HANDLE_INVALID);
    cr_assert_eq(sign_as(view, id_of("private-key", "one")), CKR_OK);
}

Test(keytoken, the_same_key_written_again_stays_the_same_object, .init = set_up, .fini = tear_down)
{
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, "one.key", key, RIG_PKCS8, NULL);
    wait_until(has_one);
    uint64_t id = id_of("private-key", "one"), generation = list.generation;
    rig_write_key(directory, "one.key", key, RIG_TRADITIONAL, NULL);
    write_key("two.key", NULL); /* comes after, so what was before is known then */
    wait_until(has_two);
    cr_assert_eq(id_of("private-key", "one"), id);
    list_as(view, generation);
    cr_assert_not(id_of("private-key", "one"), "nothing of it has changed");
    EVP_PKEY_free(key);
}

Test(keytoken, certificates_keep_their_ids_wherever_they_stand, .init = open_directory,
     .fini = tear_down)
{
    write_certificates((const char *const[]){"root", "issuer", "new", NULL});
    write_one_with_chain((const char *const[]){"leaf", "issuer", "root", NULL});
    open_token();
    list_all();
    uint64_t own = id_of("certificate", "one"), issuer = id_of("certificate", "issuer"),
             root = id_of("certificate", "root"), known = list.generation;
    cr_assert(own && issuer && root);
    cr_assert(own != issuer && own != root && issuer != root);

    join_files("one.crt", (const char *const[]){"leaf", "new", "root", NULL});
    write_key("two.key", NULL);
    wait_until(has_two);
    cr_assert_eq(id_of("certificate", "one"), own);
    cr_assert_eq(id_of("certificate", "root"), root);
    cr_assert(id_of("certificate", "new") > root && !id_of("certificate", "issuer"));
    list_as(view, known);
    cr_assert_not(list.complete);
    cr_assert_eq(list.count, 3, "the new certificate and the two halves of the new key");
    cr_assert(list.removed_count == 1 && list.removed[0] == issuer);
}

Test(keytoken, a_file_that_is_being_written_appears_when_it_is_complete, .init = set_up,
     .fini = tear_down)
{
    static char text[4096];
    char path[1024];
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, ".hidden", key, RIG_PKCS8, NULL);
    EVP_PKEY_free(key);
    snprintf(path, sizeof path, "%s/.hidden", directory);
    FILE *file = fopen(path, "re");
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);

    snprintf(path, sizeof path, "%s/one.key", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_eq(write(fd, text, 100), 100);
    write_key("two.key", NULL);
    wait_until(has_two);
    cr_assert_not(has_one());
    cr_assert_eq(write(fd, text + 100, size - 100), (ssize_t)size - 100);
    close(fd);
    wait_until(has_one);
}

Test(keytoken, a_link_that_is_swapped_brings_the_new_keys, .init = set_up, .fini = tear_down)
{
    /* As secrets are mounted in containers: one.key -> ..data/one.key, ..data -> a directory. */
    char path[1024];
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (const char *name = "v1"; name; name = strcmp(name, "v1") == 0 ? "v2" : NULL) {
        mkdirat(fd, name, 0700);
        snprintf(path, sizeof path, "%s/%s", directory, name);
        char *whole = directory;
        directory = path;
        write_key("one.key", NULL);
        directory = whole;
    }
    cr_assert_eq(symlinkat("v1", fd, "..data"), 0);
    cr_assert_eq(symlinkat("..data/one.key", fd, "one.key"), 0);
    wait_until(has_one);
    id_before = id_of("private-key", "one");
    cr_assert_eq(symlinkat("v2", fd, "..tmp"), 0);
    renameat(fd, "..tmp", fd, "..data");
    wait_until(one_is_another);
    unlinkat(fd, "v1/one.key", 0);
    unlinkat(fd, "v2/one.key", 0);
    unlinkat(fd, "v1", AT_REMOVEDIR);
    unlinkat(fd, "v2", AT_REMOVEDIR);
    close(fd);
}

Test(keytoken, a_key_that_becomes_readable_for_others_disappears, .init = set_up, .fini = tear_down)
{
    char path[1024];
    write_key("one.key", NULL);
    wait_until(has_one);
    snprintf(path, sizeof path, "%s/one.key", directory);
    chmod(path, 0644);
    wait_until(has_no_one);
    cr_assert(id_of("data", "one")); /* the note that says why */
    chmod(path, 0600);
    wait_until(has_one);
    cr_assert_not(id_of("data", "one"));
}

Test(keytoken, the_directory_is_removed_and_comes_back, .init = set_up, .fini = tear_down)
{
    char path[1024];
    write_key("one.key", NULL);
    wait_until(has_one);
    id_before = id_of("private-key", "one");
    snprintf(path, sizeof path, "%s/one.key", directory);
    unlink(path);
    cr_assert_eq(rmdir(directory), 0);
    wait_until(is_empty);
    cr_assert_eq(mkdir(directory, 0700), 0);
    write_key("one.key", NULL);
    wait_until(one_is_another);

    snprintf(path, sizeof path, "%s.moved", directory);
    cr_assert_eq(rename(directory, path), 0);
    wait_until(is_empty);
    cr_assert_eq(rename(path, directory), 0);
    wait_until(has_one);
}

Test(keytoken, ids_are_never_used_again, .init = set_up, .fini = tear_down)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/one.key", directory);
    uint64_t last = 0;
    for (int i = 0; i < 5; i++) {
        write_key("one.key", NULL);
        wait_until(has_one);
        cr_assert_gt(id_of("private-key", "one"), last);
        last = id_of("public-key", "one") > id_of("private-key", "one")
                   ? id_of("public-key", "one")
                   : id_of("private-key", "one");
        unlink(path);
        wait_until(is_empty);
    }
}

Test(keytoken, a_history_that_is_too_long_gives_everything, .init = open_directory,
     .fini = tear_down)
{
    char name[32];
    EVP_PKEY *key = rig_generate("EC:P-256");
    for (int i = 0; i < 1100; i++) {
        snprintf(name, sizeof name, "%d.pub", i);
        rig_write_public(directory, name, key);
    }
    EVP_PKEY_free(key);
    open_token();
    list_all();
    uint64_t known = list.generation;
    for (int i = 0; i < 1100; i++) {
        snprintf(name, sizeof name, "/%d.pub", i);
        unlink(strcat(strcpy((char[1024]){0}, directory), name));
    }
    wait_until(is_empty);
    list_as(view, known);
    cr_assert(list.complete);
    cr_assert_eq(list.removed_count, 0);
}

Test(keytoken, a_generation_that_means_nothing_gives_everything, .init = open_directory,
     .fini = tear_down)
{
    write_key("one.key", NULL);
    open_token();
    list_all();
    uint64_t generation = list.generation;
    static const uint64_t offsets[] = {1, UINT64_MAX, 1000, UINT64_MAX - 1000000};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        list_as(view, generation + offsets[i]);
        cr_assert(list.complete);
        cr_assert_eq(list.count, 2);
    }
    P11dView *other = another_client();
    list_as(other, generation);
    cr_assert(list.complete, "a generation belongs to its client");
    token->operations->close(other);
}

/* --- login --- */

Test(keytoken, a_login_opens_keys_for_its_client_alone, .init = open_directory, .fini = tear_down)
{
    write_key("one.key", "secret");
    open_token();
    P11dView *other = another_client();
    list_all();
    cr_assert_eq(list.count, 0, "nothing of it is known before login");
    uint64_t known = list.generation;

    cr_assert_eq(login_as(view, "wrong"), CKR_PIN_INCORRECT);
    cr_assert_eq(login_as(view, ""), CKR_PIN_INCORRECT);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    cr_assert_eq(login_as(view, "secret"), CKR_USER_ALREADY_LOGGED_IN);
    list_as(view, known);
    cr_assert(list.complete && list.generation != known);
    cr_assert_eq(list.count, 2);
    uint64_t key = id_of("private-key", "one");
    cr_assert(rig_find(&list, "private-key", "one")->private);
    cr_assert_eq(sign_as(view, key), CKR_OK);

    cr_assert_eq(sign_as(other, key), CKR_KEY_HANDLE_INVALID);
    cr_assert_eq(sign_as(other, id_of("public-key", "one")), CKR_KEY_HANDLE_INVALID);
    list_as(other, 0);
    cr_assert_eq(list.count, 0);
    cr_assert_eq(token->operations->logout(other), CKR_USER_NOT_LOGGED_IN);
    cr_assert_eq(sign_as(view, key), CKR_OK, "another's logout is not this one's");

    known = token->operations->generation(view);
    cr_assert_eq(token->operations->logout(view), CKR_OK);
    cr_assert_eq(sign_as(view, key), CKR_KEY_HANDLE_INVALID);
    list_as(view, known);
    cr_assert(list.complete && list.count == 0);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    cr_assert_eq(id_of("private-key", "one"), key, "the same object for every client");
    token->operations->close(other);
}

Test(keytoken, who_guesses_is_refused_and_nobody_else_is, .init = open_directory, .fini = tear_down)
{
    static const P11dCredentials somebody = {.uid = 12345};
    CK_RV rv = CKR_PIN_INCORRECT;
    write_key("one.key", "secret");
    open_token();
    P11dView *guesser = token->operations->open(token, &somebody);
    for (int i = 0; i < 10000 && rv == CKR_PIN_INCORRECT; i++)
        rv = login_as(guesser, "wrong");
    cr_assert_eq(rv, CKR_FUNCTION_REJECTED);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    token->operations->close(guesser);
}

Test(keytoken, the_pin_opens_every_key_that_it_decrypts, .init = open_directory, .fini = tear_down)
{
    write_key("a.key", "first");
    write_key("b.key", "first");
    write_key("c.key", "second");
    write_key("d.key", NULL);
    open_token();
    cr_assert_eq(login_as(view, "first"), CKR_OK);
    list_all();
    cr_assert(id_of("private-key", "a") && id_of("private-key", "b"));
    cr_assert_not(id_of("private-key", "c"));
    cr_assert(id_of("private-key", "d"));
}

Test(keytoken, the_public_half_is_known_from_files_beside_the_key, .init = open_directory,
     .fini = tear_down)
{
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, "a.key", key, RIG_PKCS8, "secret");
    rig_write_certificate(directory, "a.crt", key);
    rig_write_key(directory, "b.key", key, RIG_TRADITIONAL, "secret");
    rig_write_public(directory, "b.pub", key);
    EVP_PKEY_free(key);
    open_token();
    list_all();
    cr_assert_eq(list.count, 3);
    cr_assert(id_of("public-key", "a") && id_of("certificate", "a") && id_of("public-key", "b"));
    uint64_t public = id_of("public-key", "a");
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    cr_assert_eq(list.count, 5);
    cr_assert_eq(id_of("public-key", "a"), public);
    cr_assert_eq(sign_as(view, id_of("private-key", "a")), CKR_OK);
}

Test(keytoken, users_that_this_token_does_not_have, .init = open_directory, .fini = tear_down)
{
    const uint8_t *pin = (const uint8_t *)"secret";
    write_key("one.key", "secret");
    open_token();
    cr_assert_eq(token->operations->login(view, CKU_SO, pin, 6), CKR_USER_TYPE_INVALID);
    cr_assert_eq(token->operations->login(view, CKU_CONTEXT_SPECIFIC, pin, 6),
                 CKR_OPERATION_NOT_INITIALIZED);
    cr_assert_eq(token->operations->login(view, 77, pin, 6), CKR_USER_TYPE_INVALID);
}

static bool is_whatever(void)
{
    return true;
}

static bool properties_say(const char *flag)
{
    P11dBuffer buffer;
    P11dWriter writer;
    p11d_buffer_init(&buffer, 1 << 20);
    p11d_writer_init(&writer, &buffer);
    token->operations->write_properties(token, &writer);
    cr_assert(p11d_writer_ok(&writer));
    bool found = memmem(buffer.data, buffer.size, flag, strlen(flag) + 1);
    p11d_buffer_clear(&buffer);
    return found;
}

Test(keytoken, without_an_encrypted_key_there_is_no_login, .init = set_up, .fini = tear_down)
{
    write_key("one.key", NULL);
    cr_assert_not(wait_until(has_one) & P11D_TOKEN_PROPERTIES);
    cr_assert_not(properties_say("login-required"));
    cr_assert(properties_say("write-protected") && properties_say("token-initialized"));

    write_key("two.key", "secret");
    unsigned change = 0;
    while (!(change & P11D_TOKEN_PROPERTIES))
        change |= wait_until(is_whatever);
    cr_assert(properties_say("login-required") && properties_say("user-pin-initialized"));
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
}

Test(keytoken, where_no_key_is_encrypted_any_pin_is_right, .init = open_directory,
     .fini = tear_down)
{
    write_key("one.key", NULL);
    open_token();
    static const char *const pins[] = {"secret", "", "0000"};
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        cr_assert_eq(login_as(view, pins[i]), CKR_OK);
        cr_assert_eq(login_as(view, "another"), CKR_USER_ALREADY_LOGGED_IN);
        list_all();
        cr_assert_eq(sign_as(view, id_of("private-key", "one")), CKR_OK);
        cr_assert_eq(token->operations->logout(view), CKR_OK);
        cr_assert_eq(token->operations->logout(view), CKR_USER_NOT_LOGGED_IN);
        cr_assert_eq(sign_as(view, id_of("private-key", "one")), CKR_OK);
    }
    cr_assert_eq(token->operations->login(view, CKU_USER, NULL, 0), CKR_OK);
    cr_assert_eq(token->operations->login(view, CKU_SO, NULL, 0), CKR_USER_TYPE_INVALID);
}

static bool has_locked(void)
{
    return properties_say("login-required");
}

static bool has_no_locked(void)
{
    return !has_locked();
}

Test(keytoken, a_login_for_nothing_ends_when_a_pin_counts, .init = open_directory,
     .fini = tear_down)
{
    char path[1024];
    write_key("one.key", NULL);
    open_token();
    cr_assert_eq(login_as(view, "any"), CKR_OK);
    write_key("two.key", "secret");
    wait_until(has_locked);
    cr_assert(id_of("private-key", "one") && !id_of("private-key", "two"));
    cr_assert_eq(sign_as(view, id_of("private-key", "one")), CKR_OK);
    cr_assert_eq(token->operations->login(view, CKU_USER, NULL, 0), CKR_ARGUMENTS_BAD);
    cr_assert_eq(login_as(view, "any"), CKR_PIN_INCORRECT);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    cr_assert_eq(login_as(view, "secret"), CKR_USER_ALREADY_LOGGED_IN);
    list_all();
    cr_assert_eq(sign_as(view, id_of("private-key", "two")), CKR_OK);

    snprintf(path, sizeof path, "%s/two.key", directory);
    unlink(path);
    wait_until(has_no_locked);
    cr_assert_eq(login_as(view, "any"), CKR_USER_ALREADY_LOGGED_IN);
    cr_assert_eq(sign_as(view, id_of("private-key", "one")), CKR_OK);
    cr_assert_eq(token->operations->logout(view), CKR_OK);
    cr_assert_eq(login_as(view, "any"), CKR_OK);
}

Test(keytoken, guesses_of_before_are_no_matter_where_no_pin_counts, .init = open_directory,
     .fini = tear_down)
{
    char path[1024];
    write_key("two.key", "secret");
    open_token();
    for (int i = 0; i < 20 && login_as(view, "wrong") != CKR_FUNCTION_REJECTED; i++)
        continue;
    cr_assert_eq(login_as(view, "secret"), CKR_FUNCTION_REJECTED);
    snprintf(path, sizeof path, "%s/two.key", directory);
    unlink(path);
    wait_until(has_no_locked);
    cr_assert_eq(login_as(view, "any"), CKR_OK);
}

Test(keytoken, an_opened_key_goes_with_its_file, .init = open_directory, .fini = tear_down)
{
    write_key("one.key", "secret");
    open_token();
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    uint64_t key = id_of("private-key", "one");
    cr_assert_eq(sign_as(view, key), CKR_OK);
    write_key("one.key", "secret");
    wait_until(is_empty);
    cr_assert_eq(sign_as(view, key), CKR_KEY_HANDLE_INVALID);
    /* Who logs in again gets the new one. */
    cr_assert_eq(token->operations->logout(view), CKR_OK);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    cr_assert(has_one() && id_of("private-key", "one") != key);
}

/* --- the directory itself --- */

Test(keytoken, directories_that_cannot_be_used, .init = open_directory)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/none", directory);
    cr_assert_null(p11d_keytoken_open(path));
    cr_assert_eq(errno, ENOENT);
    rig_write_file(directory, "none", "", 0, 0600);
    cr_assert_null(p11d_keytoken_open(path));
    cr_assert_eq(errno, ENOTDIR);
    rig_remove_directory(directory);
    p11d_signer_teardown();
}
