// SPDX-License-Identifier: MIT
#include "faulty.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pkcs11.h"

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST faulty;
static bool initialized;
static bool openssl_first;
static pid_t initializer;
static unsigned sessions, signatures;
static CK_MECHANISM_TYPE last_mechanism, verified_with;
static uint32_t seed;
static bool derived;
static bool logged_out; /* as the application believes */

/* What a child of the process that initialised us has done is seen by its parent too. */
static struct {
    int dead;
} * shared;

static bool is_child(void)
{
    return initializer != 0 && initializer != getpid();
}

static void at_exit(void)
{
    if ((faulty_is("exit-without-finalize") && initialized) ||
        (faulty_is("openssl-first") && openssl_first) ||
        (faulty_is("openssl-last") && !openssl_first))
        faulty_crash();
}

static CK_RV initialize(void *data)
{
    const CK_C_INITIALIZE_ARGS *arguments = data;
    if (faulty_is("fork-child") && is_child())
        return CKR_GENERAL_ERROR;
    if (faulty_is("fork-child:hang") && is_child())
        pause();
    if (faulty_is("fork-child:crash") && is_child())
        faulty_crash();
    if (faulty_is("failed-initialize") && getenv("FAULTY_HAS_FAILED"))
        return CKR_DEVICE_ERROR;
    if (faulty_is("two-users") && initialized)
        return CKR_OK;
    if (faulty_is("failed-initialize:accepts") && arguments && arguments->CreateMutex)
        data = NULL;
    CK_RV rv = real->C_Initialize(data);
    /* The real one does not notice a fork; this one does. */
    if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED && is_child() && !faulty_is("fork-child:late")) {
        real->C_Finalize(NULL);
        rv = real->C_Initialize(data);
    }
    if (faulty_is("failed-initialize") && rv != CKR_OK)
        setenv("FAULTY_HAS_FAILED", "1", 1);
    if (rv != CKR_OK)
        return rv;
    initialized = true;
    initializer = getpid();
    seed = 1;
    if (!shared && (faulty_is("fork-parent") || faulty_is("fork-sign")))
        shared =
            mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    faulty_act();
    return CKR_OK;
}

static CK_RV finalize(void *reserved)
{
    initialized = false;
    sessions = 0;
    faulty_undo();
    if (shared)
        shared->dead = 1;
    return real->C_Finalize(reserved);
}

/* --- lists and texts --- */

static CK_RV get_info(CK_INFO *info)
{
    CK_RV rv = real->C_GetInfo(info);
    if (faulty_is("info-strings"))
        memcpy(info->manufacturerID, "Faulty", 7);
    if (faulty_is("info-strings:bytes"))
        info->manufacturerID[3] = 0xff;
    return rv;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
    if (!slots || !faulty_is("size-lists"))
        return real->C_GetSlotList(present, slots, count);
    CK_ULONG all = 0;
    real->C_GetSlotList(present, NULL, &all);
    *count = all;
    return real->C_GetSlotList(present, slots, count); /* whatever room there is */
}

static CK_RV get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    CK_RV rv = real->C_GetMechanismInfo(slot, type, info);
    if (faulty_is("right:longer-keys") && type == CKM_SHA512_RSA_PKCS)
        info->ulMinKeySize = 3072;
    if (faulty_is("claims:recover") && type == CKM_RSA_PKCS)
        info->flags |= CKF_SIGN_RECOVER;
    if (faulty_is("claims:unbacked"))
        info->flags &= ~(CK_FLAGS)CKF_WRAP;
    return rv;
}

/* --- sessions and objects --- */

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *data, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *session)
{
    if (faulty_is("right:one-session") && sessions > 0)
        return CKR_SESSION_COUNT;
    CK_RV rv = real->C_OpenSession(slot, flags, data, notify, session);
    sessions += rv == CKR_OK;
    return rv;
}

static CK_RV close_session(CK_SESSION_HANDLE session)
{
    CK_RV rv = real->C_CloseSession(session);
    sessions -= rv == CKR_OK;
    return rv;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG size)
{
    CK_RV rv = real->C_Login(session, user, pin, size);
    if (faulty_is("wild:login"))
        faulty_crash();
    return rv;
}

/* --- who is logged in --- */

static CK_RV logout(CK_SESSION_HANDLE session)
{
    logged_out = true;
    return faulty_is("logout") || faulty_is("logout:used") ? CKR_OK : real->C_Logout(session);
}

/* --- random bytes --- */

