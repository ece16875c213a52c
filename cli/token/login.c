// SPDX-License-Identifier: MIT
#include "login.h"

#include "console.h"
#include "failure.h"
#include "pin.h"

static gboolean check_tries(CK_FLAGS flags, const char *label, const P11dOptions *options,
                            GError **error)
{
    if (flags & CKF_USER_PIN_LOCKED)
        p11d_failure_set(error, P11D_FAILURE_PIN,
                         "unlock it with the token's own tools and the SO PIN",
                         "the PIN of token \"%s\" is locked", label);
    else if ((flags & CKF_USER_PIN_FINAL_TRY) && !options->last_try)
        p11d_failure_set(error, P11D_FAILURE_PIN, "if you are sure of the PIN, add --last-try",
                         "one more wrong PIN locks token \"%s\"; not tried", label);
    else
        return TRUE;
    return FALSE;
}

/* What the token says after a refusal about the tries that are left. */
static const char *tries_left(CK_FLAGS flags)
{
    if (flags & CKF_USER_PIN_LOCKED)
        return " (it is locked now)";
    if (flags & CKF_USER_PIN_FINAL_TRY)
        return " (one try is left)";
    return flags & CKF_USER_PIN_COUNT_LOW ? " (few tries are left)" : "";
}

static gboolean get_pin(P11dHostToken *token, const P11dTarget *target, const P11dOptions *options,
                        const char *label, GError **error)
{
    if (token->pin.data)
        return TRUE;
    const char *source = p11_kit_uri_get_pin_source(target->uri);
    bool keypad = token->info.flags & CKF_PROTECTED_AUTHENTICATION_PATH;
    if (!p11d_pin_read(&token->pin, options, source, error))
        return FALSE;
    if (token->pin.data)
        return TRUE;
    if (keypad) {
        p11d_console_note("enter the PIN on the keypad of token \"%s\"", label);
        return TRUE;
    }
    g_autofree char *whose = g_strdup_printf(
        target->has_objects ? "token \"%s\" (for %s)" : "token \"%s\"", label, target->text);
    return p11d_pin_ask(&token->pin, options, whose, error);
}

static gboolean log_in(P11dHostToken *token, CK_USER_TYPE user, const P11dTarget *target,
                       const P11dOptions *options, GError **error)
{
    g_autofree char *label = p11d_host_label(token);
    if (token->refused) {
        p11d_failure_set(error, P11D_FAILURE_PIN, NULL, "the login to token \"%s\" failed before",
                         label);
        return FALSE;
    }
    if (!check_tries(p11d_host_flags(token), label, options, error) ||
        !get_pin(token, target, options, label, error))
        return FALSE;
    /* No PIN here means that the token asks for it on its own keypad. */
    CK_RV rv = p11d_host_login(token, user, &token->pin);
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        return TRUE;
    p11d_secret_clear(&token->pin);
    token->refused = true;
    p11d_failure_set_ckr(error, rv, "cannot log in to token \"%s\"%s", label,
                         tries_left(p11d_host_flags(token)));
    return FALSE;
}

gboolean p11d_login(P11dHostToken *token, const P11dTarget *target, const P11dOptions *options,
                    GError **error)
{
    if (token->logged_in || !(token->info.flags & CKF_LOGIN_REQUIRED))
        return TRUE;
    if (!p11d_host_session(token, error) || !log_in(token, CKU_USER, target, options, error))
        return FALSE;
    token->logged_in = true;
    return TRUE;
}

gboolean p11d_login_for_operation(P11dHostToken *token, const P11dTarget *target,
                                  const P11dOptions *options, GError **error)
{
    return log_in(token, CKU_CONTEXT_SPECIFIC, target, options, error);
}
