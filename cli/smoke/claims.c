// SPDX-License-Identifier: MIT
#include "claims.h"

#include <string.h>

/* An attribute that claims an operation, and how that begins. */
typedef struct Claim {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
    const char *call;
    size_t function; /* the offset of it in the function list */
} Claim;

#define CLAIM(type, call)                                                                          \
    {                                                                                              \
        type, #type, #call, offsetof(CK_FUNCTION_LIST, call)                                       \
    }

static const Claim claims[] = {CLAIM(CKA_SIGN, C_SignInit), CLAIM(CKA_VERIFY, C_VerifyInit),
                               CLAIM(CKA_DECRYPT, C_DecryptInit),
                               CLAIM(CKA_ENCRYPT, C_EncryptInit)};

/* A mechanism that is usual for such a key. Of another kind nothing is asked. */
static CK_MECHANISM_TYPE usual_mechanism(const P11dItem *item)
{
    switch (p11d_template_number(&item->attributes, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION)) {
    case CKK_RSA:
        return CKM_RSA_PKCS;
    case CKK_EC:
        return CKM_ECDSA;
    case CKK_EC_EDWARDS:
        return CKM_EDDSA;
    default:
        return CK_UNAVAILABLE_INFORMATION;
    }
}

/* In a session of its own, which the operation ends with. False if there is none left. */
static bool begin(P11dCheckRun *run, const P11dItem *item, const Claim *claim)
{
    CK_FUNCTION_LIST *functions = item->token->functions;
    CK_MECHANISM mechanism = {usual_mechanism(item), NULL, 0};
    CK_SESSION_HANDLE session;
    if (functions->C_OpenSession(item->token->slot, CKF_SERIAL_SESSION, NULL, NULL, &session) !=
        CKR_OK)
        return false;
    CK_C_SignInit init; /* as all of them are declared */
    memcpy(&init, (const char *)functions + claim->function, sizeof init);
    CK_RV rv = init ? init(session, &mechanism, item->handle) : CKR_FUNCTION_NOT_SUPPORTED;
    if (rv == CKR_FUNCTION_NOT_SUPPORTED) {
        g_autofree char *label = p11d_item_label(item);
        g_autofree char *id = p11d_item_id(item);
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "the %s key %s says %s, and %s answers CKR_FUNCTION_NOT_SUPPORTED",
                        item->class == CKO_PUBLIC_KEY ? "public" : "private", *label ? label : id,
                        claim->name, claim->call);
    }
    functions->C_CloseSession(session);
    return true;
}

void p11d_claims_operations(P11dCheckRun *run)
{
    static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
    g_autoptr(GPtrArray) tokens = p11d_target_tokens(run->target, run->host);
    g_autoptr(GPtrArray) items = p11d_item_array();
    unsigned claimed = 0, begun = 0;
    for (guint i = 0; i < tokens->len; i++)
        for (size_t j = 0; j < G_N_ELEMENTS(classes); j++)
            p11d_target_search(run->target, tokens->pdata[i], classes[j], items, NULL);
    for (guint i = 0; i < items->len; i++) {
        const P11dItem *item = items->pdata[i];
        for (size_t j = 0; j < G_N_ELEMENTS(claims); j++) {
            if (usual_mechanism(item) == CK_UNAVAILABLE_INFORMATION ||
                !p11d_template_boolean(&item->attributes, claims[j].type, false))
                continue;
            claimed++;
            begun += begin(run, item, &claims[j]) ? 1 : 0;
        }
    }
    if (begun == 0)
        p11d_check_tell(run, P11D_CHECK_SKIP,
                        claimed == 0 ? "no key claims an operation"
                                     : "the token has no session left to begin one in");
}
