// SPDX-License-Identifier: MIT
/*
 * A key token of a directory of the test, in the process of the test itself: no worker, no channel.
 */
#ifndef P11D_TESTS_KEYTOKEN_FIXTURE_H
#define P11D_TESTS_KEYTOKEN_FIXTURE_H

#include "rig.h"
#include "worker-token.h"

extern char *directory;
extern P11dWorkerToken *token;
extern P11dView *view; /* of a client that is always there */
extern bool writable;  /* whether the token is to be; false at first */
extern RigList list;   /* what was listed last */

/* The directory, empty; and the token of it. set_up is both. */
void open_directory(void);
void open_token(void);
void set_up(void);
void tear_down(void);

/* Lists what has changed since the generation known; all that the view sees. */
void list_as(P11dView *who, uint64_t known);
void list_all(void);

/* Waits until the directory's events have brought what done is about, and lists. Returns
 * P11dWorkerTokenChange bits. */
unsigned wait_until(bool (*done)(void));

/* Writes a new key, encrypted if passphrase is not NULL. */
void write_key(const char *name, const char *passphrase);
/* Writes the file whole with what the files parts (NULL-terminated) hold, one after the other. */
void join_files(const char *whole, const char *const parts[]);
/* Writes the files names, each with a certificate of that subject and of a key of its own. */
void write_certificates(const char *const names[]);
/* Writes a new key "one", its certificate "leaf", and what the files chain hold as its chain. */
void write_one_with_chain(const char *const chain[]);

/* The object of that class and label in list; 0: there is none. */
uint64_t id_of(const char *class, const char *label);
bool has_one(void);
bool is_empty(void);

/* Has the token's act for method performed. output is initialised here; the caller clears it. */
CK_RV act_as(P11dView *who, const char *method, const P11dArguments *arguments, P11dBuffer *output);
CK_RV sign_as(P11dView *who, uint64_t key);
/* The same for an act that makes or changes objects, and lists them then. results: two ids, or
 * NULL. */
CK_RV make_as(P11dView *who, const char *method, const P11dArguments *arguments, uint64_t *results);
CK_RV create_as(P11dView *who, const CK_ATTRIBUTE *items, CK_ULONG count, uint64_t *id);
CK_RV set_as(P11dView *who, uint64_t id, const CK_ATTRIBUTE *items, CK_ULONG count);
CK_RV destroy_as(P11dView *who, uint64_t id);
CK_RV login_as(P11dView *who, const char *pin);
/* pin NULL: the token is to ask by itself. */
CK_RV login_with(P11dView *who, CK_USER_TYPE user, const char *pin);
CK_RV logout_as(P11dView *who);
/* The caller closes it. */
P11dView *another_client(void);

#endif
