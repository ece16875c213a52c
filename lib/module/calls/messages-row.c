// SPDX-License-Identifier: MIT
#include "messages-row.h"

const P11dMessagesRow p11d_messages_encrypt = {
    P11D_OPERATION_MESSAGES_ENCRYPT, &p11d_operation_message_encrypt, &p11d_messages_sealed};
const P11dMessagesRow p11d_messages_decrypt = {
    P11D_OPERATION_MESSAGES_DECRYPT, &p11d_operation_message_decrypt, &p11d_messages_sealed};
const P11dMessagesRow p11d_messages_sign = {P11D_OPERATION_MESSAGES_SIGN,
                                            &p11d_operation_message_sign, &p11d_messages_signed};
const P11dMessagesRow p11d_messages_verify = {
    P11D_OPERATION_MESSAGES_VERIFY, &p11d_operation_message_verify, &p11d_messages_signed};

const P11dMessagesRow *const p11d_messages_rows[] = {&p11d_messages_encrypt, &p11d_messages_decrypt,
                                                     &p11d_messages_sign, &p11d_messages_verify};
const size_t p11d_messages_row_count = sizeof p11d_messages_rows / sizeof p11d_messages_rows[0];

bool p11d_messages_is_active(const P11dMessagesWork *work)
{
    return p11d_session_check(work->instance, work->session, work->row->each->kind) == CKR_OK;
}

void p11d_messages_end(const P11dMessagesWork *work)
{
    p11d_session_cancel(work->instance, work->session, work->row->each->kind);
}
