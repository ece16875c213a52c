// SPDX-License-Identifier: MIT
/*
 * A rig is a worker in a process of its own with the test at the other end of its link, as the
 * supervisor is in the service. Calls on channels are made with the core's codec. Nothing here
 * depends on a test framework: what goes wrong ends the program with a message.
 */
#ifndef P11D_TESTS_RIG_H
#define P11D_TESTS_RIG_H

#include <openssl/evp.h>
#include <sys/types.h>

#include "buffer.h"
#include "channel.h"
#include "interface.h"
#include "worker-link.h"

/* --- key directories --- */

/* A new directory below the temporary one; rig_remove_directory takes it away with its files. */
char *rig_make_directory(void);
void rig_remove_directory(char *directory);

/* Writes directory/name with mode, in place or (atomic) by renaming. */
void rig_write_file(const char *directory, const char *name, const void *data, size_t size,
                    mode_t mode);
/* "RSA:2048", "EC:P-256", "ED25519". The caller frees it. */
EVP_PKEY *rig_generate(const char *kind);

/* A key of tests/service/data, for those that take long to make. */
EVP_PKEY *rig_read_key(const char *name);

typedef enum RigContainer { RIG_PKCS8, RIG_TRADITIONAL } RigContainer;
/* Writes key as PEM, encrypted if passphrase is not NULL. */
void rig_write_key(const char *directory, const char *name, EVP_PKEY *key, RigContainer container,
                   const char *passphrase);
void rig_write_public(const char *directory, const char *name, EVP_PKEY *key);
/* A self-signed certificate of key. */
void rig_write_certificate(const char *directory, const char *name, EVP_PKEY *key);

/* --- a worker --- */

typedef struct Rig {
    pid_t pid;
    P11dChannel link;
    P11dWorkerLinkPeer worker;
    char path[512]; /* of its token */
    int log;        /* its standard error, to be read */
    int changes;    /* PropertiesChanged seen */
} Rig;

/* Starts a worker and waits until it is ready. */
void rig_start(Rig *rig, const char *directory);
/* The same, with a verbose log. */
void rig_start_verbose(Rig *rig, const char *directory);
/* The same, in whose directory clients may make keys. */
void rig_start_writable(Rig *rig, const char *directory);
/* Starts one that is to fail. */
void rig_start_only(Rig *rig, const char *directory);
/* Hangs up the link, waits for the worker's end; its exit status. */
int rig_stop(Rig *rig);
/* Everything that the worker has written to its log so far. The caller frees it. */
char *rig_log(Rig *rig);

/* Waits until the worker lets us look into its memory (search.h), as its sandbox does not. Only one
 * that tests/service/worker-process.c is does. */
void rig_permit_search(Rig *rig);

/* Makes a client: control is its control channel. */
void rig_client(Rig *rig, P11dChannel *control);
/* The same, for a uid of one's choice. */
void rig_client_of(Rig *rig, P11dChannel *control, uid_t uid);

/* --- calls; each returns NULL, or the last part of the error's name, valid until the next --- */

/* Opens a call channel. */
const char *rig_open(Rig *rig, P11dChannel *control, P11dChannel *channel);

typedef struct RigObject {
    uint64_t id;
    char class[24];
    char label[64];
    uint8_t value[2048]; /* public-key-info or value */
    size_t value_size;
    bool private;
} RigObject;

#define RIG_LIST_MAX 64 /* what is more is not read */
typedef struct RigList {
    uint64_t generation;
    bool complete;
    RigObject objects[RIG_LIST_MAX];
    size_t count;
    uint64_t removed[RIG_LIST_MAX];
    size_t removed_count;
} RigList;

/* Reads the body of a reply to ListObjects. */
void rig_read_list(P11dReader *body, RigList *list);
const char *rig_list(Rig *rig, P11dChannel *channel, uint64_t known, RigList *list);
/* The object of that class and label, or NULL. */
const RigObject *rig_find(const RigList *list, const char *class, const char *label);

const char *rig_login(Rig *rig, P11dChannel *channel, const char *user, const char *pin);
const char *rig_logout(Rig *rig, P11dChannel *channel);

/* parameters: writes the elements of the a{sv}; NULL for none. */
typedef void RigParameters(P11dWriter *writer, const void *data);
typedef struct RigSignature {
    uint8_t bytes[1024];
    size_t size;
} RigSignature;
const char *rig_sign(Rig *rig, P11dChannel *channel, uint64_t key, const char *mechanism,
                     RigParameters *parameters, const void *parameters_data, const void *data,
                     size_t size, RigSignature *signature);
/* Sends a Sign with ECDSA, and waits for nothing. */
void rig_begin_sign(Rig *rig, P11dChannel *channel, uint64_t key, const void *data, size_t size);

/* Derives a generic secret "derived" with the public key of peer, as a session object; readable:
 * with its value. */
const char *rig_derive(Rig *rig, P11dChannel *channel, uint64_t key, EVP_PKEY *peer, bool readable,
                       uint64_t *id);

/* Begins a call of interface.member with that signature, whatever it is; rig_call sends it. */
void rig_begin(Rig *rig, P11dChannel *channel, P11dWriter *writer, const char *interface,
               const char *member, const char *signature);
const char *rig_call(P11dChannel *channel, P11dWriter *writer, P11dMessage *reply);
/* ObjectsChanged signals that calls on any channel met since this was asked last. */
int rig_signals(void);
/* Waits for the next signal on control. Returns its generation. */
uint64_t rig_wait_signal(P11dChannel *control);

void rig_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
