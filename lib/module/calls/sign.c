// SPDX-License-Identifier: MIT
#include "sign.h"

#include <stdlib.h>
#include <string.h>

#include "ability.h"
#include "digest.h"
#include "listing.h"
#include "lock.h"
#include "pss.h"
#include "stream.h"

/* Parameters in D-Bus form take no more, in bytes. */
#define PARAMETERS_MAX ((size_t)32 << 10)
/* The longest signature that is taken from a service where the key does not tell, in bytes. */
#define SIGNATURE_MAX ((size_t)1 << 20)

typedef struct Sign {
    P11dOperation operation;
    CK_OBJECT_HANDLE key;
    char mechanism[64];    /* name of what the service is asked for */
    P11dBuffer parameters; /* the entries of its a{sv} */
    P11dRoute route;
    CK_MECHANISM_TYPE hash; /* that is applied here */
    bool digest_info;       /* the service gets the digest in a DigestInfo */
    CK_ULONG size;          /* of the signature in bytes; 0: the service knows */
    bool authenticates;     /* the key wants a login for each signature */
    bool parts;             /* C_SignUpdate was called: C_Sign may not */
    P11dDigest digest;
    P11dBuffer data;   /* what is sent, unless it is hashed */
    P11dBuffer result; /* the finished signature, until it is fetched */
    bool finished;
    P11dStream stream; /* that holds the login */
} Sign;

static void free_sign(P11dOperation *operation)
{
    Sign *sign = (Sign *)operation;
    p11d_stream_end(&sign->stream, false);
    p11d_digest_wipe(&sign->digest);
    p11d_buffer_clear(&sign->parameters);
    p11d_buffer_clear(&sign->data);
    p11d_buffer_clear(&sign->result);
    free(sign);
}

/* Whether the key's CKA_ALLOWED_MECHANISMS, if it has any, name mechanism. */
static bool key_allows(CK_MECHANISM_TYPE mechanism, const void *object)
{
    const CK_ATTRIBUTE *allowed = p11d_object_attribute(object, CKA_ALLOWED_MECHANISMS);
    if (!allowed || allowed->ulValueLen == 0)
        return true;
    const CK_MECHANISM_TYPE *types = allowed->pValue;
    for (CK_ULONG i = 0; i < allowed->ulValueLen / sizeof types[0]; i++) {
        if (types[i] == mechanism)
            return true;
    }
    return false;
}

static CK_RV check_key(const P11dObject *key, const P11dMechanism *row)
{
    if (!key)
        return CKR_KEY_HANDLE_INVALID;
    if (key->derived.object_class != CKO_PRIVATE_KEY && key->derived.object_class != CKO_SECRET_KEY)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (!p11d_object_boolean(key, CKA_SIGN))
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    const bool typed = row && row->key_type != CK_UNAVAILABLE_INFORMATION &&
                       key->derived.key_type != CK_UNAVAILABLE_INFORMATION;
    return typed && row->key_type != key->derived.key_type ? CKR_KEY_TYPE_INCONSISTENT : CKR_OK;
}

/* What a key of RSASSA-PSS alone says of itself is told before there is any data. */
static CK_RV check_pss(const P11dObject *key, const CK_MECHANISM *mechanism)
{
    const CK_ATTRIBUTE *info = p11d_object_attribute(key, CKA_PUBLIC_KEY_INFO);
    P11dPss pss;
    /* What is not understood here the service may understand. */
    return info && p11d_pss_read(&pss, info->pValue, info->ulValueLen)
               ? p11d_pss_check(&pss, mechanism)
               : CKR_OK;
}

/* Keeps what the service will be asked for. */
static CK_RV keep_mechanism(Sign *sign, const CK_MECHANISM *mechanism, const P11dMechanism *row)
{
    CK_MECHANISM asked = *mechanism;
    if (sign->route == P11D_ROUTE_RAW)
        asked.mechanism = row->raw;
    if (sign->route == P11D_ROUTE_RAW || sign->route == P11D_ROUTE_PREHASHED) {
        sign->hash = row->hash;
        p11d_digest_init(&sign->digest, row->hash);
    }
    sign->digest_info = sign->route == P11D_ROUTE_RAW && row->digest_info;

    char scratch[P11D_NAME_SIZE];
    const char *name = p11d_mechanism_name(asked.mechanism, scratch);
    if (strlen(name) >= sizeof sign->mechanism)
        return CKR_MECHANISM_INVALID;
    strcpy(sign->mechanism, name);

    P11dWriter writer;
    p11d_writer_init(&writer, &sign->parameters);
    const CK_RV rv = p11d_mechanism_write_parameters(&writer, &asked);
    if (rv == CKR_OK && sign->route == P11D_ROUTE_PREHASHED) {
        p11d_writer_entry(&writer, "prehashed", "b");
        p11d_writer_boolean(&writer, true);
    }
    if (rv != CKR_OK || p11d_writer_ok(&writer))
        return rv;
    return sign->parameters.no_memory ? CKR_HOST_MEMORY : CKR_MECHANISM_PARAM_INVALID;
}

