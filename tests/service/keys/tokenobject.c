// SPDX-License-Identifier: MIT
/* Objects in the files of a directory, as clients make and change them at the same time. */
#include "tokenobject.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keyring.h"
#include "keytoken-fixture.h"

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static const CK_OBJECT_CLASS public_key = CKO_PUBLIC_KEY;
static const uint8_t p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};

static void set_up_writable(void)
{
    writable = true;
    set_up();
}

static CK_RV act(const char *method, P11dArguments arguments)
{
    P11dBuffer output;
    CK_RV rv = act_as(view, method, &arguments, &output);
    p11d_buffer_clear(&output);
    return rv;
}

static CK_RV generate(const CK_ATTRIBUTE *public, CK_ULONG public_count,
                      const CK_ATTRIBUTE *private, CK_ULONG private_count)
{
    return act("GenerateKeyPair",
               (P11dArguments){.mechanism.parameters.mechanism.mechanism = CKM_EC_KEY_PAIR_GEN,
                               .templates = {{.items = public, .count = public_count},
                                             {.items = private, .count = private_count}}});
}

Test(tokenobject, what_is_not_modifiable_is_not_made_anew, .init = set_up_writable,
     .fini = tear_down)
{
    const CK_ATTRIBUTE items[] = {{CKA_TOKEN, (void *)(uintptr_t)&yes, 1},
                                  {CKA_LABEL, (void *)(uintptr_t) "web", 3},
                                  {CKA_MODIFIABLE, (void *)(uintptr_t)&no, 1},
                                  {CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256}};
    cr_assert_eq(generate(items, 4, items, 3), CKR_OK);
    list_all();
    const RigObject *public = rig_find(&list, "public-key", "web");
    cr_assert_not_null(public);
    const CK_ATTRIBUTE again[] = {
        {CKA_CLASS, (void *)(uintptr_t)&public_key, sizeof public_key},
        {CKA_TOKEN, (void *)(uintptr_t)&yes, 1},
        {CKA_LABEL, (void *)(uintptr_t) "other", 5},
        {CKA_PUBLIC_KEY_INFO, (void *)(uintptr_t) public->value, public->value_size}};
    const P11dArguments arguments = {.templates = {{.items = again, .count = 4}}};
    cr_expect_eq(act("CreateObject", arguments), CKR_ACTION_PROHIBITED);
    list_all();
    cr_assert(id_of("public-key", "web"));
}

/* A thread that makes a key, and the number that the kernel has for it. */
typedef struct Maker {
    _Atomic pid_t id;
    CK_RV rv;
} Maker;

static void *make(void *data)
{
    Maker *maker = data;
    const CK_ATTRIBUTE items[] = {{CKA_TOKEN, (void *)(uintptr_t)&yes, 1},
                                  {CKA_LABEL, (void *)(uintptr_t) "web", 3},
                                  {CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256}};
    maker->id = gettid();
    maker->rv = generate(items, 3, items, 2);
    return NULL;
}

static bool sleeps(pid_t id)
{
    char path[64], state = 'R';
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)id);
    FILE *file = id ? fopen(path, "re") : NULL;
    int found = file ? fscanf(file, "%*d (%*[^)]) %c", &state) : 0;
    if (file)
        fclose(file);
    return found == 1 && state == 'S';
}

Test(tokenobject, a_key_is_not_made_open_while_a_first_pin_is_given, .init = set_up_writable,
     .fini = tear_down)
{
    P11dKeyRing *ring = ((P11dKeyView *)(void *)view)->ring;
    const P11dTokenState state = {.user.set = true};
    P11dKeyChange change = {.path = ring->path};
    Maker maker = {0};
    pthread_t thread;
    cr_assert_eq(p11d_keyring_begin_writing(ring), CKR_OK);
    cr_assert_eq(pthread_create(&thread, NULL, make, &maker), 0);
    while (!sleeps(maker.id)) /* it waits for us */
        sched_yield();
    cr_assert_eq(p11d_tokenstate_put(&state, &change), CKR_OK);
    cr_assert_eq(p11d_keyring_change(ring, &change, CKR_OK), CKR_OK);
    p11d_keyring_end_writing(ring);
    pthread_join(thread, NULL);
    cr_expect_eq(maker.rv, CKR_USER_NOT_LOGGED_IN);
    list_all();
    cr_expect_eq(list.count, 0);
}

Test(tokenobject, any_number_of_them_has_the_same_label, .init = open_directory, .fini = tear_down)
{
    static const CK_OBJECT_CLASS data = CKO_DATA;
    const CK_ATTRIBUTE items[] = {{CKA_CLASS, (void *)(uintptr_t)&data, sizeof data},
                                  {CKA_TOKEN, (void *)(uintptr_t)&yes, 1},
                                  {CKA_LABEL, (void *)(uintptr_t) "note", 4}};
    uint64_t ids[2];
    char name[64] = "note.pem";
    for (int i = 2; i <= 10000; i++) {
        rig_write_file(directory, name, "", 0, 0600);
        snprintf(name, sizeof name, "note-%d.pem", i);
    }
    writable = true;
    open_token();
    cr_assert_eq(create_as(view, items, 3, &ids[0]), CKR_OK);
    cr_assert_eq(create_as(view, items, 3, &ids[1]), CKR_OK);
    cr_assert_neq(ids[0], ids[1]);
}
