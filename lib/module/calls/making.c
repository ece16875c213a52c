// SPDX-License-Identifier: MIT
#include "making.h"

#include "change.h"
#include "outcome.h"

struct P11dMakingRow {
    P11dOrderRow order;
    CK_FLAGS flag;                /* of mechanisms that can; 0: none is needed */
    CK_ATTRIBUTE_TYPE permission; /* of the key that it is made of */
    CK_RV missing;                /* if what it is made of is not there; CKR_OK: it is not needed */
    size_t count;                 /* of templates, and of objects that are made */
    CK_OBJECT_CLASS classes[P11D_ARGUMENTS_EACH]; /* of them, where the template does not say */
};

#define UNKNOWN CK_UNAVAILABLE_INFORMATION

/* clang-format off */
const P11dMakingRow p11d_making_create = {{"CreateObject", P11D_CALL_TIMEOUT},
    0, 0, CKR_OK, 1, {UNKNOWN}};
const P11dMakingRow p11d_making_copy = {{"CopyObject", P11D_CALL_TIMEOUT},
    0, CKA_COPYABLE, CKR_OBJECT_HANDLE_INVALID, 1, {UNKNOWN}};
const P11dMakingRow p11d_making_key = {{"GenerateKey", P11D_PERSON_TIMEOUT},
    CKF_GENERATE, 0, CKR_OK, 1, {CKO_SECRET_KEY}};
const P11dMakingRow p11d_making_pair = {{"GenerateKeyPair", P11D_PERSON_TIMEOUT},
    CKF_GENERATE_KEY_PAIR, 0, CKR_OK, 2, {CKO_PUBLIC_KEY, CKO_PRIVATE_KEY}};
const P11dMakingRow p11d_making_unwrapped = {{"Unwrap", P11D_PERSON_TIMEOUT},
    CKF_UNWRAP, CKA_UNWRAP, CKR_UNWRAPPING_KEY_HANDLE_INVALID, 1, {UNKNOWN}};
const P11dMakingRow p11d_making_derived = {{"Derive", P11D_PERSON_TIMEOUT},
    CKF_DERIVE, CKA_DERIVE, CKR_KEY_HANDLE_INVALID, 1, {CKO_SECRET_KEY}};
const P11dMakingRow p11d_making_encapsulated = {{"Encapsulate", P11D_PERSON_TIMEOUT},
    CKF_ENCAPSULATE, CKA_ENCAPSULATE, CKR_KEY_HANDLE_INVALID, 1, {CKO_SECRET_KEY}};
const P11dMakingRow p11d_making_decapsulated = {{"Decapsulate", P11D_PERSON_TIMEOUT},
    CKF_DECAPSULATE, CKA_DECAPSULATE, CKR_UNWRAPPING_KEY_HANDLE_INVALID, 1, {CKO_SECRET_KEY}};
/* clang-format on */

/* One making under way. */
typedef struct Work {
    const P11dMakingRow *row;
    P11dToken *token;
    P11dKeptMechanism mechanism;
    P11dOrder order;
    P11dDraft drafts[P11D_ARGUMENTS_EACH];
    CK_OBJECT_HANDLE made[P11D_ARGUMENTS_EACH];
    P11dBuffer *output; /* of the host; NULL: none comes */
} Work;

static CK_RV take_ids(const P11dArguments *results, void *data)
{
    Work *work = data;
    for (size_t i = 0; i < work->row->count; i++) {
        work->drafts[i].id = results->objects[i];
        if (results->objects[i] == 0 || (i > 0 && results->objects[i] == results->objects[0]))
            return CKR_DEVICE_ERROR;
    }
    const P11dBytes output = results->bytes[0];
    return !work->output || p11d_buffer_append(work->output, output.data, output.size)
               ? CKR_OK
               : CKR_HOST_MEMORY;
}

/* What the nth object will be, as its template says it, or else the object that it is a copy of. */
static P11dDraft draft(const Work *work, size_t nth, const P11dObject *origin)
{
    const P11dTemplateArgument *templ = &work->order.arguments.templates[nth];
    const CK_ULONG class = p11d_order_number(templ, CKA_CLASS);
    P11dDraft draft = {.object_class = class != UNKNOWN ? class : work->row->classes[nth],
                       .key_type = p11d_order_number(templ, CKA_KEY_TYPE),
                       .on_token = p11d_order_boolean(templ, CKA_TOKEN, false),
                       .is_private = p11d_order_boolean(templ, CKA_PRIVATE, false)};
    if (origin) {
        draft.object_class = origin->derived.object_class;
        draft.key_type = origin->derived.key_type;
        draft.on_token =
            p11d_order_boolean(templ, CKA_TOKEN, p11d_object_boolean(origin, CKA_TOKEN));
        draft.is_private =
            p11d_order_boolean(templ, CKA_PRIVATE, p11d_object_boolean(origin, CKA_PRIVATE));
    }
    return draft;
}

