// SPDX-License-Identifier: MIT
/*
 * A test for ThreadSanitizer and AddressSanitizer, so a plain program: many clients at once open
 * channels, sign, log in and out, list, and hang up at any moment, while files come and go. Every
 * signature is checked. usage: hammer [ROUNDS]
 */
#include <openssl/ec.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

#define CLIENTS 8
#define CHANNELS 3

static Rig rig;
static pthread_mutex_t link_lock = PTHREAD_MUTEX_INITIALIZER;
static char *directory;
static EVP_PKEY *key;
static int rounds = 20;
static atomic_int signatures;

static bool verifies(const uint8_t *digest, const RigSignature *signature)
{
    uint8_t der[128], *end = der;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    ECDSA_SIG_set0(pair, BN_bin2bn(signature->bytes, 32, NULL),
                   BN_bin2bn(signature->bytes + 32, 32, NULL));
    int size = i2d_ECDSA_SIG(pair, &end);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    EVP_PKEY_verify_init(context);
    int ok = EVP_PKEY_verify(context, der, (size_t)size, digest, 32);
    EVP_PKEY_CTX_free(context);
    ECDSA_SIG_free(pair);
    return ok == 1;
}

static void sign_some(P11dChannel *channel, uint64_t id, int count)
{
    for (int i = 0; i < count; i++) {
        uint8_t digest[32];
        RigSignature signature;
        memset(digest, i, sizeof digest);
        const char *error =
            rig_sign(&rig, channel, id, "ecdsa", NULL, NULL, digest, sizeof digest, &signature);
        if (error && strcmp(error, "KeyHandleInvalid") != 0)
            rig_fail("Sign: %s", error);
        if (!error && !verifies(digest, &signature))
            rig_fail("a signature does not verify");
        signatures += !error;
    }
}

typedef struct Caller {
    P11dChannel channel;
    uint64_t key;
} Caller;

static void *call_channel(void *data)
{
    Caller *caller = data;
    sign_some(&caller->channel, caller->key, 20);
    return NULL;
}

static void run_client(unsigned seed)
{
    P11dChannel control;
    Caller callers[CHANNELS];
    pthread_t threads[CHANNELS];
    RigList *list = malloc(sizeof *list);

    pthread_mutex_lock(&link_lock);
    rig_client(&rig, &control);
    pthread_mutex_unlock(&link_lock);
    bool secret = seed % 2;
    const char *error = secret ? rig_login(&rig, &control, "user", "secret") : NULL;
    if (error)
        rig_fail("cannot log in: %s: %s", error, rig_log(&rig));
    if (rig_list(&rig, &control, 0, list))
        rig_fail("cannot list");
    uint64_t id = rig_find(list, "private-key", secret ? "locked" : "open")->id;
    for (int i = 0; i < CHANNELS; i++) {
        callers[i].key = id;
        if (rig_open(&rig, &control, &callers[i].channel))
            rig_fail("cannot open a channel");
        pthread_create(&threads[i], NULL, call_channel, &callers[i]);
    }
    if (secret && seed % 3 == 0 && rig_logout(&rig, &control))
        rig_fail("cannot log out");
    sign_some(&control, id, 5);
    if (rig_list(&rig, &control, list->generation, list))
        rig_fail("cannot list again");
    for (int i = 0; i < CHANNELS; i++)
        pthread_join(threads[i], NULL);
    if (seed % 5 == 0) /* the control channel first, or last */
        p11d_channel_clear(&control);
    for (int i = 0; i < CHANNELS; i++)
        p11d_channel_clear(&callers[i].channel);
    p11d_channel_clear(&control);
    free(list);
}

static void *client_thread(void *data)
{
    unsigned start = *(unsigned *)data;
    for (int i = 0; i < rounds; i++)
        run_client(start + (unsigned)i);
    return NULL;
}

/* What a client knows that only ever asks for differences. */
typedef struct Model {
    uint64_t ids[RIG_LIST_MAX];
    size_t count;
    uint64_t generation;
} Model;

static void apply(Model *model, const RigList *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < model->count && !list->complete; i++) {
        bool gone = false;
        for (size_t j = 0; j < list->removed_count; j++)
            gone = gone || list->removed[j] == model->ids[i];
        if (!gone)
            model->ids[kept++] = model->ids[i];
    }
    model->count = kept;
    for (size_t i = 0; i < list->count; i++)
        model->ids[model->count++] = list->objects[i].id;
    model->generation = list->generation;
}

static bool is_same(const Model *model, const RigList *list)
{
    size_t found = 0;
    for (size_t i = 0; i < list->count; i++) {
        for (size_t j = 0; j < model->count; j++)
            found += model->ids[j] == list->objects[i].id;
    }
    return found == list->count && model->count == list->count;
}

static atomic_bool finished;

/* Differences add up to what a complete list says. */
static void *follow_changes(void *data)
{
    P11dChannel control;
    Model model = {0};
    RigList *list = malloc(sizeof *list);
    int compared = 0;
    (void)data;
    pthread_mutex_lock(&link_lock);
    rig_client(&rig, &control);
    pthread_mutex_unlock(&link_lock);
    for (int i = 0; !finished || compared == 0; i++) {
        if (i % 8 == 0 && rig_login(&rig, &control, "user", "secret"))
            rig_fail("cannot log in to follow");
        if (i % 8 == 4 && rig_logout(&rig, &control))
            rig_fail("cannot log out again");
        if (rig_list(&rig, &control, model.generation, list))
            rig_fail("cannot list the difference");
        apply(&model, list);
        if (rig_list(&rig, &control, 0, list))
            rig_fail("cannot list everything");
        if (list->generation != model.generation)
            continue;
        compared++;
        if (!is_same(&model, list))
            rig_fail("the differences do not add up");
    }
    p11d_channel_clear(&control);
    free(list);
    return NULL;
}

/* Eight files, of which four are there at any time. */
static void *change_files(void *data)
{
    char path[1024];
    (void)data;
    for (int i = 0; !finished; i++) {
        char name[] = "more-0.pub";
        name[5] = (char)('0' + i % 8);
        rig_write_public(directory, name, key);
        name[5] = (char)('0' + (i + 4) % 8);
        snprintf(path, sizeof path, "%s/%s", directory, name);
        unlink(path);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[CLIENTS], changer, follower;
    unsigned starts[CLIENTS];

    if (argc > 1)
        rounds = atoi(argv[1]);
    directory = rig_make_directory();
    key = rig_generate("EC:P-256");
    rig_write_key(directory, "open.key", key, RIG_PKCS8, NULL);
    rig_write_key(directory, "locked.key", key, RIG_PKCS8, "secret");
    rig_start(&rig, directory);
    for (unsigned i = 0; i < CLIENTS; i++) {
        starts[i] = 7 * i;
        pthread_create(&threads[i], NULL, client_thread, &starts[i]);
    }
    pthread_create(&changer, NULL, change_files, NULL);
    pthread_create(&follower, NULL, follow_changes, NULL);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    finished = true;
    pthread_join(changer, NULL);
    pthread_join(follower, NULL);
    int status = rig_stop(&rig);
    printf("%d signatures verified, worker ended with %d\n", signatures, status);
    EVP_PKEY_free(key);
    rig_remove_directory(directory);
    return status;
}
