// SPDX-License-Identifier: MIT
/*
 * An error is a CKR_ value on its way through D-Bus: CKR_PIN_INCORRECT is
 * org.p11dbus.Error.PinIncorrect, a number without a name org.p11dbus.Error.X80000001. This is the
 * one place where CK_RV and D-Bus error names meet.
 */
#ifndef P11D_ERROR_NAME_H
#define P11D_ERROR_NAME_H

#include "name.h"
#include "status.h"

#define P11D_ERROR_PREFIX "org.p11dbus.Error."
/* Of the errors that D-Bus itself has. */
#define P11D_ERROR_BUS_PREFIX "org.freedesktop.DBus.Error."
/* Room for any error name with its NUL, in bytes. */
#define P11D_ERROR_SIZE 96

typedef struct P11dError {
    CK_RV value;
    const char *ckr;  /* "CKR_PIN_INCORRECT" */
    const char *name; /* "PinIncorrect": the last part on D-Bus */
} P11dError;

extern const P11dError p11d_errors[];
extern const size_t p11d_error_count;

/* "CKR_PIN_INCORRECT", or "0x80000001" in scratch. For people. */
const char *p11d_error_ckr(CK_RV value, char scratch[P11D_NAME_SIZE]);

/* The whole D-Bus error name of value (not CKR_OK), written to storage. */
const char *p11d_error_name(CK_RV value, char storage[P11D_ERROR_SIZE]);

/*
 * The value that a D-Bus error name means, or the last part of one, as GetAttributes answers it.
 * Never CKR_OK or CKR_BUFFER_TOO_SMALL: those make no
 * sense from a service and count as CKR_DEVICE_ERROR, as does every name that nobody here knows.
 * LimitsExceeded is CKR_DEVICE_MEMORY; UnknownMethod, UnknownInterface and NotSupported are
 * CKR_FUNCTION_NOT_SUPPORTED; UnknownObject is CKR_TOKEN_NOT_PRESENT; AccessDenied is
 * CKR_FUNCTION_REJECTED; NoReply, ServiceUnknown and NameHasNoOwner are CKR_DEVICE_REMOVED.
 */
CK_RV p11d_error_parse_name(const char *name);
CK_RV p11d_error_parse_last_part(const char *last_part);

/* What an error of D-Bus says of the service, beside its value. */
typedef enum P11dTrouble {
    P11D_TROUBLE_NONE,   /* nothing: an error like any other, or none */
    P11D_TROUBLE_ABSENT, /* it has no such thing; for OpenChannel: it has no channels */
    P11D_TROUBLE_NOBODY, /* nobody owns the name: the call reached no one */
    P11D_TROUBLE_GONE,   /* who was asked has gone without an answer */
    P11D_TROUBLE_BUSY,   /* too many at once */
} P11dTrouble;

/* UnknownMethod, UnknownInterface, UnknownObject and NotSupported are _ABSENT; ServiceUnknown and
 * NameHasNoOwner _NOBODY; NoReply _GONE; LimitsExceeded _BUSY; every other name _NONE. */
P11dTrouble p11d_error_trouble(const char *name);

/* What a call that ended in this status is to the application: P11D_NO_MEMORY is CKR_HOST_MEMORY,
 * P11D_TOO_LARGE CKR_DATA_LEN_RANGE, P11D_REFUSED CKR_FUNCTION_REJECTED; whatever leaves open what
 * the service did, CKR_DEVICE_ERROR. */
CK_RV p11d_error_of_status(P11dStatus status);

#endif
