// SPDX-License-Identifier: MIT
/*
 * A login belongs to this application and one token, over all of its sessions (PKCS#11 3.1, section
 * 5.6.8). The service keeps it with the client's control channel; the module remembers that it is
 * there, for the rules between sessions. Nothing here is ever sent twice: PINs are counted.
 */
#ifndef P11D_LOGIN_H
#define P11D_LOGIN_H

#include "arguments.h"
#include "token.h"

/* The longest PIN and the longest name of a user that are sent, in bytes. */
#define P11D_LOGIN_PIN_MAX 4096
#define P11D_LOGIN_NAME_MAX 255

/* What a host hands over to log in. */
typedef struct P11dLogin {
    CK_USER_TYPE user;
    const CK_UTF8CHAR *pin; /* borrowed; NULL: the token asks by itself */
    CK_ULONG pin_size;      /* bytes */
    const char *name;       /* borrowed; which user, in UTF-8; NULL: the token's only one */
} P11dLogin;

/* Checks PIN and length against each other and against the token. Errors: CKR_ARGUMENTS_BAD,
 * CKR_PIN_LEN_RANGE. */
CK_RV p11d_login_check(const P11dToken *token, const P11dLogin *login);

/* The arguments of Login, valid as long as the PIN is. */
P11dArguments p11d_login_arguments(const P11dLogin *login);

/* C_Login for CKU_USER and CKU_SO, C_Logout (PKCS#11 3.1, sections 5.6.8, 5.6.10). Wait. */
CK_RV p11d_login_begin(P11dToken *token, const P11dLogin *login);
CK_RV p11d_login_finish(P11dToken *token);

/* Logs out if somebody is logged in: the last session was closed. Waits. */
CK_RV p11d_login_end(P11dToken *token);

#endif