static CK_RV make(P11dToken *token, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE handle,
                  Sign *sign)
{
    const P11dObject *key = p11d_listing_find(token, handle);
    const P11dMechanism *row = p11d_mechanism_find(mechanism->mechanism);
    CK_RV rv = check_key(key, row);
    if (rv == CKR_OK)
        rv = check_pss(key, mechanism);
    if (rv != CKR_OK)
        return rv;
    sign->operation.free = free_sign;
    sign->stream.token = token;
    sign->key = handle;
    sign->size = key->derived.signature_size;
    sign->authenticates = p11d_object_boolean(key, CKA_ALWAYS_AUTHENTICATE);
    sign->route = p11d_ability_route(&token->properties, mechanism->mechanism, key_allows, key);
    return sign->route == P11D_ROUTE_NONE ? CKR_MECHANISM_INVALID
                                          : keep_mechanism(sign, mechanism, row);
}

CK_RV p11d_sign_begin(P11dInstance *instance, CK_SESSION_HANDLE handle,
                      const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    if (!mechanism)
        return p11d_session_cancel(instance, handle, P11D_OPERATION_SIGNATURE);
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    Sign *sign = calloc(1, sizeof *sign);
    if (!sign)
        return CKR_HOST_MEMORY;
    p11d_buffer_init(&sign->parameters, PARAMETERS_MAX);
    p11d_buffer_init(&sign->data, P11D_INTERFACE_DATA_MAX);
    p11d_buffer_init(&sign->result, SIGNATURE_MAX);
    const CK_RV rv = make(session->token, mechanism, key, sign);
    if (rv == CKR_OK)
        return p11d_session_begin(instance, handle, P11D_OPERATION_SIGNATURE, &sign->operation);
    free_sign(&sign->operation);
    return rv;
}

static CK_RV take(P11dInstance *instance, CK_SESSION_HANDLE session, Sign **sign)
{
    P11dOperation *operation = NULL;
    const CK_RV rv = p11d_session_take(instance, session, P11D_OPERATION_SIGNATURE, &operation);
    *sign = (Sign *)operation;
    return rv;
}

/* Puts it back, or ends it; returns rv. */
static CK_RV put(P11dInstance *instance, CK_SESSION_HANDLE session, Sign *sign, bool goes_on,
                 CK_RV rv)
{
    p11d_session_put(instance, session, P11D_OPERATION_SIGNATURE,
                     goes_on ? &sign->operation : NULL);
    if (!goes_on)
        free_sign(&sign->operation);
    return rv;
}

/* One message about a signature under way. */
typedef struct Question {
    Sign *sign;
    uint64_t key; /* its id at the service */
    const uint8_t *data;
    size_t size;
} Question;

static void write_mechanism(P11dWriter *writer, const Sign *sign)
{
    p11d_writer_string(writer, sign->mechanism);
    const P11dArray entries = p11d_writer_array_begin(writer, 8);
    p11d_writer_raw(writer, sign->parameters.data, sign->parameters.size);
    p11d_writer_array_end(writer, entries);
}

static void write_sign(P11dWriter *writer, void *data)
{
    const Question *question = data;
    p11d_writer_uint64(writer, question->key);
    write_mechanism(writer, question->sign);
    p11d_writer_bytes(writer, question->data, question->size);
}

static void write_begin(P11dWriter *writer, void *data)
{
    const Question *question = data;
    p11d_writer_string(writer, "sign");
    p11d_writer_uint64(writer, question->key);
    write_mechanism(writer, question->sign);
}

static void write_finish(P11dWriter *writer, void *data)
{
    const Question *question = data;
    p11d_writer_uint64(writer, question->sign->stream.id);
    const P11dArray options = p11d_writer_array_begin(writer, 8);
    p11d_writer_entry(writer, "data", "ay");
    p11d_writer_bytes(writer, question->data, question->size);
    p11d_writer_array_end(writer, options);
}

static CK_RV read_stream(P11dChannel *channel, P11dReader *body, void *data)
{
    (void)channel;
    Sign *sign = ((Question *)data)->sign;
    return p11d_reader_uint64(body, &sign->stream.id) ? CKR_OK : CKR_DEVICE_ERROR;
}

