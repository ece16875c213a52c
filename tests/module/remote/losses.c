// SPDX-License-Identifier: MIT
/*
 * Threads open sessions and sign while the host shuts down every socket there is, over and over:
 * connections are lost while other threads wait for them, or have just seen them succeed. Calls
 * may fail, but they end, and afterwards all is as before. A plain program, made for the
 * sanitizers. usage: losses [ROUNDS]
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "stage.h"

#define THREADS 8
#define DESCRIPTORS 100

static Stage stage;
static atomic_bool over;
static atomic_uint calls;

static void *work(void *data)
{
    (void)data;
    CK_BYTE signature[512];
    CK_ULONG size;
    while (!atomic_load(&over)) {
        CK_SESSION_HANDLE session;
        if (stage.module->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &session) == CKR_OK) {
            CK_OBJECT_HANDLE key = 0;
            CK_ULONG count;
            if (stage.module->C_FindObjectsInit(session, NULL, 0) == CKR_OK) {
                stage.module->C_FindObjects(session, &key, 1, &count);
                stage.module->C_FindObjectsFinal(session);
            }
            stage_sign(&stage, session, CKM_ECDSA_SHA256, key, signature, &size);
            stage.module->C_CloseSession(session);
        }
        atomic_fetch_add(&calls, 1);
    }
    return NULL;
}

static void shut_down_sockets(void)
{
    for (int fd = 3; fd < DESCRIPTORS; fd++) {
        struct stat status;
        if (fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode))
            shutdown(fd, SHUT_RDWR);
    }
}

int main(int argc, char **argv)
{
    const unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 300;
    pthread_t threads[THREADS];
    stage_open(&stage);
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    stage_slot(&stage);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (unsigned i = 0; i < rounds; i++) {
        const unsigned enough = atomic_load(&calls) + 1 + i % 4;
        while (atomic_load(&calls) < enough)
            sched_yield();
        shut_down_sockets();
    }
    atomic_store(&over, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    const CK_SESSION_HANDLE session = stage_session(&stage);
    stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    printf("%u calls in %u rounds\n", atomic_load(&calls), rounds);
    stage_close(&stage);
    return 0;
}
