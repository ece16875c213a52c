// SPDX-License-Identifier: MIT
/*
 * Messages are what is encrypted, decrypted, signed or verified one after the other with one key
 * and mechanism (PKCS#11 3.2, sections 5.9, 5.11, 5.14 and 5.16). Each of them is an operation of
 * its own (operation.h), and one message to the service, or a stream, as any other.
 */
#ifndef P11D_MESSAGES_H
#define P11D_MESSAGES_H

#include "messages-row.h"

/*
 * C_Message…Init. mechanism NULL ends what was begun; nothing of what it points to is kept.
 * Errors: those of p11d_plan_make, CKR_MECHANISM_INVALID (also: no messages with that one),
 * CKR_OPERATION_ACTIVE, CKR_OPERATION_CANCEL_FAILED.
 */
CK_RV p11d_messages_init(P11dInstance *instance, const P11dMessagesRow *row,
                         CK_SESSION_HANDLE session, const CK_MECHANISM *mechanism,
                         CK_OBJECT_HANDLE key);

/* C_…Message. Waits. Errors: those of the operation; CKR_OPERATION_ACTIVE (a message in parts has
 * not ended), CKR_AEAD_DECRYPT_FAILED. After any of them messages go on. */
CK_RV p11d_messages_whole(P11dInstance *instance, const P11dMessagesRow *row,
                          CK_SESSION_HANDLE session, const P11dMessageData *message);

/* C_…MessageBegin, C_…MessageNext. May wait. Errors: the same, and CKR_OPERATION_NOT_INITIALIZED
 * (no message in parts was begun); all but CKR_BUFFER_TOO_SMALL end that message. */
CK_RV p11d_messages_begin(P11dInstance *instance, const P11dMessagesRow *row,
                          CK_SESSION_HANDLE session, const P11dMessageData *message);
CK_RV p11d_messages_next(P11dInstance *instance, const P11dMessagesRow *row,
                         CK_SESSION_HANDLE session, const P11dMessageData *message);

/* C_Message…Final. Errors: CKR_OPERATION_ACTIVE (a message in parts has not ended). */
CK_RV p11d_messages_final(P11dInstance *instance, const P11dMessagesRow *row,
                          CK_SESSION_HANDLE session);

/* Ends the messages that flags (CKF_MESSAGE_SIGN) stand for. False: a call works on one of them. */
bool p11d_messages_cancel(P11dInstance *instance, CK_SESSION_HANDLE session, CK_FLAGS flags);

#endif