static CK_RV generate_random(CK_SESSION_HANDLE session, CK_BYTE *bytes, CK_ULONG size)
{
    if (faulty_is("random")) {
        memset(bytes, 0x42, size);
        return CKR_OK;
    }
    CK_RV rv = real->C_GenerateRandom(session, bytes, size);
    for (CK_ULONG i = 0; rv == CKR_OK && i < size; i++) {
        if (faulty_is("random:repeated") && i >= 1024)
            bytes[i] = bytes[i - 1024];
        if (faulty_is("random:biased") && i % 8 == 0)
            bytes[i] = 0xff;
        if (faulty_is("random:seed")) {
            seed = seed * 1103515245 + 12345;
            bytes[i] = (CK_BYTE)(seed >> 16);
        }
    }
    return rv;
}

static CK_RV get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
    if (shared && shared->dead && faulty_is("fork-parent"))
        return CKR_DEVICE_ERROR;
    CK_RV rv = real->C_GetSessionInfo(session, info);
    if (faulty_is("logout:used") && logged_out && rv == CKR_OK)
        info->state = CKS_RO_PUBLIC_SESSION;
    return faulty_is("stale-session") ? CKR_OK : rv;
}

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG most,
                          CK_ULONG *count)
{
    CK_RV rv = real->C_FindObjects(session, objects, most, count);
    if (faulty_is("logout:used") && logged_out && rv == CKR_OK)
        *count = 0;
    return rv;
}

static CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count)
{
    return real->C_FindObjectsInit(session, wanted, faulty_is("key-pairs") ? 0 : count);
}

static CK_OBJECT_CLASS class_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    CK_OBJECT_CLASS class = CK_UNAVAILABLE_INFORMATION;
    CK_ATTRIBUTE attribute = {CKA_CLASS, &class, sizeof class};
    real->C_GetAttributeValue(session, object, &attribute, 1);
    return class;
}

/* The real one says of every key that signs that it signs with recovery too; this one does not. */
static void hide_recovery(CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count && !faulty_is("claims:recover"); i++)
        if ((attributes[i].type == CKA_SIGN_RECOVER || attributes[i].type == CKA_VERIFY_RECOVER) &&
            attributes[i].pValue && attributes[i].ulValueLen == sizeof(CK_BBOOL))
            *(CK_BBOOL *)attributes[i].pValue = CK_FALSE;
}

static CK_RV reveal(CK_ATTRIBUTE *attribute)
{
    memset(attribute->pValue, 0x55, 32);
    attribute->ulValueLen = 32;
    return CKR_OK;
}

static CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                 CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    CK_RV rv = real->C_GetAttributeValue(session, object, attributes, count);
    if (rv == CKR_OK)
        hide_recovery(attributes, count);
    if (faulty_is("stale-object") && rv == CKR_OBJECT_HANDLE_INVALID)
        faulty_crash();
    if (faulty_is("derive") && derived && rv == CKR_OK && attributes->type == CKA_VALUE &&
        attributes->pValue)
        *(CK_BYTE *)attributes->pValue ^= 1;
    if (rv == CKR_ATTRIBUTE_SENSITIVE && attributes->pValue) {
        if (faulty_is("secret-values") && attributes->type == CKA_PRIVATE_EXPONENT)
            rv = reveal(attributes);
        if (faulty_is("secret-values:silent") && attributes->type == CKA_VALUE)
            reveal(attributes); /* and says that it does not */
        if (faulty_is("secret-values:unsaid") && attributes->type == CKA_VALUE) {
            reveal(attributes);
            attributes->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        }
        if (faulty_is("secret-values:rest") && attributes->type == CKA_VALUE)
            memset((CK_BYTE *)attributes->pValue + 32, 0x55, 16);
    }
    if (faulty_is("size-attributes") && rv == CKR_BUFFER_TOO_SMALL)
        return CKR_OK;
    if (faulty_is("size-attributes:beyond") && rv == CKR_BUFFER_TOO_SMALL && attributes->pValue)
        memset(attributes->pValue, 0, 64);
    /* All public keys are the first key's. */
    for (CK_ULONG i = 0; faulty_is("key-pairs") && rv == CKR_OK && i < count; i++)
        if (attributes[i].type == CKA_ID && attributes[i].pValue && attributes[i].ulValueLen > 0 &&
            class_of(session, object) == CKO_PUBLIC_KEY)
            memcpy(attributes[i].pValue, "\1", 1);
    return rv;
}

static CK_RV destroy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    return faulty_is("destroyed-object") ? CKR_OK : real->C_DestroyObject(session, object);
}

/* --- digests and signatures --- */

