// SPDX-License-Identifier: MIT
#include "pins.h"

#include <string.h>

#include "discovery.h"
#include "login.h"
#include "syntax.h"

#define LABEL_SIZE sizeof(((CK_TOKEN_INFO *)NULL)->label)

static const P11dOrderRow init_token = {"InitToken", P11D_PERSON_TIMEOUT};
static const P11dOrderRow init_pin = {"InitPin", P11D_PERSON_TIMEOUT};
static const P11dOrderRow set_pin = {"SetPin", P11D_PERSON_TIMEOUT};

/* Puts the nth PIN into the order. */
static CK_RV put_pin(const P11dToken *token, P11dOrder *order, size_t nth, P11dPin pin)
{
    const bool asks_itself = (token->properties.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
    if (!pin.bytes && (pin.size > 0 || !asks_itself))
        return CKR_ARGUMENTS_BAD;
    if (pin.size > P11D_LOGIN_PIN_MAX)
        return CKR_PIN_LEN_RANGE;
    order->arguments.pins[nth] = (P11dBytes){pin.bytes, pin.size};
    order->arguments.no_pin = order->arguments.no_pin || !pin.bytes;
    return CKR_OK;
}

/* Takes the blanks away. A label of 32 bytes has no zero (PKCS#11 3.1, section 5.5), but hosts hand
 * over C strings, which are read no further than that. Errors: CKR_ARGUMENTS_BAD (it is no text).
 */
static CK_RV read_label(const CK_UTF8CHAR *label, char text[LABEL_SIZE + 1])
{
    if (!label)
        return CKR_ARGUMENTS_BAD;
    size_t size = strnlen((const char *)label, LABEL_SIZE);
    while (size > 0 && label[size - 1] == ' ')
        size--;
    memcpy(text, label, size);
    text[size] = '\0';
    return p11d_syntax_is_text(text, size) ? CKR_OK : CKR_ARGUMENTS_BAD;
}

CK_RV p11d_pins_init_token(P11dInstance *instance, CK_SLOT_ID slot, P11dPin so_pin,
                           const CK_UTF8CHAR *label)
{
    char text[LABEL_SIZE + 1];
    P11dToken *token;
    P11dOrder order = {.row = &init_token, .arguments.text = text};
    CK_RV rv = p11d_discovery_token(instance, slot, &token);
    if (rv == CKR_OK && token->session_count > 0)
        rv = CKR_SESSION_EXISTS;
    if (rv == CKR_OK)
        rv = read_label(label, text);
    if (rv == CKR_OK)
        rv = put_pin(token, &order, 0, so_pin);
    if (rv != CKR_OK)
        return rv;
    rv = p11d_order_give(token, &order);
    token->stale = true; /* its objects are gone, or nobody knows */
    if (rv != CKR_OK)
        return rv;
    /* The service says so too, but whoever asks now may be earlier than that. */
    P11dProperties *properties = &token->properties;
    p11d_properties_pad(properties->label, sizeof properties->label, text);
    properties->flags =
        (properties->flags & ~(CK_FLAGS)CKF_USER_PIN_INITIALIZED) | CKF_TOKEN_INITIALIZED;
    return CKR_OK;
}

CK_RV p11d_pins_init(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dPin pin)
{
    const P11dSession *session = p11d_session_find(instance, handle);
    P11dOrder order = {.row = &init_pin};
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    if (p11d_token_user(session->token) != CKU_SO)
        return CKR_USER_NOT_LOGGED_IN;
    P11dToken *token = session->token;
    CK_RV rv = put_pin(token, &order, 0, pin);
    if (rv == CKR_OK)
        rv = p11d_order_give(token, &order);
    if (rv == CKR_OK) /* as above */
        token->properties.flags |= CKF_USER_PIN_INITIALIZED;
    return rv;
}

CK_RV p11d_pins_set(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dPin old_pin,
                    P11dPin new_pin)
{
    const P11dSession *session = p11d_session_find(instance, handle);
    P11dOrder order = {.row = &set_pin};
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    if (!session->writable)
        return CKR_SESSION_READ_ONLY;
    if (!old_pin.bytes != !new_pin.bytes)
        return CKR_ARGUMENTS_BAD; /* the token asks for both or none */
    CK_RV rv = put_pin(session->token, &order, 0, old_pin);
    if (rv == CKR_OK)
        rv = put_pin(session->token, &order, 1, new_pin);
    return rv == CKR_OK ? p11d_order_give(session->token, &order) : rv;
}
