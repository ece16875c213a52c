// SPDX-License-Identifier: MIT
/*
 * A stage is what a test of the module plays on: a directory, a private message bus, the fake
 * service, and the module itself, loaded as a host loads it. Nothing here depends on a test
 * framework, so plain programs use it too: what goes wrong ends the program with a message. All
 * processes end with the one that started them.
 */
#ifndef P11D_TEST_STAGE_H
#define P11D_TEST_STAGE_H

#include <glib.h>

#include "pkcs11.h"

typedef struct Stage {
    char *directory;
    char *address;     /* of the bus */
    char *log;         /* path: what arrived at the service */
    char *keys;        /* path: key directory of the real service, NULL: none */
    gboolean writable; /* the real service may write there */
    GPid bus;
    GPid service; /* 0: none */
    int commands; /* to the fake service */
    int replies;
    CK_FUNCTION_LIST *module;
    CK_FUNCTION_LIST_3_2 *modern; /* the same module's newer list */
} Stage;

/* Makes the directory, starts the bus, loads the module; initialises nothing. */
void stage_open(Stage *stage);
/* Finalises the module if need be, ends the processes, removes the directory. */
void stage_close(Stage *stage);

/* Starts the fake service with these words (see fake-service.c) and waits until it owns its name.
 */
void stage_start(Stage *stage, const char *words);
/* Lets the bus start the fake service when somebody calls it. */
void stage_offer(Stage *stage);
/* Makes a key directory of these words (see tests/make-keys), unless stage->keys is there already,
 * and starts the real service with it; waits until it is ready. */
void stage_serve(Stage *stage, const char *words);
/* Kills the service and waits until the bus knows. */
void stage_stop(Stage *stage);
/* Gives it an order and waits until it has obeyed. */
void stage_order(Stage *stage, const char *line);

/* C_Initialize with this stage's bus, and these words in pReserved ("" for none). */
CK_RV stage_initialize(Stage *stage, const char *words);

/* How many lines of the service's log begin with text. */
unsigned stage_count(Stage *stage, const char *text);
/* All lines of the log; the caller frees it. */
char *stage_log(Stage *stage);

/* All of the following fail the program unless they succeed. */
CK_SLOT_ID stage_slot(Stage *stage);
CK_SESSION_HANDLE stage_session(Stage *stage);
CK_SESSION_HANDLE stage_writing_session(Stage *stage);
CK_OBJECT_HANDLE stage_find(Stage *stage, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class,
                            const char *label);
/* Generates a secret key of session, of which the fake service tells what it is for. */
CK_OBJECT_HANDLE stage_generate(Stage *stage, CK_SESSION_HANDLE session);
/* The host is told of the object that this is its label. */
void stage_check_label(Stage *stage, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                       const char *label);
/* How many objects a search with an empty template finds. */
CK_ULONG stage_search(Stage *stage, CK_SESSION_HANDLE session);
/* C_SignInit and C_Sign of 32 bytes; signature has room for 512. What they return. */
CK_RV stage_sign(Stage *stage, CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism,
                 CK_OBJECT_HANDLE key, CK_BYTE *signature, CK_ULONG *size);

/* What a mechanism that signs and verifies is for. */
#define STAGE_SIGNS                                                                                \
    (CKF_SIGN | CKF_VERIFY | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE)

/* Fails the program. */
void stage_fail(const char *format, ...) G_GNUC_PRINTF(1, 2) G_GNUC_NORETURN;
#define stage_check(condition)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            stage_fail("%s:%d: %s", __FILE__, __LINE__, #condition);                               \
    } while (0)
/* The same for the result of a C_ function. */
#define stage_expect(expected, call)                                                               \
    do {                                                                                           \
        const CK_RV stage_value = (call);                                                          \
        if (stage_value != (expected))                                                             \
            stage_fail("%s:%d: %s is 0x%lx, not %s", __FILE__, __LINE__, #call, stage_value,       \
                       #expected);                                                                 \
    } while (0)
#define stage_ok(call) stage_expect(CKR_OK, call)

#endif
