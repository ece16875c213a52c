// SPDX-License-Identifier: MIT
/*
 * The functions of PKCS#11 3.0 and 3.2, their types and the lists of them (PKCS#11 3.2,
 * section 3.6), as far as an older header lacks them. A declaration that the header has as well is
 * the same one.
 */
#ifndef P11D_PKCS11_FUNCTIONS_H
#define P11D_PKCS11_FUNCTIONS_H

/* p11-kit 0.26 has the length of C_DecapsulateKey's ciphertext by address, and in its list of 3.2
 * so: both are known under other names here. */
#define C_DecapsulateKey p11d_header_decapsulate_key
#define CK_FUNCTION_LIST_3_2 P11D_HEADER_FUNCTION_LIST_3_2
#include <p11-kit/pkcs11.h>
#undef C_DecapsulateKey
#undef CK_FUNCTION_LIST_3_2

/* PKCS#11 3.0, section 3.6: interfaces. */
#ifndef CKF_INTERFACE_FORK_SAFE
#define CKF_INTERFACE_FORK_SAFE 1UL
#endif
#ifndef P11D_HEADER_HAS_CK_INTERFACE
typedef struct CK_INTERFACE {
    CK_UTF8CHAR *pInterfaceName;
    void *pFunctionList;
    CK_FLAGS flags;
} CK_INTERFACE;
#endif

/* PKCS#11 3.2, section 3.6: asynchronous calls. */
#ifndef CKF_ASYNC_SESSION
#define CKF_ASYNC_SESSION 0x8UL
#endif
#ifndef P11D_HEADER_HAS_CK_ASYNC_DATA
typedef struct CK_ASYNC_DATA {
    CK_ULONG ulVersion;
    CK_BYTE *pValue;
    CK_ULONG ulValue;
    CK_OBJECT_HANDLE hObject;
    CK_OBJECT_HANDLE hAdditionalObject;
} CK_ASYNC_DATA;
#endif

/* PKCS#11 3.2, section 4.16.3: validation flags of a session. */
#ifndef CKS_LAST_VALIDATION_OK
#define CKS_LAST_VALIDATION_OK 0x1UL
#endif
#ifndef P11D_HEADER_HAS_CK_SESSION_VALIDATION_FLAGS_TYPE
typedef CK_ULONG CK_SESSION_VALIDATION_FLAGS_TYPE;
#endif

/* PKCS#11 3.0, sections 5.9 and 6.13: messages, and the parameters of AES-GCM in them. */
#ifndef CKF_END_OF_MESSAGE
#define CKF_END_OF_MESSAGE 0x1UL
#endif
#ifndef CKG_NO_GENERATE
#define CKG_NO_GENERATE 0x0UL
#endif
#ifndef CKG_GENERATE
#define CKG_GENERATE 0x1UL
#endif
#ifndef CKG_GENERATE_COUNTER
#define CKG_GENERATE_COUNTER 0x2UL
#endif
#ifndef CKG_GENERATE_RANDOM
#define CKG_GENERATE_RANDOM 0x3UL
#endif
#ifndef CKG_GENERATE_COUNTER_XOR
#define CKG_GENERATE_COUNTER_XOR 0x4UL
#endif
#ifndef P11D_HEADER_HAS_CK_GENERATOR_FUNCTION
typedef CK_ULONG CK_GENERATOR_FUNCTION;
#endif
#ifndef P11D_HEADER_HAS_CK_GCM_MESSAGE_PARAMS
typedef struct CK_GCM_MESSAGE_PARAMS {
    CK_BYTE *pIv;
    CK_ULONG ulIvLen;
    CK_ULONG ulIvFixedBits;
    CK_GENERATOR_FUNCTION ivGenerator;
    CK_BYTE *pTag;
    CK_ULONG ulTagBits;
} CK_GCM_MESSAGE_PARAMS;
#endif
#ifndef P11D_HEADER_HAS_CK_GCM_WRAP_PARAMS
typedef struct CK_GCM_WRAP_PARAMS {
    CK_BYTE *pIv;
    CK_ULONG ulIvLen;
    CK_ULONG ulIvFixedBits;
    CK_GENERATOR_FUNCTION ivGenerator;
    CK_BYTE *pAAD;
    CK_ULONG ulAADLen;
    CK_ULONG ulTagBits;
} CK_GCM_WRAP_PARAMS;
#endif

/* The functions of 3.0 (sections 5.4 to 5.16). */
CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count);
CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
                     CK_FLAGS flags);
CK_RV C_LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_size,
                  CK_UTF8CHAR *name, CK_ULONG name_size);
CK_RV C_SessionCancel(CK_SESSION_HANDLE session, CK_FLAGS flags);
CK_RV C_MessageEncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                           CK_OBJECT_HANDLE key);
CK_RV C_EncryptMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                       CK_BYTE *associated, CK_ULONG associated_size, CK_BYTE *data, CK_ULONG size,
                       CK_BYTE *encrypted, CK_ULONG *encrypted_size);
