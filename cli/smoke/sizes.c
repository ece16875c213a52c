// SPDX-License-Identifier: MIT
#include "sizes.h"

#include <string.h>

#include "error-name.h"
#include "keyuse.h"

/* The most that is believed of a size, in bytes. */
#define MAX_SIZE (1UL << 20)
/* Bytes behind a buffer that nobody may write to. */
#define CANARY 64
#define CANARY_BYTE 0xc5

/* A buffer with a canary behind what the module is told of it. */
typedef struct Yard {
    guint8 *bytes;
    gsize size;
} Yard;

static Yard yard_new(gsize size)
{
    Yard yard = {g_malloc(size + CANARY), size};
    memset(yard.bytes, CANARY_BYTE, size + CANARY);
    return yard;
}

/* Frees it, and tells if the module wrote beyond it. */
static void yard_close(P11dCheckRun *run, Yard *yard, const char *call)
{
    for (gsize i = 0; i < CANARY; i++)
        if (yard->bytes[yard->size + i] != CANARY_BYTE) {
            p11d_check_tell(run, P11D_CHECK_FAIL, "%s writes beyond a buffer of %zu bytes", call,
                            yard->size);
            break;
        }
    g_clear_pointer(&yard->bytes, g_free);
}

/* Tells unless the answer is that size bytes are too few. */
static bool check_refusal(P11dCheckRun *run, CK_RV rv, const char *call, gsize size)
{
    char scratch[P11D_NAME_SIZE];
    if (rv != CKR_BUFFER_TOO_SMALL)
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "%s answers %s to a buffer of %zu bytes, not CKR_BUFFER_TOO_SMALL", call,
                        p11d_error_ckr(rv, scratch), size);
    return rv == CKR_BUFFER_TOO_SMALL;
}

/* A call that fills a buffer of size units, or says in size how many there are. */
typedef CK_RV Fill(P11dCheckRun *run, const void *data, void *buffer, CK_ULONG *size);

static bool is_believed(P11dCheckRun *run, CK_ULONG size, gsize unit, const char *call)
{
    if (size <= MAX_SIZE / unit)
        return true;
    p11d_check_tell(run, P11D_CHECK_FAIL, "%s claims a size of %lu", call, size);
    return false;
}

/*
 * Asks for the size; then with a buffer that is too small; then with one that is large enough. The
 * answers must be that size, CKR_BUFFER_TOO_SMALL and the result, no larger than was said. least: a
 * size below which every buffer is too small; 0: below the size that was told. result gets the
 * last, unless it is NULL.
 */
static bool check_sizes(P11dCheckRun *run, const char *call, Fill *fill, const void *data,
                        gsize unit, CK_ULONG least, GBytes **result)
{
    CK_ULONG asked = 0;
    if (!p11d_check_ok(run, fill(run, data, NULL, &asked), call) ||
        !is_believed(run, asked, unit, call))
        return false;
    if (asked > 0) {
        CK_ULONG size = least > 0 ? least - 1 : asked - 1;
        Yard yard = yard_new(size * unit);
        CK_RV rv = fill(run, data, yard.bytes, &size);
        yard_close(run, &yard, call);
        if (!check_refusal(run, rv, call, yard.size))
            return false;
    }
    CK_ULONG size = asked;
    Yard yard = yard_new(asked * unit);
    CK_RV rv = fill(run, data, yard.bytes, &size);
    bool ok = p11d_check_ok(run, rv, call);
    if (ok && size > asked)
        p11d_check_tell(run, P11D_CHECK_FAIL, "%s asked for room for %lu and then gives %lu", call,
                        asked, size);
    if (ok && result)
        *result = g_bytes_new(yard.bytes, MIN(size, asked) * unit);
    yard_close(run, &yard, call);
    return ok && size <= asked;
}

static CK_RV fill_slots(P11dCheckRun *run, const void *data, void *buffer, CK_ULONG *size)
{
    (void)data;
    return run->host->library->functions->C_GetSlotList(CK_FALSE, buffer, size);
}

static CK_RV fill_mechanisms(P11dCheckRun *run, const void *data, void *buffer, CK_ULONG *size)
{
    const P11dHostToken *token = data;
    return run->host->library->functions->C_GetMechanismList(token->slot, buffer, size);
}

void p11d_sizes_lists(P11dCheckRun *run)
{
    check_sizes(run, "C_GetSlotList", fill_slots, NULL, sizeof(CK_SLOT_ID), 0, NULL);
    if (run->host->tokens->len > 0)
        check_sizes(run, "C_GetMechanismList", fill_mechanisms, run->host->tokens->pdata[0],
                    sizeof(CK_MECHANISM_TYPE), 0, NULL);
}