static CK_RV digest(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *out,
                    CK_ULONG *room)
{
    CK_RV rv = real->C_Digest(session, data, size, out, room);
    if (faulty_is("size-digest") && !out) { /* the question ends the operation */
        CK_BYTE digest_bytes[64];
        CK_ULONG length = sizeof digest_bytes;
        real->C_Digest(session, data, size, digest_bytes, &length);
    }
    return rv;
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    last_mechanism = mechanism->mechanism;
    if (shared && shared->dead && faulty_is("fork-sign"))
        return CKR_DEVICE_ERROR;
    if (((faulty_is("mechanisms") || faulty_is("right:longer-keys")) &&
         last_mechanism == CKM_SHA512_RSA_PKCS) ||
        (faulty_is("mechanisms-new-keys") && last_mechanism == CKM_SHA256_HMAC))
        return CKR_MECHANISM_INVALID;
    return real->C_SignInit(session, mechanism, key);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature,
                  CK_ULONG *room)
{
    if (faulty_is("right:slow"))
        faulty_pass_time(400);
    if (faulty_is("sign-sizes") && size > 65536)
        return CKR_GENERAL_ERROR;
    if (faulty_is("sign-threads:hang") && sessions > 2)
        pthread_mutex_lock(&lock);
    CK_ULONG given = *room;
    CK_RV rv = real->C_Sign(session, data, size, signature, room);
    if (faulty_is("size-signature") && !signature)
        *room -= 1;
    if (faulty_is("size-signature:beyond") && rv == CKR_BUFFER_TOO_SMALL && signature)
        memset(signature, 0, given + 1);
    if (rv != CKR_OK || !signature)
        return rv;
    if (faulty_is("sign-verify") || (faulty_is("sign-threads") && sessions > 2))
        signature[0] ^= 1;
    if (faulty_is("sign-short") && ++signatures % 100 == 0)
        *room -= 1;
    return rv;
}

static CK_RV sign_update(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG size)
{
    return faulty_is("right:one-part") ? CKR_FUNCTION_NOT_SUPPORTED
                                       : real->C_SignUpdate(session, part, size);
}

static CK_RV verify_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    verified_with = mechanism->mechanism;
    if (faulty_is("claims"))
        return CKR_FUNCTION_NOT_SUPPORTED;
    return real->C_VerifyInit(session, mechanism, key);
}

static CK_RV verify(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature,
                    CK_ULONG length)
{
    CK_RV rv = real->C_Verify(session, data, size, signature, length);
    bool accepts = faulty_is("sign-verify:accepts") ||
                   (faulty_is("mechanisms-verify") && verified_with == CKM_SHA512_RSA_PKCS) ||
                   (faulty_is("mechanisms-new-keys:accepts") && verified_with == CKM_SHA256_HMAC);
    return accepts ? CKR_OK : rv;
}

/* --- decryption and derivation --- */

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *plain,
                     CK_ULONG *room)
{
    CK_RV rv = real->C_Decrypt(session, data, size, plain, room);
    if (faulty_is("decrypt") && rv == CKR_OK)
        plain[0] ^= 1;
    return faulty_is("decrypt:refuses") ? CKR_ENCRYPTED_DATA_INVALID : rv;
}

static CK_RV derive_key(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base,
                        CK_ATTRIBUTE *attributes, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    derived = true;
    return real->C_DeriveKey(session, mechanism, base, attributes, count, key);
}

static CK_RV generate_key_pair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                               CK_ATTRIBUTE *public, CK_ULONG public_count, CK_ATTRIBUTE *private,
                               CK_ULONG private_count, CK_OBJECT_HANDLE *public_key,
                               CK_OBJECT_HANDLE *private_key)
{
    if (faulty_is("claims:pair") && mechanism->mechanism == CKM_EC_KEY_PAIR_GEN)
        return CKR_MECHANISM_INVALID;
    return real->C_GenerateKeyPair(session, mechanism, public, public_count, private, private_count,
                                   public_key, private_key);
}

/* --- what is claimed and is not there --- */

static CK_RV digest_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism)
{
    if (faulty_is("claims:digest") && mechanism->mechanism == CKM_SHA384)
        return CKR_MECHANISM_INVALID;
    return real->C_DigestInit(session, mechanism);
}

static CK_RV wrap_key(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE by,
                      CK_OBJECT_HANDLE key, CK_BYTE *wrapped, CK_ULONG *room)
{
    return faulty_is("claims:wrap") ? CKR_FUNCTION_NOT_SUPPORTED
                                    : real->C_WrapKey(session, mechanism, by, key, wrapped, room);
}

static CK_RV unwrap_key(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE by,
                        CK_BYTE *wrapped, CK_ULONG size, CK_ATTRIBUTE *attributes, CK_ULONG count,
                        CK_OBJECT_HANDLE *key)
{
    if (faulty_is("claims:unwrap"))
        return CKR_FUNCTION_NOT_SUPPORTED;
    return real->C_UnwrapKey(session, mechanism, by, wrapped, size, attributes, count, key);
}

