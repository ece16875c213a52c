// SPDX-License-Identifier: MIT
/* The table of checks, in the order in which they run. To add one is to add a row here, and its
 * function to the file of its group. */
#include "claims.h"
#include "deciphering.h"
#include "exiting.h"
#include "forking.h"
#include "handles.h"
#include "infostrings.h"
#include "initializing.h"
#include "interfaces.h"
#include "manners.h"
#include "mechanisms.h"
#include "randomness.h"
#include "secrecy.h"
#include "signatures.h"
#include "sizes.h"
#include "unloading.h"

#define PRELOAD "LD_PRELOAD=" P11D_INSTALLED_KEEP
#define KEEP "start the host with " PRELOAD ", which makes dlclose do nothing"
#define LOAD_ONCE "load the module once and never close it; " PRELOAD " sees to the second"
#define FORK_EARLY                                                                                 \
    "fork before the module is loaded; children that are forked later must leave it alone and "    \
    "end "                                                                                         \
    "with _exit"
#define P11KIT "load the module through p11-kit-proxy.so, which keeps its users apart"

const P11dCheck p11d_checks[] = {
    {"threads-after-finalize", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING, p11d_unloading_threads,
     "A host with one thread has two: it may not change its user namespace, and a fork may copy "
     "held locks.",
     "PKCS#11 3.1, 5.4.2 C_Finalize", KEEP, NULL},
    {"descriptor-leak", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING, p11d_unloading_descriptors,
     "Descriptors of the module stay open in the host; where each reload adds some it runs out of "
     "them.",
     "PKCS#11 3.1, 5.4.2 C_Finalize", LOAD_ONCE, NULL},
    {"mapping-leak", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING, p11d_unloading_mappings,
     "A host that reloads the module fills its address space.", "PKCS#11 3.1, 5.4.2 C_Finalize",
     LOAD_ONCE, NULL},
    {"memory-leak", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING, p11d_unloading_memory,
     "A host that reloads the module grows until it is killed.", "PKCS#11 3.1, 5.4.2 C_Finalize",
     LOAD_ONCE, NULL},
    {"unload-crash", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING, p11d_unloading_crash,
     "A host that finalises and closes the module dies soon afterwards.", "POSIX dlclose", KEEP,
     NULL},
    {"unload-without-finalize", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING,
     p11d_unloading_without_finalize,
     "A host that closes the module without C_Finalize, as on an error path, dies of it.",
     "PKCS#11 3.1, 5.4.2 C_Finalize", KEEP, NULL},
    {"stays-mapped", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING, p11d_unloading_stays,
     "Code that is unmapped must never be called again by threads, handlers or callbacks.",
     "ELF DF_1_NODELETE", NULL, NULL},
    {"exit-without-finalize", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING,
     p11d_exiting_without_finalize,
     "A host that ends in the middle of its work reports a crash in place of its exit code.",
     "POSIX exit", "end the host with _exit", NULL},
    {"openssl-first", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING, p11d_exiting_openssl_first,
     "A host that uses OpenSSL, and loads the module later, crashes at its exit.", "POSIX atexit",
     "end the host with _exit", NULL},
    {"openssl-last", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING, p11d_exiting_openssl_last,
     "A host that loads OpenSSL after the module crashes at its exit.", "POSIX atexit",
     "end the host with _exit", NULL},
    {"output", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING, p11d_manners_output,
     "What a host prints for programs to read has the module's words in it.",
     "POSIX stdout, stderr", NULL, NULL},
    {"process-state", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING, p11d_manners_state,
     "A host that relies on its signals, umask, directory, locale or environment finds them "
     "changed.",
     "POSIX sigaction, umask, chdir, setlocale, setenv", NULL, NULL},
    {"close-on-exec", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING, p11d_manners_inheritance,
     "Programs that a host starts get the module's files and sockets.", "POSIX FD_CLOEXEC", NULL,
     NULL},
    {"times", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING, p11d_manners_times,
     "A host that loads every module seems to hang when it starts.", "not in the specification",
     NULL, NULL},
    {"failed-initialize", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_NOTHING, p11d_initializing_failed,
     "A host whose first C_Initialize goes wrong is not told so, or cannot try again.",
     "PKCS#11 3.1, 5.4.1 C_Initialize", NULL, NULL},
    {"two-users", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_MODULE, p11d_initializing_twice,
     "Two libraries in one host that use the module end each other's sessions.",
     "PKCS#11 3.1, 5.4.1 C_Initialize", P11KIT,
     "C_Initialize with CKF_OS_LOCKING_OK twice, C_GetSlotList, C_Finalize once, C_GetSlotList"},
    {"info-strings", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_MODULE, p11d_infostrings_padding,
     "A host cannot compare, show or write into URIs what the module and its tokens are called.",
     "PKCS#11 3.1, 3.1 General information", NULL,
     "C_GetInfo, and of every slot C_GetSlotInfo and C_GetTokenInfo"},
    {"size-lists", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_MODULE, p11d_sizes_lists,
     "A host that asks how many slots or mechanisms there are has its memory overwritten, or "
     "stops.",
     "PKCS#11 3.1, 5.2 Conventions for output in a variable-length buffer", NULL,
     "C_GetSlotList with CK_FALSE, and C_GetMechanismList of the first token: with NULL, with room "
     "for one less than it says, with room for all"},
    {"interfaces", P11D_CHECK_LOAD, P11D_CHECK_NEEDS_MODULE, p11d_interfaces_lists,
     "A host that asks for PKCS#11 3 gets other functions, or a module that was never initialised.",
     "PKCS#11 3.1, 5.4.5 C_GetInterfaceList and 5.4.6 C_GetInterface",
     "use what C_GetFunctionList gives",
     "C_GetInterfaceList with NULL and with room for 64; C_GetInterface for each name and version "
     "of "
     "it, without a name, and with one that nobody has; C_GetSlotList of each list of functions"},
    {"fork-child", P11D_CHECK_READ, P11D_CHECK_NEEDS_TOKEN, p11d_forking_child,
     "A server that forks after it has loaded the module cannot use it in its workers.",
     "PKCS#11 2.20, 6.6.1 Applications and processes",
     "let each child load the module itself, after the fork",
     "fork; in the child C_Initialize, C_GetSlotList, C_OpenSession and a search for everything"},
    {"fork-parent", P11D_CHECK_READ, P11D_CHECK_NEEDS_TOKEN, p11d_forking_parent,
     "A server loses its own sessions when one of its children uses the module, or only ends.",
     "PKCS#11 2.20, 6.6.1 Applications and processes", FORK_EARLY,
     "fork twice: a child that uses the module, and one that only calls exit; then in the parent "
     "C_GetSessionInfo and a search in the session from before"},
    {"size-attributes", P11D_CHECK_READ, P11D_CHECK_NEEDS_TOKEN, p11d_sizes_attributes,
     "A host that reads attributes has its memory overwritten, or cannot tell that one was cut.",
     "PKCS#11 3.1, 5.7.5 C_GetAttributeValue", NULL,
     "C_GetAttributeValue of one attribute a call, of the first 16 objects: with NULL, with a byte "
     "less than it says, with all"},
    {"size-digest", P11D_CHECK_READ, P11D_CHECK_NEEDS_TOKEN, p11d_sizes_digest,
     "A host that asks for a digest's size first gets a wrong digest, or none.",
     "PKCS#11 3.1, 5.2 Conventions for output in a variable-length buffer",
     "give a buffer that is large enough at once",
     "C_DigestInit with CKM_SHA256; C_Digest of 31 bytes with NULL, with room for 31 bytes, with "
     "room for 32"},
    {"stale-session", P11D_CHECK_READ, P11D_CHECK_NEEDS_TOKEN, p11d_handles_sessions,
     "A host that uses a session once too often crashes, or works in somebody else's.",
     "PKCS#11 3.1, 5.6 Session management functions", NULL,
     "C_GetSessionInfo, C_FindObjectsInit, C_FindObjects and C_CloseSession with a session that "
     "was closed, with 0, with -1, with the last one + 4096, and with one that C_CloseAllSessions "
     "has closed"},
    {"stale-object", P11D_CHECK_READ, P11D_CHECK_NEEDS_TOKEN, p11d_handles_objects,
     "A host that uses a wrong handle crashes, or signs with another key.",
     "PKCS#11 3.1, 5.7 Object management functions", NULL,
     "C_GetAttributeValue of CKA_CLASS and C_SignInit with CKM_RSA_PKCS, with object 0, with -1, "
     "and with 65521 or the next number that no object has"},
    {"random", P11D_CHECK_READ, P11D_CHECK_NEEDS_TOKEN, p11d_randomness_bytes,
     "Keys and nonces that a host makes of the token's random bytes can be guessed.",
     "PKCS#11 3.1, 5.17 Random number generation functions",
     "take random bytes from the operating system",
     "C_GenerateRandom of 4096 bytes, twice; once more after C_Finalize, C_Initialize and "
     "C_OpenSession"},
    {"sign-verify", P11D_CHECK_SIGN, P11D_CHECK_NEEDS_KEY, p11d_signatures_verify,
     "What a host signs is rejected elsewhere, or what was changed is accepted.",
     "PKCS#11 3.1, 5.13 Signing and MACing functions", NULL,
     "C_SignInit and C_Sign of 100 random bytes, C_VerifyInit and C_Verify of that; and of the "
     "same with the lowest bit of the byte in the middle of the signature flipped"},
    {"sign-short", P11D_CHECK_SIGN, P11D_CHECK_NEEDS_KEY, p11d_signatures_short,
     "One signature in a hundred is rejected, and nobody can say why.",
     "PKCS#11 3.1, 6.3.1 EC signatures", NULL,
     "C_SignInit and C_Sign of 32 random bytes, 1000 times"},
    {"sign-sizes", P11D_CHECK_SIGN, P11D_CHECK_NEEDS_KEY, p11d_signatures_sizes,
     "Data of some sizes cannot be signed, or is signed wrongly.",
     "PKCS#11 3.1, 5.13 Signing and MACing functions", "hash in the host and sign the digest",
     "C_Sign of 0, 1, 1024 and 1048576 bytes; C_SignUpdate with parts of 1, 0 (a pointer that is "
     "not NULL, and no bytes), 63, 64, 65, 7, 4097, 127 and 65537 bytes in turn, 200001 in all, "
     "and C_SignFinal"},
    {"sign-threads", P11D_CHECK_SIGN, P11D_CHECK_NEEDS_KEY, p11d_signatures_threads,
     "A host that signs in several threads stops, crashes or sends wrong signatures.",
     "PKCS#11 3.1, 5.4.1 C_Initialize (CKF_OS_LOCKING_OK)", "sign in one thread only",
     "8 threads, each with a session of its own: C_SignInit and C_Sign of 100 random bytes, 10 "
     "times"},
    {"size-signature", P11D_CHECK_SIGN, P11D_CHECK_NEEDS_KEY, p11d_sizes_signature,
     "A host that asks for a signature's size first signs twice, gets none, or has its memory "
     "overwritten.",
     "PKCS#11 3.1, 5.2 Conventions for output in a variable-length buffer",
     "give a buffer that is large enough at once",
     "C_SignInit, then C_Sign with NULL, with room for 31 bytes, with as much room as it asked "
     "for"},
    {"fork-sign", P11D_CHECK_SIGN, P11D_CHECK_NEEDS_KEY, p11d_forking_signature,
     "A server cannot sign any more once one of its children has used the module, or only ended.",
     "PKCS#11 2.20, 6.6.1 Applications and processes", FORK_EARLY,
     "C_SignInit and C_Sign; fork twice: a child that uses the module, and one that only calls "
     "exit; then in the parent C_SignInit and C_Sign again"},
    {"claims", P11D_CHECK_SIGN, P11D_CHECK_NEEDS_LOGIN, p11d_claims_operations,
     "A host that goes by what keys and mechanisms claim begins what the module cannot do, and may "
     "ask for a PIN in vain.",
     "PKCS#11 3.1, 4.8 and 4.9 Key objects; 5.5.6 C_GetMechanismInfo", NULL,
     "C_SignInit, C_VerifyInit, C_DecryptInit, C_EncryptInit, C_SignRecoverInit and "
     "C_VerifyRecoverInit with each key whose attribute says so, with CKM_RSA_PKCS, CKM_ECDSA or "
     "CKM_EDDSA, and with object 0 and the first mechanism whose flag says so; C_DigestInit with "
     "each mechanism that claims CKF_DIGEST; at --level write, all with CKA_TOKEN false, C_WrapKey "
     "and C_UnwrapKey with CKM_RSA_PKCS, C_GenerateKey of generic secrets, AES and DES3 keys, "
     "C_GenerateKeyPair of P-256, Ed25519 and RSA-2048 keys, as far as they are claimed"},
    {"logout", P11D_CHECK_SIGN, P11D_CHECK_NEEDS_KEY, p11d_secrecy_logout,
     "Whoever comes after a user who has logged out uses that user's keys.",
     "PKCS#11 3.1, 5.6.9 C_Logout", "end the process in place of logging out",
     "C_Login, C_Logout; then C_SignInit and C_Sign with the key from before, C_GetSessionInfo, "
     "and a "
     "search for CKA_PRIVATE true"},
    {"secret-values", P11D_CHECK_SIGN, P11D_CHECK_NEEDS_PRIVATE, p11d_secrecy_values,
     "A key that should never leave the token is in the memory of whoever asks for it.",
     "PKCS#11 3.1, 5.7.5 C_GetAttributeValue", NULL,
     "C_GetAttributeValue of CKA_VALUE, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, "
     "CKA_EXPONENT_1, CKA_EXPONENT_2 and CKA_COEFFICIENT, one a call, with room for 16384 bytes, "
     "of "
     "each key that says CKA_SENSITIVE or not CKA_EXTRACTABLE"},
    {"mechanisms", P11D_CHECK_SIGN, P11D_CHECK_NEEDS_KEY, p11d_mechanisms_existing,
     "A host chooses an algorithm that the token offers, and then it does not work.",
     "PKCS#11 3.1, 5.5.6 C_GetMechanismInfo", NULL,
     "C_SignInit and C_Sign of the 7 bytes p11dbus (where the mechanism takes a digest, of their "
     "SHA-256), with each mechanism that claims CKF_SIGN and the first key of its type"},
    {"mechanisms-verify", P11D_CHECK_SIGN, P11D_CHECK_NEEDS_KEY, p11d_mechanisms_verified,
     "A host that has the token verify takes what was changed for genuine.",
     "PKCS#11 3.1, 5.15 Functions for verifying signatures and MACs", "verify in the host",
     "C_Sign of the 7 bytes p11dbus, then C_VerifyInit and C_Verify with the lowest bit of the "
     "byte "
     "in the middle flipped, of the signature and of the data; with each mechanism that claims "
     "CKF_VERIFY and the first key of its type"},
    {"decrypt", P11D_CHECK_SIGN, P11D_CHECK_NEEDS_PRIVATE, p11d_deciphering_decrypt,
     "What others encrypt for the token's key cannot be read, or is read wrongly.",
     "PKCS#11 3.1, 5.9 Decryption functions", NULL,
     "C_DecryptInit and C_Decrypt of what OpenSSL has encrypted, with each RSA key that says "
     "CKA_DECRYPT: CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP with SHA-1 and with SHA-256, where they claim "
     "CKF_DECRYPT"},
    {"key-pairs", P11D_CHECK_SIGN, P11D_CHECK_NEEDS_KEY, p11d_signatures_pairs,
     "A host shows a certificate that does not go with the key it signs with.",
     "PKCS#11 3.1, 4.6.3 and 4.9 CKA_ID", NULL,
     "C_SignInit and C_Sign of 100 random bytes; then the public key and the certificate with the "
     "same CKA_ID are asked whether it is right"},
    {"destroyed-object", P11D_CHECK_WRITE, P11D_CHECK_NEEDS_TOKEN, p11d_handles_destroyed,
     "A host that uses an object once too often crashes, or uses another.",
     "PKCS#11 3.1, 5.7.3 C_DestroyObject", NULL,
     "C_CreateObject of a CKO_DATA with CKA_TOKEN false, C_DestroyObject; then "
     "C_GetAttributeValue, C_SignInit and C_DestroyObject with its handle"},
    {"derive", P11D_CHECK_WRITE, P11D_CHECK_NEEDS_LOGIN, p11d_deciphering_derive,
     "A host that agrees on a key with somebody else has another one.",
     "PKCS#11 3.1, 6.3.16 Elliptic curve Diffie-Hellman", NULL,
     "C_DeriveKey with CKM_ECDH1_DERIVE, CKD_NULL and the point of a new key of OpenSSL, CKA_TOKEN "
     "false, and C_GetAttributeValue of CKA_VALUE, with each EC key that says CKA_DERIVE; where "
     "there is none, with a P-256 key of C_GenerateKeyPair with CKA_TOKEN false"},
    {"mechanisms-new-keys", P11D_CHECK_WRITE, P11D_CHECK_NEEDS_LOGIN, p11d_mechanisms_generated,
     "A host makes a key for an algorithm that the token offers, and then it does not work.",
     "PKCS#11 3.1, 5.5.6 C_GetMechanismInfo", NULL,
     "C_GenerateKeyPair of an RSA-2048, a P-256 and an Ed25519 key, C_CreateObject of a "
     "CKK_GENERIC_SECRET of 64 bytes, all with CKA_TOKEN false; C_SignInit and C_Sign with each "
     "mechanism that claims CKF_SIGN"},
};
const size_t p11d_check_count = G_N_ELEMENTS(p11d_checks);
