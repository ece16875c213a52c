// SPDX-License-Identifier: MIT
/*
 * What a signature costs: a bare socket round trip, OpenSSL in this process, p11dbus.so, and SoftHSM
 * in this process, all in one run, in turn, round by round, so that the ratios hold on a noisy
 * machine.
 *
 * usage: bench-sign P11DBUS_MODULE SOFTHSM_MODULE KEYS
 *   KEYS: directory with p256.key and rsa.key; both modules have tokens with these keys, labelled
 *   "p256" and "rsa"; SoftHSM's user PIN is 1234.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hash.h"
#include "loader.h"

#define ROUNDS 7
#define ROUND_MILLISECONDS 300
#define MESSAGE_SIZE 200 /* bytes: about what a Sign call takes */
#define MAX_THREADS 2

static void fail(const char *what)
{
    fprintf(stderr, "bench-sign: %s\n", what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One thing to measure: setup makes what one thread needs, work does it once. */
typedef struct Subject {
    const char *label;
    unsigned threads;
    void *(*setup)(const struct Subject *subject);
    void (*work)(void *state);
    void (*teardown)(void *state);
    const void *argument;
    double rates[ROUNDS]; /* per second, all threads together */
} Subject;

typedef struct Key {
    const char *label;
    EVP_PKEY *pkey;
    CK_MECHANISM_TYPE mechanism;
    uint8_t input[P11D_HASH_MAX_PREFIX + 32];
    size_t input_size;
} Key;

/* --- a bare socket round trip --- */

static void *round_trip_setup(const Subject *subject)
{
    (void)subject;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        fail("socketpair");
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        char bytes[MESSAGE_SIZE];
        close(pair[0]);
        while (recv(pair[1], bytes, sizeof bytes, MSG_WAITALL) == MESSAGE_SIZE)
            send(pair[1], bytes, sizeof bytes, MSG_NOSIGNAL);
        _exit(0);
    }
    close(pair[1]);
    int *end = malloc(sizeof *end);
    *end = pair[0];
    return end;
}

static void round_trip_work(void *state)
{
    char bytes[MESSAGE_SIZE] = {0};
    int end = *(int *)state;
    if (send(end, bytes, sizeof bytes, MSG_NOSIGNAL) != MESSAGE_SIZE ||
        recv(end, bytes, sizeof bytes, MSG_WAITALL) != MESSAGE_SIZE)
        fail("the echo process ended");
}

static void round_trip_teardown(void *state)
{
    close(*(int *)state);
    free(state);
    wait(NULL);
}

/* --- OpenSSL in this process --- */

static void *openssl_setup(const Subject *subject)
{
    return (void *)subject->argument;
}

static void openssl_work(void *state)
{
    const Key *key = state;
    uint8_t signature[512];
    size_t size = sizeof signature;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pkey, NULL);
    if (!context || EVP_PKEY_sign_init(context) != 1 ||
        EVP_PKEY_sign(context, signature, &size, key->input, key->input_size) != 1)
        fail("OpenSSL does not sign");
    EVP_PKEY_CTX_free(context);
}

static void openssl_teardown(void *state)
{
    (void)state;
}

/* --- a PKCS#11 module --- */

typedef struct Token {
    CK_FUNCTION_LIST *functions;
    CK_SLOT_ID slot;
    const Key *key;
} Token;

typedef struct Signer {
    const Token *token;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
} Signer;

static void *signer_setup(const Subject *subject)
{
    const Token *token = subject->argument;
    Signer *signer = malloc(sizeof *signer);
    signer->token = token;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_LABEL, (void *)token->key->label, strlen(token->key->label)},
    };
    CK_ULONG count = 0;
    if (token->functions->C_OpenSession(token->slot, CKF_SERIAL_SESSION, NULL, NULL,
                                        &signer->session) != CKR_OK ||
        token->functions->C_FindObjectsInit(signer->session, template, 2) != CKR_OK ||
        token->functions->C_FindObjects(signer->session, &signer->key, 1, &count) != CKR_OK ||
        count != 1 || token->functions->C_FindObjectsFinal(signer->session) != CKR_OK)
        fail("the key is not on the token");
    return signer;
}

static void signer_work(void *state)
{
    Signer *signer = state;
    const Key *key = signer->token->key;
    CK_MECHANISM mechanism = {key->mechanism, NULL, 0};
    uint8_t signature[512];
    CK_ULONG size = sizeof signature;
    if (signer->token->functions->C_SignInit(signer->session, &mechanism, signer->key) != CKR_OK ||
        signer->token->functions->C_Sign(signer->session, (void *)key->input, key->input_size,
                                         signature, &size) != CKR_OK)
        fail("the module does not sign");
}

static void signer_teardown(void *state)
{
    Signer *signer = state;
    signer->token->functions->C_CloseSession(signer->session);
    free(signer);
}

/* The first slot with a token of this module; logs in with pin unless it is NULL. */
static CK_SLOT_ID open_token(CK_FUNCTION_LIST *functions, const char *pin)
{
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;
    CK_SESSION_HANDLE session;
    if (functions->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK || count == 0)
        fail("no token");
    /* Stays open: the login lasts as long as one session does. */
    if (pin && (functions->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session) !=
                    CKR_OK ||
                functions->C_Login(session, CKU_USER, (void *)pin, strlen(pin)) != CKR_OK))
        fail("login failed");
    return slots[0];
}

static CK_FUNCTION_LIST *load(const char *path)
{
    P11dLibrary *library;
    const char *error = p11d_loader_open(path, &library);
    if (error)
        fail(error);
    if (p11d_loader_initialize(library, NULL) != CKR_OK)
        fail("C_Initialize failed");
    return library->functions;
}

/* --- measuring --- */

