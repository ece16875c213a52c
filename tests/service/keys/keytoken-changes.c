// SPDX-License-Identifier: MIT
/* Files of a key directory come and go while it is served. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keytoken-fixture.h"

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
    cr_assert(wait_until(has_one) & P11D_WORKER_TOKEN_OBJECTS);
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

Test(keytoken, a_public_half_outlives_its_locked_key, .init = open_directory, .fini = tear_down)
{
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, "one.key", key, RIG_PKCS8, "secret");
    rig_write_public(directory, "one.pub", key);
    EVP_PKEY_free(key);
    open_token();
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    uint64_t id = id_of("public-key", "one");
    cr_assert(has_one() && id);
    unlinkat(AT_FDCWD, strcat(strcpy((char[1024]){0}, directory), "/one.key"), 0);
    wait_until(has_no_one);
    cr_assert_eq(id_of("public-key", "one"), id);
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

static char *elsewhere; /* a directory that is not served */
/* The id of the key behind a link before it is replaced. */
static uint64_t id_before;

static bool link_has_another_key(void)
{
    uint64_t id = id_of("private-key", "link");
    return id && id != id_before;
}

static bool link_is_gone(void)
{
    return !id_of("private-key", "link");
}

/* Puts another key where the file at path is, outside of the directory: by a new file, or in the
 * one that is there. */
static void replace_key(const char *path, bool in_place)
{
    EVP_PKEY *key = rig_generate("EC:P-256");
    char fresh[1024], text[4096];
    id_before = id_of("private-key", "link");
    snprintf(fresh, sizeof fresh, "%s/fresh", elsewhere);
    rig_write_key(elsewhere, "fresh", key, RIG_PKCS8, NULL);
    EVP_PKEY_free(key);
    if (!in_place) {
        cr_assert_eq(rename(fresh, path), 0);
        return;
    }
    int from = open(fresh, O_RDONLY | O_CLOEXEC), to = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t size = read(from, text, sizeof text);
    cr_assert(size > 0 && write(to, text, (size_t)size) == size);
    close(from);
    close(to);
}

Test(keytoken, what_a_link_leads_to_is_watched, .init = open_directory, .fini = tear_down)
{
    char other[1024], path[1024], unused[1024];
    elsewhere = rig_make_directory();
    snprintf(other, sizeof other, "%s/other", elsewhere);
    snprintf(unused, sizeof unused, "%s/unused", elsewhere);
    snprintf(path, sizeof path, "%s/link.key", directory);
    cr_assert_eq(symlink(other, path), 0);
    replace_key(other, false);
    open_token();
    list_all();
    replace_key(other, false);
    wait_until(link_has_another_key);
    replace_key(other, true);
    wait_until(link_has_another_key);
    cr_assert_eq(rename(other, unused), 0);
    wait_until(link_is_gone);
    replace_key(other, false);
    wait_until(link_has_another_key);

    unlink(path);
    wait_until(link_is_gone);
    cr_assert_eq(link(unused, path), 0);
    wait_until(link_has_another_key);
    replace_key(unused, true);
    wait_until(link_has_another_key);
    rig_remove_directory(elsewhere);
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

Test(keytoken, trap_handles_never_come_again, .init = set_up, .fini = tear_down)
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

/* A token of the same directory, as after a restart: ids of before are no other object's. */
Test(keytoken, trap_handles_never_come_again__after_a_restart, .init = open_directory,
     .fini = tear_down)
{
    write_key("one.key", NULL);
    write_key("two.key", NULL);
    open_token();
    list_all();
    const uint64_t before[] = {id_of("private-key", "one"), id_of("public-key", "one"),
                               id_of("private-key", "two"), id_of("public-key", "two")};
    token->operations->close(view);
    token->operations->free(token);
    open_token();
    list_all();
    cr_assert_eq(list.count, 4);
    for (size_t i = 0; i < list.count; i++)
        for (size_t j = 0; j < 4; j++)
            cr_assert_neq(list.objects[i].id, before[j]);
    for (size_t j = 0; j < 4; j++)
        cr_assert_eq(sign_as(view, before[j]), CKR_KEY_HANDLE_INVALID);
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
