// SPDX-License-Identifier: MIT
#include "error-name.h"

#include <stdlib.h>
#include <string.h>

#define ROW(value, name) {value, #value, name},

/* Sorted by number. */
const P11dError p11d_errors[] = {
    // clang-format off
    ROW(CKR_OK, "Ok")
    ROW(CKR_CANCEL, "Cancel")
    ROW(CKR_HOST_MEMORY, "HostMemory")
    ROW(CKR_SLOT_ID_INVALID, "SlotIdInvalid")
    ROW(CKR_GENERAL_ERROR, "GeneralError")
    ROW(CKR_FUNCTION_FAILED, "FunctionFailed")
    ROW(CKR_ARGUMENTS_BAD, "ArgumentsBad")
    ROW(CKR_NO_EVENT, "NoEvent")
    ROW(CKR_NEED_TO_CREATE_THREADS, "NeedToCreateThreads")
    ROW(CKR_CANT_LOCK, "CantLock")
    ROW(CKR_ATTRIBUTE_READ_ONLY, "AttributeReadOnly")
    ROW(CKR_ATTRIBUTE_SENSITIVE, "AttributeSensitive")
    ROW(CKR_ATTRIBUTE_TYPE_INVALID, "AttributeTypeInvalid")
    ROW(CKR_ATTRIBUTE_VALUE_INVALID, "AttributeValueInvalid")
    ROW(CKR_ACTION_PROHIBITED, "ActionProhibited")
    ROW(CKR_DATA_INVALID, "DataInvalid")
    ROW(CKR_DATA_LEN_RANGE, "DataLenRange")
    ROW(CKR_DEVICE_ERROR, "DeviceError")
    ROW(CKR_DEVICE_MEMORY, "DeviceMemory")
    ROW(CKR_DEVICE_REMOVED, "DeviceRemoved")
    ROW(CKR_ENCRYPTED_DATA_INVALID, "EncryptedDataInvalid")
    ROW(CKR_ENCRYPTED_DATA_LEN_RANGE, "EncryptedDataLenRange")
    ROW(CKR_AEAD_DECRYPT_FAILED, "AeadDecryptFailed")
    ROW(CKR_FUNCTION_CANCELED, "FunctionCanceled")
    ROW(CKR_FUNCTION_NOT_PARALLEL, "FunctionNotParallel")
    ROW(CKR_FUNCTION_NOT_SUPPORTED, "FunctionNotSupported")
    ROW(CKR_KEY_HANDLE_INVALID, "KeyHandleInvalid")
    ROW(CKR_KEY_SIZE_RANGE, "KeySizeRange")
    ROW(CKR_KEY_TYPE_INCONSISTENT, "KeyTypeInconsistent")
    ROW(CKR_KEY_NOT_NEEDED, "KeyNotNeeded")
    ROW(CKR_KEY_CHANGED, "KeyChanged")
    ROW(CKR_KEY_NEEDED, "KeyNeeded")
    ROW(CKR_KEY_INDIGESTIBLE, "KeyIndigestible")
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, "KeyFunctionNotPermitted")
    ROW(CKR_KEY_NOT_WRAPPABLE, "KeyNotWrappable")
    ROW(CKR_KEY_UNEXTRACTABLE, "KeyUnextractable")
    ROW(CKR_MECHANISM_INVALID, "MechanismInvalid")
    ROW(CKR_MECHANISM_PARAM_INVALID, "MechanismParamInvalid")
    ROW(CKR_OBJECT_HANDLE_INVALID, "ObjectHandleInvalid")
    ROW(CKR_OPERATION_ACTIVE, "OperationActive")
    ROW(CKR_OPERATION_NOT_INITIALIZED, "OperationNotInitialized")
    ROW(CKR_PIN_INCORRECT, "PinIncorrect")
    ROW(CKR_PIN_INVALID, "PinInvalid")
    ROW(CKR_PIN_LEN_RANGE, "PinLenRange")
    ROW(CKR_PIN_EXPIRED, "PinExpired")
    ROW(CKR_PIN_LOCKED, "PinLocked")
    ROW(CKR_SESSION_CLOSED, "SessionClosed")
    ROW(CKR_SESSION_COUNT, "SessionCount")
    ROW(CKR_SESSION_HANDLE_INVALID, "SessionHandleInvalid")
    ROW(CKR_SESSION_PARALLEL_NOT_SUPPORTED, "SessionParallelNotSupported")
    ROW(CKR_SESSION_READ_ONLY, "SessionReadOnly")
    ROW(CKR_SESSION_EXISTS, "SessionExists")
    ROW(CKR_SESSION_READ_ONLY_EXISTS, "SessionReadOnlyExists")
    ROW(CKR_SESSION_READ_WRITE_SO_EXISTS, "SessionReadWriteSoExists")
    ROW(CKR_SIGNATURE_INVALID, "SignatureInvalid")
    ROW(CKR_SIGNATURE_LEN_RANGE, "SignatureLenRange")
    ROW(CKR_TEMPLATE_INCOMPLETE, "TemplateIncomplete")
    ROW(CKR_TEMPLATE_INCONSISTENT, "TemplateInconsistent")
    ROW(CKR_TOKEN_NOT_PRESENT, "TokenNotPresent")
    ROW(CKR_TOKEN_NOT_RECOGNIZED, "TokenNotRecognized")
    ROW(CKR_TOKEN_WRITE_PROTECTED, "TokenWriteProtected")
    ROW(CKR_UNWRAPPING_KEY_HANDLE_INVALID, "UnwrappingKeyHandleInvalid")
    ROW(CKR_UNWRAPPING_KEY_SIZE_RANGE, "UnwrappingKeySizeRange")
    ROW(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, "UnwrappingKeyTypeInconsistent")
    ROW(CKR_USER_ALREADY_LOGGED_IN, "UserAlreadyLoggedIn")
    ROW(CKR_USER_NOT_LOGGED_IN, "UserNotLoggedIn")
    ROW(CKR_USER_PIN_NOT_INITIALIZED, "UserPinNotInitialized")
    ROW(CKR_USER_TYPE_INVALID, "UserTypeInvalid")
    ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, "UserAnotherAlreadyLoggedIn")
    ROW(CKR_USER_TOO_MANY_TYPES, "UserTooManyTypes")
    ROW(CKR_WRAPPED_KEY_INVALID, "WrappedKeyInvalid")
    ROW(CKR_WRAPPED_KEY_LEN_RANGE, "WrappedKeyLenRange")
    ROW(CKR_WRAPPING_KEY_HANDLE_INVALID, "WrappingKeyHandleInvalid")
    ROW(CKR_WRAPPING_KEY_SIZE_RANGE, "WrappingKeySizeRange")
    ROW(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, "WrappingKeyTypeInconsistent")
    ROW(CKR_RANDOM_SEED_NOT_SUPPORTED, "RandomSeedNotSupported")
    ROW(CKR_RANDOM_NO_RNG, "RandomNoRng")
    ROW(CKR_DOMAIN_PARAMS_INVALID, "DomainParamsInvalid")
    ROW(CKR_CURVE_NOT_SUPPORTED, "CurveNotSupported")
    ROW(CKR_BUFFER_TOO_SMALL, "BufferTooSmall")
    ROW(CKR_SAVED_STATE_INVALID, "SavedStateInvalid")
    ROW(CKR_INFORMATION_SENSITIVE, "InformationSensitive")
    ROW(CKR_STATE_UNSAVEABLE, "StateUnsaveable")
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED, "CryptokiNotInitialized")
    ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, "CryptokiAlreadyInitialized")
    ROW(CKR_MUTEX_BAD, "MutexBad")
    ROW(CKR_MUTEX_NOT_LOCKED, "MutexNotLocked")
    ROW(CKR_NEW_PIN_MODE, "NewPinMode")
    ROW(CKR_NEXT_OTP, "NextOtp")
    ROW(CKR_EXCEEDED_MAX_ITERATIONS, "ExceededMaxIterations")
    ROW(CKR_FIPS_SELF_TEST_FAILED, "FipsSelfTestFailed")
    ROW(CKR_LIBRARY_LOAD_FAILED, "LibraryLoadFailed")
    ROW(CKR_PIN_TOO_WEAK, "PinTooWeak")
    ROW(CKR_PUBLIC_KEY_INVALID, "PublicKeyInvalid")
    ROW(CKR_FUNCTION_REJECTED, "FunctionRejected")
    ROW(CKR_TOKEN_RESOURCE_EXCEEDED, "TokenResourceExceeded")
    ROW(CKR_OPERATION_CANCEL_FAILED, "OperationCancelFailed")
    ROW(CKR_KEY_EXHAUSTED, "KeyExhausted")
    ROW(CKR_PENDING, "Pending")
    ROW(CKR_SESSION_ASYNC_NOT_SUPPORTED, "SessionAsyncNotSupported")
    ROW(CKR_SEED_RANDOM_REQUIRED, "SeedRandomRequired")
    ROW(CKR_OPERATION_NOT_VALIDATED, "OperationNotValidated")
    ROW(CKR_TOKEN_NOT_INITIALIZED, "TokenNotInitialized")
    ROW(CKR_PARAMETER_SET_NOT_SUPPORTED, "ParameterSetNotSupported")
    // clang-format on
};
const size_t p11d_error_count = sizeof p11d_errors / sizeof p11d_errors[0];

