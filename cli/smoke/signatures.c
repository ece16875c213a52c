// SPDX-License-Identifier: MIT
#include "signatures.h"

#include <openssl/rand.h>
#include <string.h>

#include "error-name.h"
#include "keyuse.h"

/* How many ECDSA signatures are looked at for short numbers: about eight of them have one. */
#define MANY 1000
#define THREADS 8
#define TURNS 10

static GBytes *random_bytes(gsize size)
{
    guint8 *bytes = g_malloc(size + 1);
    RAND_bytes(bytes, (int)size);
    return g_bytes_new_take(bytes, size);
}

static void verify_key(P11dCheckRun *run, P11dKeyuse *use)
{
    CK_RV rv;
    char scratch[P11D_NAME_SIZE];
    CK_SESSION_HANDLE session = use->key->token->session;
    g_autoptr(GBytes) data = random_bytes(100);
    g_autoptr(GBytes) signature = p11d_keyuse_sign(use, session, data, &rv);
    if (!p11d_check_ok(run, rv, use->name))
        return;
    g_autoptr(GBytes) wrong = p11d_keyuse_flip(signature);
    if (!p11d_keyuse_is_good(use, data, signature))
        p11d_check_tell(run, P11D_CHECK_FAIL, "key %s: OpenSSL rejects the signature", use->name);
    if (p11d_keyuse_is_good(use, data, wrong))
        p11d_check_tell(run, P11D_CHECK_FAIL, "key %s: a flipped bit is accepted", use->name);
    rv = p11d_keyuse_verify(use, session, data, signature);
    if (rv == CKR_FUNCTION_NOT_SUPPORTED)
        return; /* by OpenSSL alone, then */
    if (rv != CKR_OK)
        p11d_check_tell(run, P11D_CHECK_FAIL, "key %s: C_Verify of its own signature: %s",
                        use->name, p11d_error_ckr(rv, scratch));
    if (p11d_keyuse_verify(use, session, data, wrong) == CKR_OK)
        p11d_check_tell(run, P11D_CHECK_FAIL, "key %s: C_Verify accepts a flipped bit", use->name);
}

void p11d_signatures_verify(P11dCheckRun *run)
{
    p11d_keyuse_each(run, verify_key);
}

/* True if one of the two numbers begins with a zero byte. */
static bool has_zero(GBytes *signature)
{
    gsize size;
    const guint8 *bytes = g_bytes_get_data(signature, &size);
    return size > 0 && (bytes[0] == 0 || bytes[size / 2] == 0);
}

static void sign_many(P11dCheckRun *run, P11dKeyuse *use)
{
    unsigned made = 0, zeros = 0;
    gsize usual = 0;
    for (; use->kind.type == CKK_EC && made < MANY && !p11d_check_is_late(run); made++) {
        CK_RV rv;
        g_autoptr(GBytes) data = random_bytes(32);
        g_autoptr(GBytes) signature = p11d_keyuse_sign(use, use->key->token->session, data, &rv);
        if (!p11d_check_ok(run, rv, use->name))
            return;
        gsize size = g_bytes_get_size(signature);
        if (usual == 0)
            usual = size;
        zeros += has_zero(signature) ? 1 : 0;
        if (size == usual && p11d_keyuse_is_good(use, data, signature))
            continue;
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "key %s: signature %u has %zu bytes and is %s; the first had %zu",
                        use->name, made + 1, size, size == usual ? "wrong" : "short", usual);
        return;
    }
    if (made > 0)
        p11d_check_tell(run, P11D_CHECK_PASS, "key %s: %u signatures, %u with a leading zero",
                        use->name, made, zeros);
}

static bool has_ec_key(const P11dCheckRun *run)
{
    for (guint i = 0; i < run->keys->len; i++)
        if (p11d_item_describe(run->keys->pdata[i]).type == CKK_EC)
            return true;
    return false;
}

void p11d_signatures_short(P11dCheckRun *run)
{
    if (has_ec_key(run))
        p11d_keyuse_each(run, sign_many);
    else
        p11d_check_tell(run, P11D_CHECK_SKIP, "there is no ECDSA key");
}

/* Signs data in parts of odd sizes, an empty one among them. */
static GBytes *sign_in_parts(const P11dKeyuse *use, GBytes *data, CK_RV *rv)
{
    static const gsize parts[] = {1, 0, 63, 64, 65, 7, 4097, 127, 65537};
    CK_FUNCTION_LIST *functions = use->key->token->functions;
    CK_SESSION_HANDLE session = use->key->token->session;
    gsize size, done = 0;
    const guint8 *bytes = g_bytes_get_data(data, &size);
    *rv = p11d_keyuse_begin(use, session);
    for (size_t i = 0; *rv == CKR_OK && done < size; i++) {
        gsize part = MIN(parts[i % G_N_ELEMENTS(parts)], size - done);
        *rv = functions->C_SignUpdate(session, (CK_BYTE *)bytes + done, part);
        done += part;
    }
    guint8 signature[8192];
    CK_ULONG length = sizeof signature;
    if (*rv == CKR_OK)
        *rv = functions->C_SignFinal(session, signature, &length);
    return *rv == CKR_OK && length <= sizeof signature ? g_bytes_new(signature, length) : NULL;
}

/* How much fits is the token's own affair, if it says so; and not every module takes parts. */
static P11dCheckStatus status_of(CK_RV rv)
{
    return rv == CKR_DATA_LEN_RANGE || rv == CKR_DEVICE_MEMORY || rv == CKR_FUNCTION_NOT_SUPPORTED
               ? P11D_CHECK_WARN
               : P11D_CHECK_FAIL;
}