/* Of one attribute of one object. */
static void check_attribute(P11dCheckRun *run, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    static const char call[] = "C_GetAttributeValue";
    CK_FUNCTION_LIST *functions = run->token->functions;
    CK_SESSION_HANDLE session = run->token->session;
    CK_ATTRIBUTE attribute = {type, NULL, 0};
    if (functions->C_GetAttributeValue(session, object, &attribute, 1) != CKR_OK ||
        attribute.ulValueLen == 0 || !is_believed(run, attribute.ulValueLen, 1, call))
        return;
    CK_ULONG asked = attribute.ulValueLen;
    Yard small = yard_new(asked - 1);
    attribute = (CK_ATTRIBUTE){type, small.bytes, asked - 1};
    CK_RV rv = functions->C_GetAttributeValue(session, object, &attribute, 1);
    yard_close(run, &small, call);
    if (check_refusal(run, rv, call, asked - 1) &&
        attribute.ulValueLen != CK_UNAVAILABLE_INFORMATION)
        p11d_check_tell(run, P11D_CHECK_WARN,
                        "%s leaves %lu as the length of what did not fit, not "
                        "CK_UNAVAILABLE_INFORMATION",
                        call, attribute.ulValueLen);
    Yard yard = yard_new(asked);
    attribute = (CK_ATTRIBUTE){type, yard.bytes, asked};
    rv = functions->C_GetAttributeValue(session, object, &attribute, 1);
    yard_close(run, &yard, call);
    if (p11d_check_ok(run, rv, call) && attribute.ulValueLen > asked)
        p11d_check_tell(run, P11D_CHECK_FAIL, "%s asked for room for %lu and then gives %lu", call,
                        asked, attribute.ulValueLen);
}

void p11d_sizes_attributes(P11dCheckRun *run)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_CLASS, CKA_LABEL, CKA_ID,      CKA_KEY_TYPE,
                                              CKA_VALUE, CKA_TOKEN, CKA_MODULUS, CKA_EC_PARAMS};
    static const guint most = 16; /* objects: the others are not different */
    g_autoptr(GPtrArray) items = p11d_item_array();
    g_autoptr(GError) error = NULL;
    if (!p11d_item_find(run->token, NULL, 0, items, &error) || items->len == 0) {
        p11d_check_tell(run, P11D_CHECK_SKIP, "%s",
                        error ? error->message : "no object can be seen without a login");
        return;
    }
    for (guint i = 0; i < MIN(items->len, most); i++)
        for (size_t j = 0; j < G_N_ELEMENTS(types); j++)
            check_attribute(run, ((const P11dItem *)items->pdata[i])->handle, types[j]);
}

static const char digested[] = "p11dbus smoke asks for a digest";

static CK_RV fill_digest(P11dCheckRun *run, const void *data, void *buffer, CK_ULONG *size)
{
    return run->token->functions->C_Digest(run->token->session, (CK_BYTE *)data,
                                           sizeof digested - 1, buffer, size);
}

void p11d_sizes_digest(P11dCheckRun *run)
{
    CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
    if (run->token->functions->C_DigestInit(run->token->session, &mechanism) != CKR_OK) {
        p11d_check_tell(run, P11D_CHECK_SKIP, "the token has no SHA-256");
        return;
    }
    guint8 expected[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(digested, sizeof digested - 1, expected, &size, EVP_sha256(), NULL);
    g_autoptr(GBytes) digest = NULL;
    if (!check_sizes(run, "C_Digest", fill_digest, digested, 1, size, &digest))
        return;
    gsize length;
    const void *bytes = g_bytes_get_data(digest, &length);
    if (length != size || memcmp(bytes, expected, size) != 0)
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "C_Digest gives another digest once it was asked for the size");
}

typedef struct Signing {
    const P11dKeyuse *use;
    GBytes *input;
} Signing;

static CK_RV fill_signature(P11dCheckRun *run, const void *data, void *buffer, CK_ULONG *size)
{
    const Signing *signing = data;
    (void)run;
    gsize length;
    const void *bytes = g_bytes_get_data(signing->input, &length);
    const P11dHostToken *token = signing->use->key->token;
    return token->functions->C_Sign(token->session, (CK_BYTE *)bytes, length, buffer, size);
}

static void check_key(P11dCheckRun *run, P11dKeyuse *use)
{
    g_autoptr(GBytes) data = g_bytes_new_static(digested, sizeof digested - 1);
    g_autoptr(GBytes) input = p11d_keyuse_input(use, data);
    g_autoptr(GBytes) signature = NULL;
    Signing signing = {use, input};
    g_autofree char *call = g_strdup_printf("C_Sign with key %s", use->name);
    if (!p11d_check_ok(run, p11d_keyuse_begin(use, use->key->token->session), "C_SignInit"))
        return;
    /* No signature is shorter than this; what a module says of its size may be more than it is. */
    if (check_sizes(run, call, fill_signature, &signing, 1, 32, &signature) &&
        !p11d_keyuse_is_good(use, data, signature))
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "%s gives a wrong signature once it was asked for the size", call);
}

void p11d_sizes_signature(P11dCheckRun *run)
{
    p11d_keyuse_each(run, check_key);
}