CK_RV C_EncryptMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                            CK_BYTE *associated, CK_ULONG associated_size);
CK_RV C_EncryptMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                           CK_BYTE *part, CK_ULONG size, CK_BYTE *encrypted,
                           CK_ULONG *encrypted_size, CK_FLAGS flags);
CK_RV C_MessageEncryptFinal(CK_SESSION_HANDLE session);
CK_RV C_MessageDecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                           CK_OBJECT_HANDLE key);
CK_RV C_DecryptMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                       CK_BYTE *associated, CK_ULONG associated_size, CK_BYTE *encrypted,
                       CK_ULONG encrypted_size, CK_BYTE *data, CK_ULONG *size);
CK_RV C_DecryptMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                            CK_BYTE *associated, CK_ULONG associated_size);
CK_RV C_DecryptMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                           CK_BYTE *encrypted, CK_ULONG encrypted_size, CK_BYTE *part,
                           CK_ULONG *size, CK_FLAGS flags);
CK_RV C_MessageDecryptFinal(CK_SESSION_HANDLE session);
CK_RV C_MessageSignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
CK_RV C_SignMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                    CK_BYTE *data, CK_ULONG size, CK_BYTE *signature, CK_ULONG *signature_size);
CK_RV C_SignMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size);
CK_RV C_SignMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                        CK_BYTE *part, CK_ULONG size, CK_BYTE *signature, CK_ULONG *signature_size);
CK_RV C_MessageSignFinal(CK_SESSION_HANDLE session);
CK_RV C_MessageVerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
CK_RV C_VerifyMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                      CK_BYTE *data, CK_ULONG size, CK_BYTE *signature, CK_ULONG signature_size);
CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size);
CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                          CK_BYTE *part, CK_ULONG size, CK_BYTE *signature,
                          CK_ULONG signature_size);
CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE session);

/* The functions of 3.2 (sections 5.6, 5.15, 5.18 and 5.21). */
CK_RV C_EncapsulateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                       CK_OBJECT_HANDLE public_key, CK_ATTRIBUTE *templ, CK_ULONG count,
                       CK_BYTE *ciphertext, CK_ULONG *ciphertext_size, CK_OBJECT_HANDLE *key);
CK_RV C_DecapsulateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                       CK_OBJECT_HANDLE private_key, CK_ATTRIBUTE *templ, CK_ULONG count,
                       CK_BYTE *ciphertext, CK_ULONG ciphertext_size, CK_OBJECT_HANDLE *key);
CK_RV C_VerifySignatureInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                            CK_OBJECT_HANDLE key, CK_BYTE *signature, CK_ULONG signature_size);
CK_RV C_VerifySignature(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size);
CK_RV C_VerifySignatureUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG size);
CK_RV C_VerifySignatureFinal(CK_SESSION_HANDLE session);
CK_RV C_GetSessionValidationFlags(CK_SESSION_HANDLE session, CK_SESSION_VALIDATION_FLAGS_TYPE type,
                                  CK_FLAGS *flags);
CK_RV C_AsyncComplete(CK_SESSION_HANDLE session, CK_UTF8CHAR *function, CK_ASYNC_DATA *result);
CK_RV C_AsyncGetID(CK_SESSION_HANDLE session, CK_UTF8CHAR *function, CK_ULONG *id);
CK_RV C_AsyncJoin(CK_SESSION_HANDLE session, CK_UTF8CHAR *function, CK_ULONG id, CK_BYTE *data,
                  CK_ULONG size);
CK_RV C_WrapKeyAuthenticated(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                             CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key,
                             CK_BYTE *associated, CK_ULONG associated_size, CK_BYTE *wrapped,
                             CK_ULONG *wrapped_size);
CK_RV C_UnwrapKeyAuthenticated(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                               CK_OBJECT_HANDLE unwrapping_key, CK_BYTE *wrapped,
                               CK_ULONG wrapped_size, CK_ATTRIBUTE *templ, CK_ULONG count,
                               CK_BYTE *associated, CK_ULONG associated_size,
                               CK_OBJECT_HANDLE *key);

#ifndef P11D_HEADER_HAS_CK_FUNCTION_LIST_3_0
typedef struct CK_FUNCTION_LIST_3_0 {
    CK_VERSION version;
#define FUNCTION(name) __typeof__(name) *name;
#define FUNCTION_3_0 FUNCTION
#include "function-rows.inc"
} CK_FUNCTION_LIST_3_0;
#endif
typedef struct CK_FUNCTION_LIST_3_2 {
    CK_VERSION version;
#define FUNCTION(name) __typeof__(name) *name;
#define FUNCTION_3_0 FUNCTION
#define FUNCTION_3_2 FUNCTION
#include "function-rows.inc"
} CK_FUNCTION_LIST_3_2;

#endif