/* What the errors of D-Bus itself mean. */
static const struct BusError {
    const char *name;
    CK_RV value;
    P11dTrouble trouble;
} bus_errors[] = {
    {"LimitsExceeded", CKR_DEVICE_MEMORY, P11D_TROUBLE_BUSY},
    {"UnknownMethod", CKR_FUNCTION_NOT_SUPPORTED, P11D_TROUBLE_ABSENT},
    {"UnknownInterface", CKR_FUNCTION_NOT_SUPPORTED, P11D_TROUBLE_ABSENT},
    {"NotSupported", CKR_FUNCTION_NOT_SUPPORTED, P11D_TROUBLE_ABSENT},
    {"UnknownObject", CKR_TOKEN_NOT_PRESENT, P11D_TROUBLE_ABSENT},
    {"AccessDenied", CKR_FUNCTION_REJECTED, P11D_TROUBLE_NONE},
    {"NoReply", CKR_DEVICE_REMOVED, P11D_TROUBLE_GONE},
    {"ServiceUnknown", CKR_DEVICE_REMOVED, P11D_TROUBLE_NOBODY},
    {"NameHasNoOwner", CKR_DEVICE_REMOVED, P11D_TROUBLE_NOBODY},
};

static const P11dError *find(CK_RV value)
{
    return bsearch(&value, p11d_errors, p11d_error_count, sizeof p11d_errors[0],
                   p11d_name_compare_number);
}

