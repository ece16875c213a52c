// SPDX-License-Identifier: MIT
#include "calls.h"

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST noting;
static P11dJournal *journal;

/* A row for each function that checks call: its name, its parameters, and their names. A function
 * without a row is the module's own, and works as well. */
#define SESSION CK_SESSION_HANDLE session
#define CALLS(ROW)                                                                                 \
    ROW(C_Initialize, (void *arguments), (arguments))                                              \
    ROW(C_Finalize, (void *reserved), (reserved))                                                  \
    ROW(C_GetInfo, (CK_INFO * info), (info))                                                       \
    ROW(C_GetSlotList, (CK_BBOOL present, CK_SLOT_ID * slots, CK_ULONG * count),                   \
        (present, slots, count))                                                                   \
    ROW(C_GetSlotInfo, (CK_SLOT_ID slot, CK_SLOT_INFO * info), (slot, info))                       \
    ROW(C_GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO * info), (slot, info))                     \
    ROW(C_GetMechanismList, (CK_SLOT_ID slot, CK_MECHANISM_TYPE * list, CK_ULONG * count),         \
        (slot, list, count))                                                                       \
    ROW(C_GetMechanismInfo, (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO * info),   \
        (slot, type, info))                                                                        \
    ROW(C_OpenSession,                                                                             \
        (CK_SLOT_ID slot, CK_FLAGS flags, void *data, CK_NOTIFY notify,                            \
         CK_SESSION_HANDLE *session),                                                              \
        (slot, flags, data, notify, session))                                                      \
    ROW(C_CloseSession, (SESSION), (session))                                                      \
    ROW(C_CloseAllSessions, (CK_SLOT_ID slot), (slot))                                             \
    ROW(C_GetSessionInfo, (SESSION, CK_SESSION_INFO * info), (session, info))                      \
    ROW(C_Login, (SESSION, CK_USER_TYPE user, CK_UTF8CHAR * pin, CK_ULONG size),                   \
        (session, user, pin, size))                                                                \
    ROW(C_Logout, (SESSION), (session))                                                            \
    ROW(C_CreateObject,                                                                            \
        (SESSION, CK_ATTRIBUTE * attributes, CK_ULONG count, CK_OBJECT_HANDLE * object),           \
        (session, attributes, count, object))                                                      \
    ROW(C_DestroyObject, (SESSION, CK_OBJECT_HANDLE object), (session, object))                    \
    ROW(C_GetAttributeValue,                                                                       \
        (SESSION, CK_OBJECT_HANDLE object, CK_ATTRIBUTE * attributes, CK_ULONG count),             \
        (session, object, attributes, count))                                                      \
    ROW(C_FindObjectsInit, (SESSION, CK_ATTRIBUTE * attributes, CK_ULONG count),                   \
        (session, attributes, count))                                                              \
    ROW(C_FindObjects, (SESSION, CK_OBJECT_HANDLE * objects, CK_ULONG most, CK_ULONG * count),     \
        (session, objects, most, count))                                                           \
    ROW(C_FindObjectsFinal, (SESSION), (session))                                                  \
    ROW(C_DigestInit, (SESSION, CK_MECHANISM * mechanism), (session, mechanism))                   \
    ROW(C_Digest, (SESSION, CK_BYTE * data, CK_ULONG size, CK_BYTE * digest, CK_ULONG * room),     \
        (session, data, size, digest, room))                                                       \
    ROW(C_SignInit, (SESSION, CK_MECHANISM * mechanism, CK_OBJECT_HANDLE key),                     \
        (session, mechanism, key))                                                                 \
    ROW(C_Sign, (SESSION, CK_BYTE * data, CK_ULONG size, CK_BYTE * signature, CK_ULONG * room),    \
        (session, data, size, signature, room))                                                    \
    ROW(C_SignUpdate, (SESSION, CK_BYTE * part, CK_ULONG size), (session, part, size))             \
    ROW(C_SignFinal, (SESSION, CK_BYTE * signature, CK_ULONG * room), (session, signature, room))  \
    ROW(C_VerifyInit, (SESSION, CK_MECHANISM * mechanism, CK_OBJECT_HANDLE key),                   \
        (session, mechanism, key))                                                                 \
    ROW(C_Verify, (SESSION, CK_BYTE * data, CK_ULONG size, CK_BYTE * signature, CK_ULONG length),  \
        (session, data, size, signature, length))                                                  \
    ROW(C_SignRecoverInit, (SESSION, CK_MECHANISM * mechanism, CK_OBJECT_HANDLE key),              \
        (session, mechanism, key))                                                                 \
    ROW(C_VerifyRecoverInit, (SESSION, CK_MECHANISM * mechanism, CK_OBJECT_HANDLE key),            \
        (session, mechanism, key))                                                                 \
    ROW(C_EncryptInit, (SESSION, CK_MECHANISM * mechanism, CK_OBJECT_HANDLE key),                  \
        (session, mechanism, key))                                                                 \
    ROW(C_DecryptInit, (SESSION, CK_MECHANISM * mechanism, CK_OBJECT_HANDLE key),                  \
        (session, mechanism, key))                                                                 \
    ROW(C_Decrypt, (SESSION, CK_BYTE * data, CK_ULONG size, CK_BYTE * plain, CK_ULONG * room),     \
        (session, data, size, plain, room))                                                        \
    ROW(C_DeriveKey,                                                                               \
        (SESSION, CK_MECHANISM * mechanism, CK_OBJECT_HANDLE base, CK_ATTRIBUTE * attributes,      \
         CK_ULONG count, CK_OBJECT_HANDLE * key),                                                  \
        (session, mechanism, base, attributes, count, key))                                        \
    ROW(C_WrapKey,                                                                                 \
        (SESSION, CK_MECHANISM * mechanism, CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key,             \
         CK_BYTE * wrapped, CK_ULONG * room),                                                      \
        (session, mechanism, by, key, wrapped, room))                                              \
    ROW(C_UnwrapKey,                                                                               \
        (SESSION, CK_MECHANISM * mechanism, CK_OBJECT_HANDLE by, CK_BYTE * wrapped, CK_ULONG size, \
         CK_ATTRIBUTE * attributes, CK_ULONG count, CK_OBJECT_HANDLE * key),                       \
        (session, mechanism, by, wrapped, size, attributes, count, key))                           \
    ROW(C_GenerateRandom, (SESSION, CK_BYTE * bytes, CK_ULONG size), (session, bytes, size))       \
    ROW(C_GenerateKey,                                                                             \
        (SESSION, CK_MECHANISM * mechanism, CK_ATTRIBUTE * attributes, CK_ULONG count,             \
         CK_OBJECT_HANDLE * key),                                                                  \
        (session, mechanism, attributes, count, key))                                              \
    ROW(C_GenerateKeyPair,                                                                         \
        (SESSION, CK_MECHANISM * mechanism, CK_ATTRIBUTE * public, CK_ULONG public_count,          \
         CK_ATTRIBUTE * private, CK_ULONG private_count, CK_OBJECT_HANDLE * public_key,            \
         CK_OBJECT_HANDLE * private_key),                                                          \
        (session, mechanism, public, public_count, private, private_count, public_key,             \
         private_key))

#define DEFINE(name, parameters, arguments)                                                        \
    static CK_RV note_##name parameters                                                            \
    {                                                                                              \
        p11d_journal_enter(journal, #name);                                                        \
        return real->name arguments;                                                               \
    }
CALLS(DEFINE)

#define REPLACE(name, parameters, arguments)                                                       \
    if (real->name)                                                                                \
        noting.name = note_##name;

CK_FUNCTION_LIST *p11d_calls_note(CK_FUNCTION_LIST *module, P11dJournal *where)
{
    if (module == &noting)
        return module;
    real = module;
    noting = *module;
    journal = where;
    CALLS(REPLACE)
    return &noting;
}
