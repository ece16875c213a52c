// SPDX-License-Identifier: MIT
/* Changes of several files at once, and of one directory by several services. */
#include "keychange.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystore.h"
#include "keytoken-fixture.h"
#include "servedkey.h"

/* What is made of the files "one", "two" and "new" by a change. */
static const char *const before[] = {"one", "two"};

static void write_text(const char *name, const char *text, mode_t mode)
{
    rig_write_file(directory, name, text, strlen(text), mode);
}

/* Whether the file has that text; NULL: is not there. */
static bool has(const char *name, const char *text)
{
    char path[512], content[64] = "";
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    if (!file || !text)
        return !file && !text;
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    fclose(file);
    return strcmp(content, text) == 0;
}

static bool has_mode(const char *name, mode_t mode)
{
    char path[512];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return stat(path, &status) == 0 && (status.st_mode & 07777) == mode;
}

static void put(P11dKeyChange *change, const char *name, const char *text)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 64);
    cr_assert(!text || p11d_buffer_append(&buffer, text, strlen(text)));
    cr_assert_eq(p11d_keychange_put(change, name, text ? &buffer : NULL), CKR_OK);
    p11d_buffer_clear(&buffer);
}

static P11dKeyChange begin(void)
{
    P11dKeyChange change = {.path = directory};
    for (size_t i = 0; i < 2; i++)
        write_text(before[i], before[i], i == 0 ? 0640 : 0600);
    put(&change, "one", "changed");
    put(&change, "two", NULL);
    put(&change, "new", "new");
    cr_assert_eq(change.count, 3);
    return change;
}

/* Whether a hidden file is there. */
static bool has_hidden(void)
{
    DIR *stream = opendir(directory);
    bool any = false;
    for (const struct dirent *item; (item = readdir(stream));)
        any = any || (item->d_name[0] == '.' && strlen(item->d_name) > 2);
    closedir(stream);
    return any;
}

static void clean(void)
{
    rig_remove_directory(directory);
}

TestSuite(keychange, .init = open_directory, .fini = clean);

Test(keychange, makes_all_of_it)
{
    umask(0777);
    P11dKeyChange change = begin();
    cr_assert(has("one", "one") && has("two", "two") && has("new", NULL));
    cr_assert_eq(p11d_keychange_commit(&change), CKR_OK);
    cr_assert(p11d_keychange_is_pending(directory));
    cr_assert_eq(p11d_keychange_finish(directory), CKR_OK);
    cr_assert(has("one", "changed") && has("two", NULL) && has("new", "new"));
    cr_assert(has_mode("one", 0640) && has_mode("new", 0600));
    cr_assert_not(p11d_keychange_is_pending(directory));
    cr_assert_eq(p11d_keychange_finish(directory), CKR_OK, "there is nothing to be made");
    cr_assert(has("one", "changed") && has("two", NULL) && has("new", "new"));
}

Test(keychange, makes_nothing_of_what_is_not_committed)
{
    P11dKeyChange change = begin();
    p11d_keychange_abandon(&change);
    cr_assert_eq(p11d_keychange_finish(directory), CKR_OK);
    cr_assert(has("one", "one") && has("two", "two") && has("new", NULL));
    cr_assert(!has_hidden(), "nothing is left of it");
}

Test(keychange, leaves_alone_what_somebody_replaced_since)
{
    P11dKeyChange change = begin();
    cr_assert_eq(p11d_keychange_commit(&change), CKR_OK);
    char path[512], other[512];
    for (size_t i = 0; i < 2; i++) {
        write_text("other", "theirs", 0600);
        snprintf(other, sizeof other, "%s/other", directory);
        snprintf(path, sizeof path, "%s/%s", directory, before[i]);
        cr_assert_eq(rename(other, path), 0);
    }
    write_text("new", "theirs", 0600);
    cr_assert_eq(p11d_keychange_finish(directory), CKR_OK);
    cr_assert(has("one", "theirs") && has("two", "theirs") && has("new", "theirs"));
    cr_assert_not(p11d_keychange_is_pending(directory));
}

/* What a file would be called that is to take the place of name. */
static void find_pending(const char *name, char path[512])
{
    struct stat status;
    snprintf(path, 512, "%s/%s", directory, name);
    cr_assert_eq(stat(path, &status), 0);
    snprintf(path, 512, "%s/.p11dbus-change.%llu.%s", directory, (unsigned long long)status.st_ino,
             name);
}

Test(keychange, makes_nothing_that_is_not_its_own)
{
    char path[512], other[512];
    write_text("three", "three", 0600);
    write_text("four", "four", 0600);
    find_pending("three", path);
    cr_assert_eq(symlink("four", path), 0);
    find_pending("four", path);
    snprintf(other, sizeof other, "%s/three", directory);
    cr_assert_eq(link(other, path), 0);
    write_text(".p11dbus-change.x", "", 0600);
    write_text(".p11dbus-change.1.", "", 0600);
    P11dKeyChange change = begin();
    snprintf(path, sizeof path, "%s/.p11dbus-commit", directory);
    cr_assert_eq(symlink("three", path), 0);
    cr_expect_not(p11d_keychange_is_pending(directory), "nobody has committed it");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(p11d_keychange_commit(&change), CKR_OK);
    cr_expect_eq(p11d_keychange_finish(directory), CKR_OK);
    cr_expect(has("one", "changed") && has("two", NULL) && has("new", "new"));
    cr_expect(has("three", "three") && has("four", "four"));
    snprintf(path, sizeof path, "%s/three", directory);
    struct stat status;
    cr_expect(lstat(path, &status) == 0 && S_ISREG(status.st_mode));
    cr_expect_not(p11d_keychange_is_pending(directory));
}

