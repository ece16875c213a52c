// SPDX-License-Identifier: MIT
/*
 * Not a test: prints how many P-256 signatures a second the worker makes over one channel and over
 * two, and how many OpenSSL makes in this process, on the same machine in the same run.
 * usage: bench-sign [COUNT]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rig.h"

static Rig rig;
static uint64_t key;
static int count;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *sign_many(void *data)
{
    P11dChannel *channel = data;
    uint8_t digest[32] = {1};
    RigSignature signature;
    for (int i = 0; i < count; i++) {
        const char *error =
            rig_sign(&rig, channel, key, "ecdsa", NULL, NULL, digest, sizeof digest, &signature);
        if (error)
            rig_fail("Sign: %s", error);
    }
    return NULL;
}

static void *ping_many(void *data)
{
    for (int i = 0; i < count; i++) {
        P11dWriter writer;
        P11dMessage reply;
        rig_begin(&rig, data, &writer, p11d_interface_peer.name, "Ping", "");
        const char *error = rig_call(data, &writer, &reply);
        if (error)
            rig_fail("Ping: %s", error);
    }
    return NULL;
}

static void *sign_here(void *data)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, data, NULL);
    uint8_t digest[32] = {1}, signature[256];
    EVP_PKEY_sign_init(context);
    for (int i = 0; i < count; i++) {
        size_t size = sizeof signature;
        EVP_PKEY_sign(context, signature, &size, digest, sizeof digest);
    }
    EVP_PKEY_CTX_free(context);
    return NULL;
}

static void measure(const char *what, void *(*work)(void *), void *a, void *b)
{
    pthread_t thread;
    double start = now();
    if (b)
        pthread_create(&thread, NULL, work, b);
    work(a);
    if (b)
        pthread_join(thread, NULL);
    double rate = count * (b ? 2 : 1) / (now() - start);
    printf("%-40s %9.0f/s  %6.1f us\n", what, rate, 1e6 * (b ? 2 : 1) / rate);
}

int main(int argc, char **argv)
{
    char *directory = rig_make_directory();
    EVP_PKEY *local = rig_generate("EC:P-256");
    P11dChannel control, a, b;
    static RigList list;

    count = argc > 1 ? atoi(argv[1]) : 20000;
    rig_write_key(directory, "key.key", local, RIG_PKCS8, NULL);
    rig_start(&rig, directory);
    rig_client(&rig, &control);
    if (rig_list(&rig, &control, 0, &list) || rig_open(&rig, &control, &a) ||
        rig_open(&rig, &control, &b))
        rig_fail("cannot open channels");
    key = rig_find(&list, "private-key", "key")->id;

    measure("OpenSSL here, one thread", sign_here, local, NULL);
    measure("OpenSSL here, two threads", sign_here, local, local);
    measure("Ping over one channel", ping_many, &a, NULL);
    measure("Sign P-256 over one channel", sign_many, &a, NULL);
    measure("Sign P-256 over two channels", sign_many, &a, &b);

    p11d_channel_clear(&a);
    p11d_channel_clear(&b);
    p11d_channel_clear(&control);
    EVP_PKEY_free(local);
    rig_remove_directory(directory);
    return rig_stop(&rig);
}
