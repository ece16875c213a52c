// SPDX-License-Identifier: MIT
/*
 * Threads do everything at once, over and over: sign, search, digest, log in and out, open and
 * close sessions, wait for slots, while the service changes its objects and one thread finalises
 * and initialises under the others. Every call must end, and with a result that can be explained. A
 * plain program, made for ThreadSanitizer.
 * usage: hammer [ROUNDS]
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static atomic_bool over;
static atomic_uint good;

/* What may come of a call when sessions and the whole module vanish under it. */
static void allow(const char *what, CK_RV value)
{
    static const CK_RV allowed[] = {
        CKR_OK,
        CKR_CRYPTOKI_NOT_INITIALIZED,
        CKR_SESSION_HANDLE_INVALID,
        CKR_KEY_HANDLE_INVALID,
        CKR_OBJECT_HANDLE_INVALID,
        CKR_USER_ALREADY_LOGGED_IN,
        CKR_USER_NOT_LOGGED_IN,
        CKR_OPERATION_ACTIVE,
        CKR_OPERATION_NOT_INITIALIZED,
        CKR_SLOT_ID_INVALID,
        CKR_NO_EVENT,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(allowed); i++) {
        if (allowed[i] == value) {
            if (value == CKR_OK)
                atomic_fetch_add(&good, 1);
            return;
        }
    }
    stage_fail("%s: 0x%lx", what, value);
}

static CK_OBJECT_HANDLE find_key(CK_SESSION_HANDLE session)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE templ = {CKA_CLASS, &class, sizeof class};
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG count = 0;
    const CK_RV value = m->C_FindObjectsInit(session, &templ, 1);
    allow("C_FindObjectsInit", value);
    if (value == CKR_OK) {
        allow("C_FindObjects", m->C_FindObjects(session, &key, 1, &count));
        allow("C_FindObjectsFinal", m->C_FindObjectsFinal(session));
    }
    return key;
}

static void *work(void *data)
{
    (void)data;
    CK_BYTE bytes[512];
    CK_ULONG size;
    CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};
    while (!atomic_load(&over)) {
        CK_SESSION_HANDLE session = 0;
        allow("C_OpenSession", m->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &session));
        const CK_OBJECT_HANDLE key = find_key(session);
        for (int i = 0; i < 5; i++)
            allow("sign", stage_sign(&stage, session, CKM_ECDSA_SHA256, key, bytes, &size));
        CK_ATTRIBUTE label = {CKA_LABEL, bytes, sizeof bytes};
        allow("C_GetAttributeValue", m->C_GetAttributeValue(session, key, &label, 1));
        size = sizeof bytes;
        allow("C_DigestInit", m->C_DigestInit(session, &sha256));
        allow("C_Digest", m->C_Digest(session, bytes, sizeof bytes, bytes, &size));
        allow("C_CloseSession", m->C_CloseSession(session));
    }
    return NULL;
}

static void *log_in_and_out(void *data)
{
    (void)data;
    while (!atomic_load(&over)) {
        CK_SESSION_HANDLE session = 0;
        allow("C_OpenSession", m->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &session));
        allow("C_Login", m->C_Login(session, CKU_USER, (CK_BYTE *)"1234", 4));
        allow("C_Logout", m->C_Logout(session));
        allow("C_CloseSession", m->C_CloseSession(session));
    }
    return NULL;
}

static void *wait_for_slots(void *data)
{
    (void)data;
    CK_SLOT_ID slot;
    while (!atomic_load(&over)) {
        CK_ULONG count = 0;
        allow("C_GetSlotList", m->C_GetSlotList(CK_TRUE, NULL, &count));
        allow("C_WaitForSlotEvent", m->C_WaitForSlotEvent(0, &slot, NULL));
    }
    return NULL;
}

static void *(*const jobs[])(void *) = {work, work, work, log_in_and_out, wait_for_slots};

int main(int argc, char **argv)
{
    const unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 30;
    pthread_t threads[G_N_ELEMENTS(jobs)];
    stage_open(&stage);
    m = stage.module;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    for (size_t i = 0; i < G_N_ELEMENTS(jobs); i++)
        pthread_create(&threads[i], NULL, jobs[i], NULL);
    for (unsigned i = 0; i < rounds; i++) {
        const unsigned enough = atomic_load(&good) + 100;
        while (atomic_load(&good) < enough)
            stage_order(&stage, "changed");
        stage_ok(m->C_Finalize(NULL));
        stage_ok(stage_initialize(&stage, ""));
    }
    atomic_store(&over, true);
    stage_ok(m->C_Finalize(NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(jobs); i++)
        pthread_join(threads[i], NULL);
    printf("%u calls succeeded in %u rounds\n", atomic_load(&good), rounds);
    stage_close(&stage);
    return 0;
}
