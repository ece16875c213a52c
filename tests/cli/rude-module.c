// SPDX-License-Identifier: MIT
/*
 * A rude module: passes every call on to a real PKCS#11 module ($RUDE_MODULE), but misbehaves in
 * the ways that $RUDE names, as vendors' modules do. For tests of the command line as a host.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pkcs11.h"

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST rude;
static size_t updated;
static int searches;

static int is(const char *word)
{
    const char *words = getenv("RUDE");
    return words && strstr(words, word);
}

/* One line in $RUDE_LOG for each call that tests count. */
static void note(const char *line)
{
    const char *path = getenv("RUDE_LOG");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (!file)
        return;
    fprintf(file, "%s\n", line);
    fclose(file);
}

/* How often line stands in $RUDE_LOG, whichever process wrote it. */
static int count_notes(const char *line)
{
    const char *path = getenv("RUDE_LOG");
    FILE *file = path ? fopen(path, "r") : NULL;
    char noted[64];
    int count = 0;
    while (file && fscanf(file, "%63s", noted) == 1)
        count += strcmp(noted, line) == 0;
    if (file)
        fclose(file);
    return count;
}

/* What it was told by the host, in $RUDE_RESERVED. The real module is told nothing. */
static void note_reserved(CK_C_INITIALIZE_ARGS *arguments)
{
    const char *path = getenv("RUDE_RESERVED");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (!file)
        return;
    if (arguments && arguments->pReserved)
        fprintf(file, "\"%s\"\n", (const char *)arguments->pReserved);
    else
        fputs("nothing\n", file);
    fclose(file);
    if (arguments)
        arguments->pReserved = NULL;
}

static void crash(void)
{
    raise(SIGSEGV);
}

/* Runs out of stack. */
static int recurse(int depth)
{
    volatile char room[4096];
    room[0] = (char)depth;
    return depth > 0 ? recurse(depth + 1) + room[0] : 0;
}

static void talk(void)
{
    static const char line[] = "{\"I\": \"talk\"}\n";
    (void)!write(STDOUT_FILENO, line, sizeof line - 1);
    fputs(line, stdout);
    fflush(stdout);
}

static void *talk_on(void *data)
{
    for (;;) {
        talk();
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    return data;
}

/* What modules do with standard output. */
static void spoil_output(void)
{
    pthread_t thread;
    if (is("talk-at-once"))
        talk();
    if (is("talk-at-exit"))
        atexit(talk);
    if (is("talk-in-thread"))
        pthread_create(&thread, NULL, talk_on, NULL);
    if (is("close-stdout"))
        fclose(stdout);
    if (is("steal-stdout")) /* a descriptor of its own gets number 1 */
        close(STDOUT_FILENO), open("/dev/null", O_RDWR);
}

static CK_RV initialize(void *arguments)
{
    if (is("chatty"))
        printf("Welcome to the rude module!\n"), fflush(stdout);
    if (is("crash-at-exit"))
        atexit(crash);
    note("initialize");
    if (is("wants-reserved") && !((CK_C_INITIALIZE_ARGS *)arguments)->pReserved)
        return CKR_ARGUMENTS_BAD;
    note_reserved(arguments);
    if (getenv("P11DBUS_PIN"))
        note("sees-the-pin");
    if (is("crash-at-start"))
        crash();
    if (is("hang-at-start"))
        pause();
    if (is("leave-at-start"))
        _exit(0);
    if (is("crash-at-second-start") && count_notes("initialize") == 2)
        crash();
    CK_RV rv = real->C_Initialize(arguments);
    spoil_output(); /* behind what the real module opens for itself */
    return rv;
}

static CK_RV finalize(void *reserved)
{
    if (is("leave-at-finalize"))
        _exit(0);
    if (is("crash-at-finalize"))
        crash();
    if (is("hang-at-finalize"))
        pause();
    if (is("talk-at-finalize"))
        talk();
    return real->C_Finalize(reserved);
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    if (is("no-token-info"))
        return CKR_DEVICE_ERROR;
    CK_RV rv = real->C_GetTokenInfo(slot, info);
    if (is("final-try"))
        info->flags |= CKF_USER_PIN_FINAL_TRY;
    if (is("locked"))
        info->flags |= CKF_USER_PIN_LOCKED;
    if (is("escape"))
        memcpy(info->manufacturerID, "\033[31mred\033[0m\a\302\205", 15);
    if (is("nameless")) {
        memset(info->manufacturerID, ' ', sizeof info->manufacturerID);
        memset(info->model, ' ', sizeof info->model);
        memset(info->serialNumber, ' ', sizeof info->serialNumber);
    }
    if (is("binary"))
        memset(info->model, 0xff, sizeof info->model);
    return rv;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
    if (is("device-error"))
        return CKR_DEVICE_ERROR;
    return real->C_GetSlotList(present, slots, count);
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG size)
{
    note("login");
    if (is("crash-at-login"))
        crash();
    return real->C_Login(session, user, pin, size);
}

static CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count)
{
    if (is("crash-at-second-find"))
        note("search");
    if (is("crash-at-search") || (is("crash-at-second-find") && count_notes("search") == 2))
        crash();
    if (is("leave-at-search"))
        _exit(0);
    if (is("exit-at-search"))
        exit(0);
    if (is("hang-at-search"))
        pause();
    if (is("hang-at-second-search") && ++searches == 2)
        pause();
    return real->C_FindObjectsInit(session, wanted, is("finds-all") ? 0 : count);
}