typedef struct Worker {
    const Subject *subject;
    pthread_barrier_t *start;
    atomic_bool *stop;
    unsigned long done;
} Worker;

static void *worker_main(void *data)
{
    Worker *worker = data;
    void *state = worker->subject->setup(worker->subject);
    worker->subject->work(state);
    pthread_barrier_wait(worker->start);
    while (!atomic_load_explicit(worker->stop, memory_order_relaxed)) {
        worker->subject->work(state);
        worker->done++;
    }
    worker->subject->teardown(state);
    return NULL;
}

static double rate_of(const Subject *subject)
{
    pthread_barrier_t start;
    atomic_bool stop = false;
    pthread_t threads[MAX_THREADS];
    Worker workers[MAX_THREADS];
    pthread_barrier_init(&start, NULL, subject->threads + 1);
    for (unsigned i = 0; i < subject->threads; i++) {
        workers[i] = (Worker){subject, &start, &stop, 0};
        if (pthread_create(&threads[i], NULL, worker_main, &workers[i]) != 0)
            fail("pthread_create");
    }
    pthread_barrier_wait(&start);
    double begin = now();
    struct timespec pause = {.tv_nsec = ROUND_MILLISECONDS * 1000000L};
    nanosleep(&pause, NULL);
    atomic_store(&stop, true);
    double seconds = now() - begin;
    unsigned long done = 0;
    for (unsigned i = 0; i < subject->threads; i++) {
        pthread_join(threads[i], NULL);
        done += workers[i].done;
    }
    pthread_barrier_destroy(&start);
    return (double)done / seconds;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const Subject *subject)
{
    double sorted[ROUNDS];
    memcpy(sorted, subject->rates, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof sorted[0], compare_doubles);
    return sorted[ROUNDS / 2];
}

static void load_key(Key *key, const char *directory, const char *label,
                     CK_MECHANISM_TYPE mechanism)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.key", directory, label);
    FILE *file = fopen(path, "r");
    *key = (Key){.label = label, .mechanism = mechanism};
    key->pkey = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    if (!key->pkey)
        fail(path);
    fclose(file);
    if (mechanism == CKM_RSA_PKCS) {
        const P11dHash *hash = p11d_hash_of_mechanism(CKM_SHA256);
        memcpy(key->input, hash->prefix, hash->prefix_size);
        key->input_size = hash->prefix_size;
    }
    memset(key->input + key->input_size, 0x5a, 32);
    key->input_size += 32;
}

enum { ROUND_TRIP, OPENSSL, OURS, OURS_2, SOFTHSM, SOFTHSM_2, SUBJECTS };

static void report(const char *label, const Subject *subjects)
{
    double rates[SUBJECTS];
    printf("\n%s\n", label);
    for (int i = 0; i < SUBJECTS; i++) {
        rates[i] = median(&subjects[i]);
        printf("  %-34s %10.0f /s %10.1f us\n", subjects[i].label, rates[i],
               1e6 * subjects[i].threads / rates[i]);
    }
    printf("  p11dbus.so, 1 thread  = %.2f x (round trip + OpenSSL)      aim: at most 1.30\n",
           1 / rates[OURS] / (1 / rates[ROUND_TRIP] + 1 / rates[OPENSSL]));
    printf("  p11dbus.so, 2 threads = %.2f x SoftHSM with 2 threads      aim: at least 1.50\n",
           rates[OURS_2] / rates[SOFTHSM_2]);
}

static void measure(const Key *key, CK_FUNCTION_LIST *ours, CK_FUNCTION_LIST *softhsm)
{
    Token our_token = {ours, open_token(ours, NULL), key};
    Token softhsm_token = {softhsm, open_token(softhsm, NULL), key};
    Subject subjects[SUBJECTS] = {
        [ROUND_TRIP] = {"socket round trip, 200 bytes", 1, round_trip_setup, round_trip_work,
                        round_trip_teardown, NULL},
        [OPENSSL] = {"OpenSSL in process", 1, openssl_setup, openssl_work, openssl_teardown, key},
        [OURS] = {"p11dbus.so, 1 thread", 1, signer_setup, signer_work, signer_teardown,
                  &our_token},
        [OURS_2] = {"p11dbus.so, 2 threads", 2, signer_setup, signer_work, signer_teardown,
                    &our_token},
        [SOFTHSM] = {"SoftHSM in process, 1 thread", 1, signer_setup, signer_work,
                     signer_teardown, &softhsm_token},
        [SOFTHSM_2] = {"SoftHSM in process, 2 threads", 2, signer_setup, signer_work,
                       signer_teardown, &softhsm_token},
    };
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < SUBJECTS; i++)
            subjects[i].rates[round] = rate_of(&subjects[i]);
    }
    report(key->mechanism == CKM_ECDSA ? "ECDSA P-256" : "RSA-2048 PKCS #1 v1.5", subjects);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench-sign P11DBUS_MODULE SOFTHSM_MODULE KEYS\n");
        return 2;
    }
    Key p256, rsa;
    load_key(&p256, argv[3], "p256", CKM_ECDSA);
    load_key(&rsa, argv[3], "rsa", CKM_RSA_PKCS);
    CK_FUNCTION_LIST *ours = load(argv[1]);
    CK_FUNCTION_LIST *softhsm = load(argv[2]);
    open_token(softhsm, "1234");
    printf("Medians of %d rounds of %d ms each, taken in turn.\n", ROUNDS, ROUND_MILLISECONDS);
    measure(&p256, ours, softhsm);
    measure(&rsa, ours, softhsm);
    p11d_loader_finalize_all();
    EVP_PKEY_free(p256.pkey);
    EVP_PKEY_free(rsa.pkey);
    return 0;
}
