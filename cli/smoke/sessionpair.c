// SPDX-License-Identifier: MIT
#include "sessionpair.h"

#include <openssl/rand.h>

#define ID_SIZE 16

static guint8 p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static guint8 ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
static CK_ULONG rsa_bits = 2048;

/* How to make a key pair of one kind. */
static const struct {
    CK_MECHANISM_TYPE mechanism;
    CK_ATTRIBUTE parameter; /* of the public key */
} kinds[P11D_SESSIONPAIR_KINDS] = {
    [P11D_SESSIONPAIR_P256] = {CKM_EC_KEY_PAIR_GEN, {CKA_EC_PARAMS, p256, sizeof p256}},
    [P11D_SESSIONPAIR_ED25519] = {CKM_EC_EDWARDS_KEY_PAIR_GEN,
                                  {CKA_EC_PARAMS, ed25519, sizeof ed25519}},
    [P11D_SESSIONPAIR_RSA] = {CKM_RSA_PKCS_KEY_PAIR_GEN,
                              {CKA_MODULUS_BITS, &rsa_bits, sizeof rsa_bits}},
};

CK_MECHANISM_TYPE p11d_sessionpair_mechanism(P11dSessionpairKind kind)
{
    return kinds[kind].mechanism;
}

static void find_private(P11dCheckRun *run, P11dSessionpair *pair, guint8 *id)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, id, ID_SIZE}};
    pair->keys = p11d_item_array();
    if (!p11d_item_find(pair->token, wanted, G_N_ELEMENTS(wanted), pair->keys, NULL) ||
        pair->keys->len == 0)
        p11d_check_tell(run, P11D_CHECK_FAIL, "a key pair that was made is not found");
}

CK_RV p11d_sessionpair_make(P11dCheckRun *run, P11dHostToken *token, P11dSessionpairKind kind,
                            CK_ATTRIBUTE_TYPE usage, P11dSessionpair *pair)
{
    static char label[] = "made by p11dbus smoke";
    guint8 id[ID_SIZE];
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_MECHANISM mechanism = {kinds[kind].mechanism, NULL, 0};
    CK_ATTRIBUTE public[] = {{CKA_TOKEN, &no, sizeof no},
                             {CKA_PRIVATE, &no, sizeof no},
                             {usage == CKA_SIGN ? CKA_VERIFY : usage, &yes, sizeof yes},
                             {CKA_ID, id, sizeof id},
                             {CKA_LABEL, label, sizeof label - 1},
                             kinds[kind].parameter};
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, &no, sizeof no},
                              {usage, &yes, sizeof yes},
                              {CKA_ID, id, sizeof id},
                              {CKA_LABEL, label, sizeof label - 1}};
    RAND_bytes(id, sizeof id);
    *pair = (P11dSessionpair){.token = token};
    CK_RV rv = token->functions->C_GenerateKeyPair(
        token->session, &mechanism, public, G_N_ELEMENTS(public), private, G_N_ELEMENTS(private),
        &pair->public_key, &pair->private_key);
    if (rv == CKR_OK)
        find_private(run, pair, id);
    return rv;
}

void p11d_sessionpair_destroy(P11dCheckRun *run, P11dSessionpair *pair)
{
    CK_FUNCTION_LIST *functions = pair->token->functions;
    const CK_OBJECT_HANDLE handles[] = {pair->public_key, pair->private_key};
    for (size_t i = 0; i < G_N_ELEMENTS(handles); i++)
        p11d_check_ok(run, functions->C_DestroyObject(pair->token->session, handles[i]),
                      "C_DestroyObject of a key that was made");
    g_clear_pointer(&pair->keys, g_ptr_array_unref);
}
