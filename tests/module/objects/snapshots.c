// SPDX-License-Identifier: MIT
#include "snapshots.h"

#include <criterion/criterion.h>
#include <string.h>

CK_OBJECT_HANDLE snapshots_last;

CK_RV snapshots_apply(P11dSnapshot *snapshot, Wire *wire)
{
    P11dReader reader = wire_reader(wire, "tba(ta{sv})at");
    P11dUpdate update;
    p11d_update_init(&update, &snapshot->terms);
    p11d_snapshot_ask(snapshot);
    CK_RV rv = p11d_update_read(&update, &reader);
    if (rv == CKR_OK)
        rv = p11d_snapshot_apply(snapshot, &update, &snapshots_last);
    p11d_update_clear(&update);
    wire_clear(wire);
    return rv;
}

CK_OBJECT_HANDLE snapshots_handle(const P11dSnapshot *snapshot, uint64_t id)
{
    const P11dObject *object = p11d_snapshot_find_id(snapshot, id);
    if (object == NULL)
        return 0;
    cr_assert_eq(p11d_snapshot_find(snapshot, object->handle), object);
    return object->handle;
}

size_t snapshots_count(const P11dSnapshot *snapshot, const char *label)
{
    CK_ATTRIBUTE wanted = {CKA_LABEL, (void *)label, strlen(label)};
    P11dHandles found;
    p11d_handles_init(&found);
    cr_assert_eq(p11d_snapshot_search(snapshot, &wanted, 1, &found), CKR_OK);
    size_t count = found.count;
    p11d_handles_clear(&found);
    return count;
}

unsigned snapshots_random(unsigned limit)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state % limit);
}