/* Some modules take one attribute at a time, some no buffer that is larger than the value. */
static CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                 CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    if (is("one-attribute") && count > 1)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    for (CK_ULONG i = 0; is("exact-buffers") && i < count; i++) {
        CK_ATTRIBUTE size = {attributes[i].type, NULL, 0};
        CK_RV rv = real->C_GetAttributeValue(session, object, &size, 1);
        if (rv == CKR_OK && attributes[i].pValue && attributes[i].ulValueLen != size.ulValueLen)
            return CKR_BUFFER_TOO_SMALL;
    }
    CK_RV rv = real->C_GetAttributeValue(session, object, attributes, count);
    for (CK_ULONG i = 0; is("spoils-values") && i < count; i++)
        if (attributes[i].type == CKA_VALUE && attributes[i].pValue &&
            attributes[i].ulValueLen != CK_UNAVAILABLE_INFORMATION)
            memset(attributes[i].pValue, 0x41, attributes[i].ulValueLen);
    return rv;
}

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG room,
                          CK_ULONG *count)
{
    if (!is("finds-nothing"))
        return real->C_FindObjects(session, objects, room, count);
    *count = 0;
    return CKR_OK;
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    updated = 0;
    if (is("crash-at-sign"))
        crash();
    if (is("exit-at-sign"))
        exit(0);
    if (is("overflow-at-sign"))
        recurse(1);
    if (is("hang-at-sign"))
        note("sign"), pause();
    if (is("no-hashes") && mechanism->mechanism != CKM_RSA_PKCS)
        return CKR_MECHANISM_INVALID;
    if (is("no-mechanisms"))
        return CKR_MECHANISM_INVALID;
    return real->C_SignInit(session, mechanism, key);
}

static CK_RV sign_update(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG size)
{
    updated += size;
    if (!is("small-buffer") || updated <= 4096)
        return real->C_SignUpdate(session, part, size);
    CK_BYTE signature[1024];
    CK_ULONG room = sizeof signature;
    real->C_SignFinal(session, signature, &room);
    return CKR_DATA_LEN_RANGE;
}

/* What a token with a broken chip or a mixed up key gives. */
static CK_RV spoil(CK_RV rv, CK_BYTE *signature, const CK_ULONG *size)
{
    if (rv == CKR_OK && signature && is("wrong-signature"))
        signature[*size - 1] ^= 1;
    return rv;
}

/* Sizes that no signature has. */
static CK_RV absurd(CK_RV rv, CK_ULONG *size)
{
    if (rv == CKR_OK && is("no-size"))
        *size = 0;
    if (rv == CKR_OK && is("half-size"))
        *size /= 2;
    if (rv == CKR_OK && is("huge-size"))
        *size = CK_UNAVAILABLE_INFORMATION;
    return rv;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_size, CK_BYTE *signature,
                  CK_ULONG *size)
{
    CK_RV rv = real->C_Sign(session, data, data_size, signature, size);
    return absurd(spoil(rv, signature, size), size);
}

static CK_RV sign_final(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG *size)
{
    return absurd(spoil(real->C_SignFinal(session, signature, size), signature, size), size);
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    const char *path = getenv("RUDE_MODULE");
    void *module = path ? dlopen(path, RTLD_NOW | RTLD_NODELETE) : NULL;
    CK_C_GetFunctionList get =
        module ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;
    if (!get || get(&real) != CKR_OK)
        return CKR_GENERAL_ERROR;
    rude = *real;
    rude.C_Initialize = initialize;
    rude.C_Finalize = finalize;
    rude.C_GetTokenInfo = get_token_info;
    rude.C_GetSlotList = get_slot_list;
    rude.C_Login = login;
    rude.C_FindObjectsInit = find_objects_init;
    rude.C_FindObjects = find_objects;
    rude.C_GetAttributeValue = get_attribute_value;
    rude.C_SignInit = sign_init;
    rude.C_Sign = sign;
    rude.C_SignUpdate = sign_update;
    rude.C_SignFinal = sign_final;
    rude.C_GetFunctionList = C_GetFunctionList;
    *list = &rude;
    return CKR_OK;
}
