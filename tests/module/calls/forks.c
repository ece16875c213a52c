// SPDX-License-Identifier: MIT
/*
 * Three threads sign while children are forked, one after another: each child finds that nothing is
 * initialised, initialises, signs, and ends. None may hang, and the parent's login must outlive
 * them all. A plain program: fork from a test framework tests the framework.
 * usage: forks CHILDREN fake|real   (the service)
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"

#define THREADS 3

static Stage stage;
static atomic_bool over;
static atomic_uint signatures;
static bool real;

static void sign_once(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_BYTE signature[512];
    CK_ULONG size;
    stage_ok(stage_sign(&stage, session, CKM_ECDSA_SHA256, key, signature, &size));
}

static void *keep_signing(void *data)
{
    (void)data;
    const CK_SESSION_HANDLE session = stage_session(&stage);
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    while (!atomic_load(&over)) {
        sign_once(session, key);
        atomic_fetch_add(&signatures, 1);
    }
    return NULL;
}

static void trap_fork_child_not_initialized(unsigned number)
{
    CK_INFO info;
    CK_ULONG count;
    alarm(60); /* one that hangs is found by its death */
    stage_expect(CKR_CRYPTOKI_NOT_INITIALIZED, stage.module->C_GetInfo(&info));
    stage_expect(CKR_CRYPTOKI_NOT_INITIALIZED, stage.module->C_GetSlotList(CK_TRUE, NULL, &count));
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    sign_once(session, stage_find(&stage, session, CKO_PRIVATE_KEY, "ec"));
    if (number % 2)
        stage_ok(stage.module->C_Finalize(NULL));
    _exit(0);
}

static void expect_good_end(pid_t child)
{
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        stage_fail("child ended with status 0x%x", status);
}

/* Children that run no atfork handlers: here the wiped page must tell. Allocating is not allowed in
 * such a child of a threaded process, so it only asks. */
static void trap_fork_child_not_initialized__without_handlers(bool raw)
{
    const pid_t child = raw ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : _Fork();
    if (child == 0) {
        CK_INFO info;
        alarm(60);
        const CK_RV value = stage.module->C_GetInfo(&info);
        _exit(value == CKR_CRYPTOKI_NOT_INITIALIZED ? 0 : 1);
    }
    expect_good_end(child);
}

/* A host that dies without a word, and leaves a child that never calls the module: says that it is
 * there, and ends with the test. */
static void die_and_leave_a_child(const int ready[2], const int end[2])
{
    char byte = 0;
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    sign_once(session, stage_find(&stage, session, CKO_PRIVATE_KEY, "ec"));
    if (fork() == 0) {
        close(end[1]);
        _exit(write(ready[1], &byte, 1) == 1 && read(end[0], &byte, 1) == 0 ? 0 : 1);
    }
    _exit(0);
}

/* The death of a host must be seen by the service though a child of it lives: that holds no copies
 * of its descriptors. */
static void trap_child_holds_no_descriptor(void)
{
    int ready[2], end[2];
    char byte;
    if (pipe(ready) != 0 || pipe(end) != 0)
        stage_fail("pipe");
    stage_order(&stage, "calm"); /* what happened before is handled before */
    const unsigned before = stage_count(&stage, "hangup control");
    const pid_t host = fork();
    if (host == 0)
        die_and_leave_a_child(ready, end);
    expect_good_end(host);
    stage_check(read(ready[0], &byte, 1) == 1);
    stage_order(&stage, "calm");
    stage_check(stage_count(&stage, "hangup control") == before + 1);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(end[i]);
    }
}

/* In a process without threads a child of _Fork may do all that others may. */
static void trap_fork_child_not_initialized__and_begins_anew(void)
{
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    sign_once(session, key);
    const pid_t child = _Fork();
    if (child == 0)
        trap_fork_child_not_initialized(1);
    expect_good_end(child);
    sign_once(session, key);
    stage_ok(stage.module->C_Finalize(NULL));
}

int main(int argc, char **argv)
{
    const unsigned children = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
    real = argc > 2 && strcmp(argv[2], "real") == 0;
    pthread_t threads[THREADS];
    CK_SESSION_INFO info;
    stage_open(&stage);
    if (real)
        stage_serve(&stage, "ec:p256 locked:p256:1234");
    else
        stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    stage_ok(stage.module->C_Login(session, CKU_USER, (CK_BYTE *)"1234", 4));
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, keep_signing, NULL);
    for (unsigned i = 0; i < children; i++) {
        const pid_t child = fork();
        if (child == 0)
            trap_fork_child_not_initialized(i);
        expect_good_end(child);
        if (i % 10 == 0)
            trap_fork_child_not_initialized__without_handlers(i % 20 == 0);
    }
    atomic_store(&over, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    stage_ok(stage.module->C_GetSessionInfo(session, &info));
    stage_check(info.state == CKS_RO_USER_FUNCTIONS);
    /* The service has us logged in still. */
    if (real)
        sign_once(session, stage_find(&stage, session, CKO_PRIVATE_KEY, "locked"));
    else
        stage_check(stage_search(&stage, session) == 5);
    stage_ok(stage.module->C_Finalize(NULL));
    if (!real)
        trap_child_holds_no_descriptor();
    trap_fork_child_not_initialized__and_begins_anew();
    printf("%u children, %u signatures meanwhile\n", children, atomic_load(&signatures));
    stage_close(&stage);
    return 0;
}