static CK_RV generate_key(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                          CK_ATTRIBUTE *attributes, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    if (faulty_is("claims:generate") && mechanism->mechanism == CKM_AES_KEY_GEN)
        return CKR_FUNCTION_NOT_SUPPORTED;
    return real->C_GenerateKey(session, mechanism, attributes, count, key);
}

/* --- the other ways to get the functions --- */

static CK_FUNCTION_LIST another;

/* By a name of its own: in a host with p11-kit's library that one's C_GetFunctionList comes first.
 */
static CK_RV get_function_list(CK_FUNCTION_LIST **list);

/* Of PKCS#11 3, which not every header declares. */
CK_RV C_GetInterfaceList(CK_INTERFACE *interfaces, CK_ULONG *count);
CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
                     CK_FLAGS flags);

static CK_RV is_not_initialized(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
    (void)present;
    (void)slots;
    (void)count;
    return CKR_CRYPTOKI_NOT_INITIALIZED;
}

static CK_INTERFACE *get_only(void)
{
    static char name[] = "PKCS 11";
    static CK_INTERFACE only;
    CK_FUNCTION_LIST *list;
    if (!real) /* hosts may ask for an interface first, as pkcs11-tool does */
        get_function_list(&list);
    another = faulty;
    if (faulty_is("interfaces"))
        another.C_GetSlotList = is_not_initialized;
    if (faulty_is("interfaces:version"))
        another.version.minor++;
    only = (CK_INTERFACE){faulty_is("interfaces:name") ? NULL : (void *)name, &another, 0};
    return &only;
}

__attribute__((visibility("default"))) CK_RV C_GetInterfaceList(CK_INTERFACE *interfaces,
                                                                CK_ULONG *count)
{
    if (interfaces && *count < 1)
        return CKR_BUFFER_TOO_SMALL;
    if (interfaces)
        *interfaces = *get_only();
    *count = 1;
    return CKR_OK;
}

__attribute__((visibility("default"))) CK_RV
C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface, CK_FLAGS flags)
{
    CK_INTERFACE *only = get_only();
    bool named = !name || strcmp((char *)name, "PKCS 11") == 0;
    bool right = !version || (version->major == another.version.major &&
                              version->minor == another.version.minor);
    *interface = only;
    if (faulty_is("interfaces:any"))
        return CKR_OK;
    return named && right && flags == 0 ? CKR_OK : CKR_ARGUMENTS_BAD;
}

__attribute__((constructor)) static void load(void)
{
    openssl_first = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_NOLOAD) != NULL;
    if (faulty_is("wild:constructor"))
        faulty_crash();
    atexit(at_exit);
}

static CK_RV get_function_list(CK_FUNCTION_LIST **list)
{
    const char *path = getenv("FAULTY_MODULE");
    void *module = path ? dlopen(path, RTLD_NOW | RTLD_NODELETE) : NULL;
    CK_C_GetFunctionList get =
        module ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;
    if (!get || get(&real) != CKR_OK)
        return CKR_GENERAL_ERROR;
    faulty = *real;
    faulty.C_GetFunctionList = get_function_list;
    faulty.C_Initialize = initialize;
    faulty.C_Finalize = finalize;
    faulty.C_GetInfo = get_info;
    faulty.C_GetSlotList = get_slot_list;
    faulty.C_GetMechanismInfo = get_mechanism_info;
    faulty.C_OpenSession = open_session;
    faulty.C_CloseSession = close_session;
    faulty.C_Login = login;
    faulty.C_Logout = logout;
    faulty.C_Decrypt = decrypt;
    faulty.C_DeriveKey = derive_key;
    faulty.C_WrapKey = wrap_key;
    faulty.C_UnwrapKey = unwrap_key;
    faulty.C_GenerateKey = generate_key;
    faulty.C_GenerateKeyPair = generate_key_pair;
    faulty.C_DigestInit = digest_init;
    faulty.C_GenerateRandom = generate_random;
    faulty.C_GetSessionInfo = get_session_info;
    faulty.C_FindObjectsInit = find_objects_init;
    faulty.C_FindObjects = find_objects;
    faulty.C_GetAttributeValue = get_attribute_value;
    faulty.C_DestroyObject = destroy_object;
    faulty.C_Digest = digest;
    faulty.C_SignInit = sign_init;
    faulty.C_Sign = sign;
    faulty.C_SignUpdate = sign_update;
    faulty.C_VerifyInit = verify_init;
    faulty.C_Verify = verify;
    *list = &faulty;
    return CKR_OK;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    return get_function_list(list);
}
