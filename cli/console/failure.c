// SPDX-License-Identifier: MIT
#include "failure.h"

#include "error-name.h"

typedef struct P11dFailurePrivate {
    CK_RV ckr;
    char *hint;
    bool told;
} P11dFailurePrivate;

static void p11d_failure_private_init(P11dFailurePrivate *private)
{
    private->ckr = CKR_OK;
}

static void p11d_failure_private_copy(const P11dFailurePrivate *from, P11dFailurePrivate *to)
{
    to->ckr = from->ckr;
    to->hint = g_strdup(from->hint);
    to->told = from->told;
}

static void p11d_failure_private_clear(P11dFailurePrivate *private)
{
    g_free(private->hint);
}

G_DEFINE_EXTENDED_ERROR(P11dFailure, p11d_failure)

/* What answers of modules mean to whoever typed the command; every other value is trouble with the
 * device. */
typedef struct Meaning {
    CK_RV ckr;
    P11dFailure kind;
    const char *hint;
} Meaning;

static const Meaning meanings[] = {
    {CKR_PIN_INCORRECT, P11D_FAILURE_PIN,
     "check the PIN before trying again: tokens lock after a few wrong ones"},
    {CKR_PIN_INVALID, P11D_FAILURE_PIN, "the PIN has characters that this token does not take"},
    {CKR_PIN_LEN_RANGE, P11D_FAILURE_PIN, "the PIN is shorter or longer than this token's are"},
    {CKR_PIN_EXPIRED, P11D_FAILURE_PIN, "set a new PIN with the token's own tools"},
    {CKR_PIN_LOCKED, P11D_FAILURE_PIN, "unlock it with the token's own tools and the SO PIN"},
    {CKR_USER_NOT_LOGGED_IN, P11D_FAILURE_PIN, "give the PIN: --pin-file, --pin-fd or a terminal"},
    {CKR_USER_PIN_NOT_INITIALIZED, P11D_FAILURE_PIN, "set a user PIN with the token's own tools"},
    {CKR_MECHANISM_INVALID, P11D_FAILURE_UNSUPPORTED,
     "p11dbus list mechanisms shows what the token can do"},
    {CKR_MECHANISM_PARAM_INVALID, P11D_FAILURE_UNSUPPORTED, "choose another algorithm with -a"},
    {CKR_KEY_TYPE_INCONSISTENT, P11D_FAILURE_UNSUPPORTED, "choose another algorithm with -a"},
    {CKR_KEY_SIZE_RANGE, P11D_FAILURE_UNSUPPORTED, "choose a shorter hash with -a"},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, P11D_FAILURE_UNSUPPORTED,
     "p11dbus list keys shows what each key may be used for"},
    {CKR_FUNCTION_NOT_SUPPORTED, P11D_FAILURE_UNSUPPORTED, NULL},
    {CKR_DATA_LEN_RANGE, P11D_FAILURE_UNSUPPORTED,
     "the data is too long for this key and algorithm"},
    {CKR_FUNCTION_REJECTED, P11D_FAILURE_DEVICE, "the token, or the service's rules, forbid it"},
    {CKR_DEVICE_REMOVED, P11D_FAILURE_DEVICE, "is the token still there, or the service running?"},
    {CKR_TOKEN_NOT_PRESENT, P11D_FAILURE_DEVICE, "is the token still there?"},
};

static Meaning meaning_of(CK_RV value)
{
    for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++)
        if (meanings[i].ckr == value)
            return meanings[i];
    return (Meaning){value, P11D_FAILURE_DEVICE, NULL};
}

static void set(GError **error, P11dFailure kind, CK_RV ckr, const char *hint, const char *message)
{
    if (!error)
        return;
    GError *made = g_error_new_literal(P11D_FAILURE, (int)kind, message);
    P11dFailurePrivate *private = p11d_failure_get_private(made);
    private->ckr = ckr;
    private->hint = g_strdup(hint);
    g_propagate_error(error, made);
}

void p11d_failure_set(GError **error, P11dFailure kind, const char *hint, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    set(error, kind, CKR_OK, hint, message);
}

void p11d_failure_set_ckr(GError **error, CK_RV value, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);

    char scratch[P11D_NAME_SIZE];
    g_autofree char *message = g_strdup_printf("%s: %s", what, p11d_error_ckr(value, scratch));
    Meaning meaning = meaning_of(value);
    set(error, meaning.kind, value, meaning.hint, message);
}

void p11d_failure_set_as(GError **error, P11dFailure kind, CK_RV value, const char *hint,
                         const char *message)
{
    set(error, kind, value, hint, message);
}

const char *p11d_failure_hint(const GError *error)
{
    return error->domain == P11D_FAILURE ? p11d_failure_get_private(error)->hint : NULL;
}

CK_RV p11d_failure_ckr(const GError *error)
{
    return error->domain == P11D_FAILURE ? p11d_failure_get_private(error)->ckr : CKR_OK;
}

bool p11d_failure_is_told(const GError *error)
{
    return error->domain == P11D_FAILURE && p11d_failure_get_private(error)->told;
}

void p11d_failure_mark_told(GError *error)
{
    if (error->domain == P11D_FAILURE)
        p11d_failure_get_private(error)->told = true;
}