static CK_RV read_signature(P11dChannel *channel, P11dReader *body, void *data)
{
    (void)channel;
    Sign *sign = ((Question *)data)->sign;
    const uint8_t *bytes;
    size_t size;
    if (!p11d_reader_bytes(body, &bytes, &size) || size == 0 || size > SIGNATURE_MAX ||
        (sign->size > 0 && size != sign->size))
        return CKR_DEVICE_ERROR;
    p11d_buffer_reset(&sign->result);
    return p11d_buffer_append(&sign->result, bytes, size) ? CKR_OK : CKR_HOST_MEMORY;
}

/* The rv of a call about an object that is a key. */
static CK_RV about_key(CK_RV rv)
{
    return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_KEY_HANDLE_INVALID : rv;
}

/* Begins a stream for the signature. */
static CK_RV begin_stream(Sign *sign)
{
    Question question = {.sign = sign};
    P11dRequest request = {.interface = &p11d_interface_token,
                           .method = "BeginStream",
                           .write = write_begin,
                           .read = read_stream,
                           .data = &question,
                           .deadline = p11d_deadline_in(P11D_CALL_TIMEOUT)};
    return about_key(p11d_stream_begin(&sign->stream, sign->key, &question.key, &request));
}

/* Asks the service for the signature of what is to be sent: once, and never again. */
static CK_RV ask(Sign *sign, const uint8_t *data, size_t size)
{
    Question question = {.sign = sign, .data = data, .size = size};
    if (!sign->authenticates) {
        P11dRequest request = {.interface = &p11d_interface_token,
                               .method = "Sign",
                               .write = write_sign,
                               .read = read_signature,
                               .data = &question,
                               .deadline = p11d_deadline_in(P11D_CALL_TIMEOUT)};
        return about_key(p11d_listing_call(sign->stream.token, sign->key, &question.key, &request));
    }
    if (!sign->stream.channel)
        return CKR_USER_NOT_LOGGED_IN;
    P11dRequest request = {
        .method = "FinishStream", .write = write_finish, .read = read_signature, .data = &question};
    const CK_RV rv = p11d_stream_call(&sign->stream, &request);
    p11d_stream_end(&sign->stream, true);
    return rv;
}

/* What is sent where this process hashes: the digest of all data so far and of size bytes more. */
static size_t digest_of(const Sign *sign, const CK_BYTE *data, CK_ULONG size,
                        uint8_t output[P11D_DIGEST_INFO_MAX])
{
    P11dDigest digest;
    uint8_t bytes[P11D_HASH_MAX_SIZE];
    p11d_lock_give();
    p11d_digest_copy(&digest, &sign->digest);
    p11d_digest_update(&digest, data, size);
    size_t count = p11d_digest_final(&digest, bytes);
    p11d_lock_take();
    if (sign->digest_info)
        return p11d_digest_info(sign->hash, bytes, count, output);
    memcpy(output, bytes, count);
    return count;
}

/* Makes sure that sign->result is the signature of those bytes. */
static CK_RV provide_result(Sign *sign, const uint8_t *data, size_t size)
{
    const bool same =
        size == sign->data.size && (size == 0 || memcmp(data, sign->data.data, size) == 0);
    if (sign->finished && same)
        return CKR_OK;
    const CK_RV rv = ask(sign, data, size);
    if (rv != CKR_OK)
        return rv;
    sign->finished = true;
    if (same || sign->size > 0)
        return CKR_OK;
    /* The result may have to wait until there is room for it: remember what it is for. */
    p11d_buffer_reset(&sign->data);
    return p11d_buffer_append(&sign->data, data, size) ? CKR_OK : CKR_HOST_MEMORY;
}

/* Ends the operation with a signature of data, or answers how large it is. */
static CK_RV deliver(P11dInstance *instance, CK_SESSION_HANDLE session, Sign *sign,
                     const uint8_t *data, size_t size, CK_BYTE *signature, CK_ULONG *signature_size)
{
    const CK_RV rv = provide_result(sign, data, size);
    if (rv != CKR_OK)
        return put(instance, session, sign, false, rv);
    const CK_ULONG room = *signature_size;
    *signature_size = sign->result.size;
    if (!signature || room < sign->result.size)
        return put(instance, session, sign, true, signature ? CKR_BUFFER_TOO_SMALL : CKR_OK);
    memcpy(signature, sign->result.data, sign->result.size);
    return put(instance, session, sign, false, CKR_OK);
}

