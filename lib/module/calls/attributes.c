// SPDX-License-Identifier: MIT
#include "attributes.h"

#include <stdlib.h>

#include "attribute.h"
#include "listing.h"
#include "lock.h"

/* The most attributes of one question. */
#define ATTRIBUTES_MAX 4096

/* One GetAttributes under way. */
typedef struct Question {
    P11dToken *token;
    CK_OBJECT_HANDLE object;
    P11dArguments arguments; /* its id */
    const CK_ATTRIBUTE_TYPE *types;
    CK_ULONG count;
} Question;

static void write_question(P11dWriter *writer, void *data)
{
    const Question *question = data;
    p11d_writer_uint64(writer, question->arguments.objects[0]);
    const P11dArray names = p11d_writer_array_begin(writer, 4);
    for (CK_ULONG i = 0; i < question->count; i++) {
        char scratch[P11D_NAME_SIZE];
        p11d_writer_string(writer, p11d_attribute_name(question->types[i], scratch));
    }
    p11d_writer_array_end(writer, names);
}

static CK_RV learn(const Question *question, P11dReader *body)
{
    return p11d_snapshot_learn(&question->token->snapshot, question->object, question->types,
                               question->count, body);
}

static CK_RV read_answer(P11dChannel *channel, P11dReader *body, void *data)
{
    (void)channel;
    p11d_lock_take();
    const CK_RV rv = learn(data, body);
    p11d_lock_give();
    return rv;
}

static CK_RV ask(P11dToken *token, CK_OBJECT_HANDLE object, const CK_ATTRIBUTE_TYPE *types,
                 CK_ULONG count)
{
    Question question = {.token = token, .object = object, .types = types, .count = count};
    P11dRequest request = {.interface = &p11d_interface_token,
                           .method = "GetAttributes",
                           .arguments = &question.arguments,
                           .write = write_question,
                           .read = read_answer,
                           .data = &question,
                           .deadline = p11d_deadline_in(P11D_CALL_TIMEOUT)};
    const CK_OBJECT_HANDLE objects[P11D_ARGUMENTS_EACH] = {object};
    const CK_RV rv = p11d_listing_call(token, objects, &request, NULL);
    if (rv != CKR_FUNCTION_NOT_SUPPORTED)
        return rv;
    /* A service that tells nothing beyond ListObjects: learn that it has nothing to say. */
    static const uint64_t two_empty_arrays[2];
    P11dReader nothing;
    p11d_reader_init(&nothing, two_empty_arrays, sizeof two_empty_arrays, false);
    return learn(&question, &nothing);
}

CK_RV p11d_attributes_get(P11dInstance *instance, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE *templ, CK_ULONG count)
{
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    if ((!templ && count > 0) || count > ATTRIBUTES_MAX)
        return CKR_ARGUMENTS_BAD;
    P11dToken *token = session->token;
    const P11dObject *found = p11d_listing_know(token, object);
    if (!found)
        return CKR_OBJECT_HANDLE_INVALID;
    CK_ATTRIBUTE_TYPE few[16];
    CK_ATTRIBUTE_TYPE *types = count <= 16 ? few : calloc(count, sizeof *types);
    if (!types)
        return CKR_HOST_MEMORY;
    CK_RV rv = CKR_OK;
    const CK_ULONG unknown = p11d_object_unknown(found, templ, count, types);
    if (unknown > 0)
        rv = ask(token, object, types, unknown);
    if (types != few)
        free(types);
    found = p11d_listing_find(token, object); /* what was found before may be gone by now */
    if (!found)
        return rv == CKR_OK ? CKR_OBJECT_HANDLE_INVALID : rv;
    const CK_RV filled = p11d_object_get(found, templ, count);
    return rv == CKR_OK ? filled : rv;
}

CK_RV p11d_attributes_size(P11dInstance *instance, CK_SESSION_HANDLE handle,
                           CK_OBJECT_HANDLE object, CK_ULONG *size)
{
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    if (!p11d_listing_find(session->token, object))
        return CKR_OBJECT_HANDLE_INVALID;
    if (!size)
        return CKR_ARGUMENTS_BAD;
    *size = CK_UNAVAILABLE_INFORMATION;
    return CKR_OK;
}