/* What follows prefix in text, or NULL if text does not begin with it. */
static const char *after(const char *text, const char *prefix)
{
    size_t size = strlen(prefix);
    return strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

const char *p11d_error_ckr(CK_RV value, char scratch[P11D_NAME_SIZE])
{
    const P11dError *row = find(value);
    return row ? row->ckr : p11d_name_of_number(value, scratch);
}

const char *p11d_error_name(CK_RV value, char storage[P11D_ERROR_SIZE])
{
    const P11dError *row = find(value);
    char scratch[P11D_NAME_SIZE];
    char *at = stpcpy(storage, P11D_ERROR_PREFIX);
    if (row) {
        stpcpy(at, row->name);
    } else {
        *at = 'X'; /* an element of a D-Bus name does not begin with a digit */
        stpcpy(at + 1, p11d_name_of_number(value, scratch) + 2);
    }
    return storage;
}

/* The row of bus_errors for a whole error name, or NULL. */
static const struct BusError *find_bus_error(const char *name)
{
    const char *last_part = after(name, P11D_ERROR_BUS_PREFIX);
    for (size_t i = 0; last_part && i < sizeof bus_errors / sizeof bus_errors[0]; i++) {
        if (strcmp(bus_errors[i].name, last_part) == 0)
            return &bus_errors[i];
    }
    return NULL;
}

CK_RV p11d_error_parse_name(const char *name)
{
    const char *last_part = after(name, P11D_ERROR_PREFIX);
    if (last_part)
        return p11d_error_parse_last_part(last_part);
    const struct BusError *bus_error = find_bus_error(name);
    return bus_error ? bus_error->value : CKR_DEVICE_ERROR;
}

/* The number behind "X80000001". */
static bool parse_number(const char *last_part, CK_RV *value)
{
    char text[P11D_NAME_SIZE] = "0x";
    size_t digits = strlen(last_part);
    if (last_part[0] != 'X' || digits > 17)
        return false;
    memcpy(text + 2, last_part + 1, digits);
    return p11d_name_parse_number(text, value);
}

CK_RV p11d_error_parse_last_part(const char *last_part)
{
    CK_RV value = CKR_DEVICE_ERROR;
    bool known = false;
    for (size_t i = 0; i < p11d_error_count && !known; i++) {
        known = strcmp(p11d_errors[i].name, last_part) == 0;
        if (known)
            value = p11d_errors[i].value;
    }
    if (!known && !parse_number(last_part, &value))
        return CKR_DEVICE_ERROR;
    return value == CKR_OK || value == CKR_BUFFER_TOO_SMALL ? CKR_DEVICE_ERROR : value;
}

P11dTrouble p11d_error_trouble(const char *name)
{
    const struct BusError *bus_error = find_bus_error(name);
    return bus_error ? bus_error->trouble : P11D_TROUBLE_NONE;
}

CK_RV p11d_error_of_status(P11dStatus status)
{
    switch (status) {
    case P11D_OK:
        return CKR_OK;
    case P11D_TOO_LARGE:
        return CKR_DATA_LEN_RANGE;
    case P11D_NO_MEMORY:
        return CKR_HOST_MEMORY;
    case P11D_REFUSED:
        return CKR_FUNCTION_REJECTED;
    case P11D_CLOSED:
    case P11D_TIMEOUT:
    case P11D_MALFORMED:
    case P11D_SYSTEM:
        break;
    }
    return CKR_DEVICE_ERROR;
}