/* Checks what the host brings, and puts the order together. Asks nobody. */
static CK_RV prepare(Work *work, const P11dSession *session, const P11dMaking *making)
{
    const P11dMakingRow *row = work->row;
    const bool copies = row->flag == 0 && row->missing != CKR_OK;
    const P11dObject *origin = copies ? p11d_listing_find(work->token, making->from) : NULL;
    CK_RV rv = CKR_OK;
    if (!making->input && making->input_size > 0)
        return CKR_ARGUMENTS_BAD;
    for (size_t i = 0; i < row->count && rv == CKR_OK; i++) {
        rv = making->objects[i].made ? CKR_OK : CKR_ARGUMENTS_BAD;
        if (rv == CKR_OK)
            rv = p11d_order_template(making->objects[i].templ, making->objects[i].count,
                                     &work->order.arguments.templates[i]);
        if (rv == CKR_OK && copies && !origin)
            rv = row->missing;
        if (rv == CKR_OK)
            work->drafts[i] = draft(work, i, origin);
        if (rv == CKR_OK)
            rv = p11d_order_may_write(session, work->drafts[i].on_token);
    }
    if (rv == CKR_OK && copies && !origin->draft && !p11d_object_boolean(origin, row->permission))
        rv = CKR_ACTION_PROHIBITED;
    if (rv == CKR_OK && row->flag != 0)
        rv = p11d_order_check(work->token, making->from, row->permission, making->mechanism,
                              row->flag, row->missing);
    if (rv == CKR_OK && row->flag != 0)
        rv = p11d_kept_mechanism_make(&work->mechanism, making->mechanism, false);
    work->order.objects[0] = row->missing != CKR_OK ? making->from : 0;
    work->order.arguments.mechanism.kept = &work->mechanism;
    work->order.arguments.bytes[0] = (P11dBytes){making->input, making->input_size};
    return rv;
}

/* What the function calls it if the object or key that it needs is not there. */
static CK_RV about_origin(const P11dMakingRow *row, CK_RV rv)
{
    const bool missing = rv == CKR_OBJECT_HANDLE_INVALID || rv == CKR_KEY_HANDLE_INVALID;
    return missing && row->missing != CKR_OK ? row->missing : rv;
}

/* Gives the new session objects to their session; if that is gone they have to go too. */
static CK_RV own(Work *work, P11dInstance *instance, CK_SESSION_HANDLE session)
{
    CK_RV rv = p11d_session_find(instance, session) ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
    for (size_t i = 0; i < work->row->count && rv == CKR_OK; i++) {
        if (!work->drafts[i].on_token)
            rv = p11d_session_own(instance, session, work->made[i]);
    }
    for (size_t i = 0; i < work->row->count && rv != CKR_OK; i++) {
        if (!work->drafts[i].on_token)
            p11d_change_discard(work->token, &work->made[i], 1);
    }
    return rv;
}

static CK_RV perform(Work *work, P11dInstance *instance, const P11dMaking *making)
{
    CK_RV rv = about_origin(work->row, p11d_order_give(work->token, &work->order));
    if (rv == CKR_OK)
        rv = p11d_outcome_made(work->token, work->order.moment, work->drafts, work->row->count,
                               work->made);
    if (rv == CKR_OK)
        rv = own(work, instance, making->session);
    for (size_t i = 0; i < work->row->count && rv == CKR_OK; i++)
        *making->objects[i].made = work->made[i];
    return rv;
}

CK_RV p11d_making_perform(P11dInstance *instance, const P11dMakingRow *row,
                          const P11dMaking *making)
{
    const P11dSession *session = p11d_session_find(instance, making->session);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    Work work = {.row = row, .token = session->token, .output = making->output};
    work.order.row = &row->order;
    work.order.take = take_ids;
    work.order.data = &work;
    CK_RV rv = prepare(&work, session, making);
    if (rv == CKR_OK)
        rv = perform(&work, instance, making);
    p11d_kept_mechanism_clear(&work.mechanism);
    return rv;
}