/* Whether a token of the directory has the key "one". */
static bool serves_one(bool may_write)
{
    writable = may_write;
    open_token();
    list_all();
    bool serves = has_one();
    token->operations->close(view);
    token->operations->free(token);
    return serves;
}

Test(keychange, is_completed_by_the_next_service_that_may_write)
{
    P11dKeyChange change = {.path = directory};
    write_key("one.key", NULL);
    put(&change, "one.key", NULL);
    cr_assert_eq(p11d_keychange_commit(&change), CKR_OK);
    cr_assert(serves_one(false));
    cr_assert(p11d_keychange_is_pending(directory));
    cr_assert_not(serves_one(true));
    cr_assert_not(p11d_keychange_is_pending(directory));
    p11d_servedkey_teardown();
}

Test(keychange, is_one_at_a_time)
{
    int first, second;
    cr_assert_eq(p11d_keystore_lock(directory, 1000, &first), CKR_OK);
    cr_assert(has_mode(".p11dbus-lock", 0600));
    cr_assert_eq(p11d_keystore_lock(directory, 0, &second), CKR_DEVICE_ERROR);
    p11d_keystore_unlock(first);
    cr_assert_eq(p11d_keystore_lock(directory, 0, &second), CKR_OK);
    p11d_keystore_unlock(second);
}

/* --- two services --- */

#define EACH 12

static const CK_BBOOL yes = CK_TRUE;
static const CK_OBJECT_CLASS data = CKO_DATA;

/* One of two tokens of the same directory. */
typedef struct Service {
    P11dWorkerToken *token;
    P11dView *view;
    CK_ATTRIBUTE_TYPE type; /* that it changes */
    uint64_t shared;
    bool ok;
} Service;

static CK_RV act(Service *self, const char *method, const P11dArguments *arguments, uint64_t *id)
{
    P11dActCall call = {.arguments = arguments};
    const P11dAct *row = self->token->acts;
    while (strcmp(row->method, method) != 0)
        row++;
    p11d_buffer_init(&call.output, 64);
    CK_RV rv = row->perform(self->view, &call);
    *id = call.results.objects[0];
    p11d_buffer_clear(&call.output);
    return rv;
}

static uint64_t create(Service *self, const char *value)
{
    uint64_t id = 0;
    const CK_ATTRIBUTE items[] = {{CKA_CLASS, (void *)(uintptr_t)&data, sizeof data},
                                  {CKA_TOKEN, (void *)(uintptr_t)&yes, 1},
                                  {CKA_LABEL, (void *)(uintptr_t) "same", 4},
                                  {CKA_VALUE, (void *)(uintptr_t)value, strlen(value)}};
    const P11dArguments arguments = {.templates = {{.items = items, .count = 4}}};
    self->ok = act(self, "CreateObject", &arguments, &id) == CKR_OK && self->ok;
    return id;
}

static void *serve(void *opaque)
{
    Service *self = opaque;
    uint64_t id;
    for (unsigned i = 0; i < EACH; i++) {
        const CK_ATTRIBUTE items[] = {{self->type, &i, sizeof i}};
        const P11dArguments arguments = {.objects = {self->shared},
                                         .templates = {{.items = items, .count = 1}}};
        create(self, "value");
        self->ok = act(self, "SetAttributes", &arguments, &id) == CKR_OK && self->ok;
    }
    return NULL;
}

/* Whether the file has that text in it. */
static bool file_says(const char *name, const char *text)
{
    char path[512], content[1024] = "";
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file);
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    fclose(file);
    return strstr(content, text);
}

static uint64_t find_shared(Service *self)
{
    list_as(self->view, 0);
    return list.count > 0 ? list.objects[0].id : 0;
}

Test(keychange, of_two_services_none_undoes_what_the_other_wrote)
{
    Service services[2] = {{.type = CKA_APPLICATION, .ok = true},
                           {.type = CKA_OBJECT_ID, .ok = true}};
    pthread_t threads[2];
    const unsigned last = EACH - 1;
    writable = true;
    for (int i = 0; i < 2; i++) {
        open_token();
        services[i].token = token;
        services[i].view = view;
        if (i == 0)
            create(&services[0], "shared");
        services[i].shared = find_shared(&services[i]);
    }
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, serve, &services[i]), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_expect(services[i].ok);
        services[i].token->operations->close(services[i].view);
        services[i].token->operations->free(services[i].token);
    }
    open_token();
    list_all();
    cr_assert_eq(list.count, 2 * EACH + 1);
    char text[64];
    snprintf(text, sizeof text, "object-id: 0x%02x%02x%02x%02x\n", last & 255, 0, 0, 0);
    cr_assert(file_says("same.pem", text));
    cr_assert(file_says("same.pem", "application: "));
    token->operations->close(view);
    token->operations->free(token);
    p11d_servedkey_teardown();
}