/* True if the size is known and that is all that can be answered: *rv. */
static bool is_size_query(const Sign *sign, const CK_BYTE *signature, CK_ULONG *size, CK_RV *rv)
{
    if (sign->size == 0 || (signature && *size >= sign->size))
        return false;
    *size = sign->size;
    *rv = signature ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    return true;
}

CK_RV p11d_sign_whole(P11dInstance *instance, CK_SESSION_HANDLE session, const CK_BYTE *data,
                      CK_ULONG size, CK_BYTE *signature, CK_ULONG *signature_size)
{
    Sign *sign;
    CK_RV rv = take(instance, session, &sign);
    if (rv != CKR_OK)
        return rv;
    if (sign->parts)
        return put(instance, session, sign, true, CKR_OPERATION_ACTIVE);
    if ((!data && size > 0) || !signature_size)
        return put(instance, session, sign, false, CKR_ARGUMENTS_BAD);
    if (is_size_query(sign, signature, signature_size, &rv))
        return put(instance, session, sign, true, rv);
    if (sign->route == P11D_ROUTE_DATA) {
        if (size > P11D_INTERFACE_DATA_MAX)
            return put(instance, session, sign, false, CKR_DATA_LEN_RANGE);
        return deliver(instance, session, sign, data, size, signature, signature_size);
    }
    uint8_t digest[P11D_DIGEST_INFO_MAX];
    const size_t count = digest_of(sign, data, size, digest);
    return deliver(instance, session, sign, digest, count, signature, signature_size);
}

/* Takes one more part. What was signed before was for less data. */
static CK_RV add_part(Sign *sign, const CK_BYTE *data, CK_ULONG size)
{
    sign->parts = true;
    sign->finished = false;
    if (sign->route == P11D_ROUTE_DATA)
        return p11d_buffer_append(&sign->data, data, size) ? CKR_OK
               : sign->data.no_memory                      ? CKR_HOST_MEMORY
                                                           : CKR_DATA_LEN_RANGE;
    p11d_lock_give();
    p11d_digest_update(&sign->digest, data, size);
    p11d_lock_take();
    return CKR_OK;
}

CK_RV p11d_sign_update(P11dInstance *instance, CK_SESSION_HANDLE session, const CK_BYTE *data,
                       CK_ULONG size)
{
    Sign *sign;
    CK_RV rv = take(instance, session, &sign);
    if (rv != CKR_OK)
        return rv;
    rv = !data && size > 0 ? CKR_ARGUMENTS_BAD : add_part(sign, data, size);
    return put(instance, session, sign, rv == CKR_OK, rv);
}

CK_RV p11d_sign_final(P11dInstance *instance, CK_SESSION_HANDLE session, CK_BYTE *signature,
                      CK_ULONG *signature_size)
{
    Sign *sign;
    CK_RV rv = take(instance, session, &sign);
    if (rv != CKR_OK)
        return rv;
    if (!signature_size)
        return put(instance, session, sign, false, CKR_ARGUMENTS_BAD);
    if (is_size_query(sign, signature, signature_size, &rv))
        return put(instance, session, sign, true, rv);
    if (sign->route == P11D_ROUTE_DATA)
        return deliver(instance, session, sign, sign->data.data, sign->data.size, signature,
                       signature_size);
    uint8_t digest[P11D_DIGEST_INFO_MAX];
    const size_t count = digest_of(sign, NULL, 0, digest);
    return deliver(instance, session, sign, digest, count, signature, signature_size);
}

static CK_RV login(Sign *sign, P11dLogin *pin)
{
    if (!sign->authenticates)
        return CKR_OPERATION_NOT_INITIALIZED; /* none that wants a login */
    if (sign->stream.channel)
        return CKR_USER_ALREADY_LOGGED_IN;
    CK_RV rv = p11d_login_check(sign->stream.token, pin);
    if (rv == CKR_OK)
        rv = begin_stream(sign);
    if (rv != CKR_OK)
        return rv;
    pin->stream = sign->stream.id;
    P11dRequest request = {.method = "Login", .write = p11d_login_write, .data = pin};
    rv = p11d_stream_call(&sign->stream, &request);
    if (rv != CKR_OK)
        p11d_stream_end(&sign->stream, false);
    return rv;
}

CK_RV p11d_sign_login(P11dInstance *instance, CK_SESSION_HANDLE session, P11dLogin *pin)
{
    Sign *sign;
    const CK_RV rv = take(instance, session, &sign);
    if (rv != CKR_OK)
        return rv;
    return put(instance, session, sign, true, login(sign, pin));
}