static void sign_sizes(P11dCheckRun *run, P11dKeyuse *use)
{
    static const gsize sizes[] = {0, 1, 1024, 1024 * 1024};
    char scratch[P11D_NAME_SIZE];
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        CK_RV rv;
        g_autoptr(GBytes) data = random_bytes(sizes[i]);
        g_autoptr(GBytes) signature = p11d_keyuse_sign(use, use->key->token->session, data, &rv);
        if (!signature)
            p11d_check_tell(run, status_of(rv), "key %s and %zu bytes: %s", use->name, sizes[i],
                            p11d_error_ckr(rv, scratch));
        else if (!p11d_keyuse_is_good(use, data, signature))
            p11d_check_tell(run, P11D_CHECK_FAIL, "key %s signs %zu bytes wrongly", use->name,
                            sizes[i]);
    }
    if (!use->hashed || !use->algorithm.hash)
        return; /* such mechanisms take one part */
    CK_RV rv;
    g_autoptr(GBytes) data = random_bytes(200 * 1000 + 1);
    g_autoptr(GBytes) signature = sign_in_parts(use, data, &rv);
    if (!signature)
        p11d_check_tell(run, status_of(rv), "key %s and odd parts: %s", use->name,
                        p11d_error_ckr(rv, scratch));
    else if (!p11d_keyuse_is_good(use, data, signature))
        p11d_check_tell(run, P11D_CHECK_FAIL, "key %s signs odd parts wrongly", use->name);
}

void p11d_signatures_sizes(P11dCheckRun *run)
{
    p11d_keyuse_each(run, sign_sizes);
}

/* One of those that sign at once: a session of its own, and what it made. */
typedef struct Turn {
    const P11dCheckRun *run;
    const P11dKeyuse *use;
    CK_SESSION_HANDLE session;
    GBytes *data[TURNS];
    GBytes *signature[TURNS];
    CK_RV rv;
} Turn;

static gpointer take_turns(gpointer data)
{
    Turn *turn = data;
    for (size_t i = 0; turn->rv == CKR_OK && i < TURNS && !(i > 0 && p11d_check_is_late(turn->run));
         i++)
        turn->signature[i] = p11d_keyuse_sign(turn->use, turn->session, turn->data[i], &turn->rv);
    return NULL;
}

static void judge_turn(P11dCheckRun *run, Turn *turn)
{
    bool good = p11d_check_ok(run, turn->rv, "signing in a thread");
    for (size_t i = 0; i < TURNS; i++) {
        if (good && turn->signature[i] &&
            !p11d_keyuse_is_good(turn->use, turn->data[i], turn->signature[i])) {
            p11d_check_tell(run, P11D_CHECK_FAIL, "key %s: a signature made beside others is wrong",
                            turn->use->name);
            good = false;
        }
        g_bytes_unref(turn->data[i]);
        g_clear_pointer(&turn->signature[i], g_bytes_unref);
    }
}

static void sign_at_once(P11dCheckRun *run, P11dKeyuse *use)
{
    const P11dHostToken *token = use->key->token;
    Turn turns[THREADS] = {0};
    GThread *threads[THREADS];
    size_t count = 0;
    for (; count < THREADS; count++) {
        Turn *turn = &turns[count];
        turn->run = run;
        turn->use = use;
        /* A token may have fewer sessions: then fewer sign at once. */
        if (token->functions->C_OpenSession(token->slot, CKF_SERIAL_SESSION, NULL, NULL,
                                            &turn->session) != CKR_OK)
            break;
        for (size_t i = 0; i < TURNS; i++)
            turn->data[i] = random_bytes(100);
    }
    for (size_t i = 0; i < count; i++)
        threads[i] = g_thread_new("signer", take_turns, &turns[i]);
    for (size_t i = 0; i < count; i++)
        g_thread_join(threads[i]);
    for (size_t i = 0; i < count; i++) {
        judge_turn(run, &turns[i]);
        token->functions->C_CloseSession(turns[i].session);
    }
    if (count < 2)
        p11d_check_tell(run, P11D_CHECK_PASS, "the token gives no two sessions more");
}

void p11d_signatures_threads(P11dCheckRun *run)
{
    p11d_keyuse_each(run, sign_at_once);
}

/* Everything public with the key's CKA_ID has to verify what the key signs. */
static void compare_pair(P11dCheckRun *run, P11dKeyuse *use)
{
    CK_RV rv;
    const CK_ATTRIBUTE *id = p11d_template_find(&use->key->attributes, CKA_ID);
    if (!id || id->ulValueLen == 0)
        return;
    g_autoptr(GBytes) data = random_bytes(100);
    g_autoptr(GBytes) signature = p11d_keyuse_sign(use, use->key->token->session, data, &rv);
    g_autoptr(GPtrArray) items = p11d_item_array();
    if (!p11d_check_ok(run, rv, use->name) || !p11d_item_find(use->key->token, id, 1, items, NULL))
        return;
    for (guint i = 0; i < items->len; i++) {
        const P11dItem *item = items->pdata[i];
        EVP_PKEY *public_key = item->class == CKO_PUBLIC_KEY || item->class == CKO_CERTIFICATE
                                   ? p11d_item_public_key(item)
                                   : NULL;
        P11dKeyuse other = *use;
        other.public_key = public_key;
        if (public_key && !p11d_keyuse_is_good(&other, data, signature))
            p11d_check_tell(run, P11D_CHECK_WARN, "the %s with the CKA_ID of key %s is of another",
                            item->class == CKO_CERTIFICATE ? "certificate" : "public key",
                            use->name);
        EVP_PKEY_free(public_key);
    }
}

void p11d_signatures_pairs(P11dCheckRun *run)
{
    p11d_keyuse_each(run, compare_pair);
}
