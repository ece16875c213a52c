// SPDX-License-Identifier: MIT
#include "brake.h"

bool p11d_brake_allows(const P11dBrake *brake, uid_t uid, int64_t now)
{
    for (size_t i = 0; i < P11D_BRAKE_USERS; i++) {
        if (brake->users[i].uid == uid)
            return brake->users[i].forgiven_at - now <=
                   (P11D_BRAKE_FAILURES - 1) * P11D_BRAKE_FORGIVES_NS;
    }
    return true;
}

void p11d_brake_failed(P11dBrake *brake, uid_t uid, int64_t now)
{
    size_t place = 0;
    for (size_t i = 0; i < P11D_BRAKE_USERS; i++) {
        if (brake->users[i].uid == uid) {
            place = i;
            break;
        }
        if (brake->users[i].forgiven_at < brake->users[place].forgiven_at)
            place = i;
    }
    int64_t from = now;
    if (brake->users[place].uid == uid && brake->users[place].forgiven_at > now)
        from = brake->users[place].forgiven_at;
    brake->users[place].uid = uid;
    brake->users[place].forgiven_at = from + P11D_BRAKE_FORGIVES_NS;
}
