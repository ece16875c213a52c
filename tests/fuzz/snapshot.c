// SPDX-License-Identifier: MIT
/*
 * Any bytes as replies to ListObjects, one after the other: each begins with its length (two bytes)
 * and a byte that says what happens before it (1: the service's run ends, 2: a logout), that it is
 * a reply to GetAttributes instead (3), that EC keys are hidden in it (4), or that it is what an
 * own call did (5). Whatever is accepted, every object is found by its handle, its id, and its own
 * attributes, and answers every question.
 */
#include "snapshot.h"

#include <string.h>

#include "attribute.h"
#include "fuzz.h"

#define HEADER 3
#define REPLY_MAX 4096

static bool contains(const P11dHandles *handles, CK_OBJECT_HANDLE handle)
{
    for (size_t i = 0; i < handles->count; i++)
        if (handles->items[i] == handle)
            return true;
    return false;
}

/* Every attribute of the table, into a buffer that is exactly large enough or one byte too small.
 */
static void check_answers(const P11dObject *object)
{
    for (size_t i = 0; i < p11d_attribute_count; i++) {
        CK_ATTRIBUTE asked = {p11d_attributes[i].type, NULL, 0};
        CK_ATTRIBUTE_TYPE unknown;
        CK_RV rv = p11d_object_get(object, &asked, 1);
        FUZZ_EXPECT((rv == CKR_OK) == (p11d_object_attribute(object, asked.type) != NULL));
        FUZZ_EXPECT(rv != CKR_OK || p11d_object_unknown(object, &asked, 1, &unknown) == 0);
        if (rv != CKR_OK || asked.ulValueLen == 0)
            continue;
        CK_ULONG size = asked.ulValueLen;
        asked.pValue = calloc(1, size);
        FUZZ_EXPECT(p11d_object_get(object, &asked, 1) == CKR_OK && asked.ulValueLen == size);
        asked.ulValueLen = size - 1;
        FUZZ_EXPECT(p11d_object_get(object, &asked, 1) == CKR_BUFFER_TOO_SMALL);
        free(asked.pValue);
    }
}

static void check_found(const P11dSnapshot *snapshot, const P11dObject *object)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_LABEL, CKA_ID, CKA_CLASS, CKA_EC_POINT};
    FUZZ_EXPECT(p11d_snapshot_find(snapshot, object->handle) == object);
    FUZZ_EXPECT(p11d_snapshot_find_id(snapshot, object->id) == object);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const CK_ATTRIBUTE *own = p11d_object_attribute(object, types[i]);
        P11dHandles found;
        p11d_handles_init(&found);
        if (own != NULL) {
            FUZZ_EXPECT(p11d_snapshot_search(snapshot, own, 1, &found) == CKR_OK);
            FUZZ_EXPECT(contains(&found, object->handle));
        }
        p11d_handles_clear(&found);
    }
}

static void check(const P11dSnapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->index.count; i++) {
        const P11dObject *object = snapshot->index.sorted[P11D_INDEX_BY_ID][i];
        FUZZ_EXPECT(object->handle != 0 && object->id != 0);
        check_found(snapshot, object);
        check_answers(object);
    }
}

/* As if every object had been asked for all that it does not know. */
static void learn(P11dSnapshot *snapshot, const P11dReader *body)
{
    CK_ATTRIBUTE *asked = calloc(p11d_attribute_count, sizeof(*asked));
    CK_ATTRIBUTE_TYPE *types = calloc(p11d_attribute_count, sizeof(*types));
    for (size_t i = 0; i < p11d_attribute_count; i++)
        asked[i].type = p11d_attributes[i].type;
    for (size_t i = 0; i < snapshot->index.count; i++) {
        P11dObject *object = snapshot->index.sorted[P11D_INDEX_BY_ID][i];
        P11dReader copy = *body;
        CK_ULONG count = p11d_object_unknown(object, asked, p11d_attribute_count, types);
        if (p11d_snapshot_learn(snapshot, object->handle, types, count, &copy) == CKR_OK)
            FUZZ_EXPECT(p11d_object_unknown(object, asked, p11d_attribute_count, types) == 0);
    }
    free(asked);
    free(types);
}

static CK_RV enter(P11dSnapshot *snapshot, P11dUpdate *update, CK_OBJECT_HANDLE *last)
{
    bool entered;
    update->since = update->generation % 2 == 0 ? snapshot->generation : 0;
    CK_RV rv = p11d_snapshot_enter(snapshot, snapshot->moment, update, last, &entered);
    FUZZ_EXPECT(rv != CKR_OK || entered == !snapshot->detached);
    return rv;
}

static void take_reply(P11dSnapshot *snapshot, uint8_t kind, const uint8_t *data, size_t size,
                       CK_OBJECT_HANDLE *last)
{
    P11dReader reader;
    uint8_t *copy = aligned_alloc(8, (size + 8) & ~(size_t)7);
    memcpy(copy, data, size);
    p11d_reader_init(&reader, copy, size, false);
    if (kind == 3) {
        if (p11d_reader_validate(&reader, "a{sv}a{ss}", 0))
            learn(snapshot, &reader);
    } else if (p11d_reader_validate(&reader, "tba(ta{sv})at", 0)) {
        uint64_t generation = snapshot->generation;
        P11dUpdate update;
        p11d_update_init(&update, &snapshot->terms);
        CK_RV rv = p11d_update_read(&update, &reader);
        if (rv == CKR_OK && kind == 5 && !update.complete)
            rv = enter(snapshot, &update, last);
        else if (rv == CKR_OK)
            rv = p11d_snapshot_apply(snapshot, &update, last);
        if (rv != CKR_OK)
            FUZZ_EXPECT(snapshot->generation == generation);
        p11d_update_clear(&update);
    }
    free(copy);
    check(snapshot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    P11dSnapshot snapshot;
    CK_OBJECT_HANDLE last = 0;
    static const CK_KEY_TYPE hidden[] = {CKK_EC};
    p11d_snapshot_init(&snapshot, (P11dTerms){.hidden = hidden});
    while (size > HEADER) {
        size_t length = (size_t)data[0] << 8 | data[1];
        uint8_t kind = data[2];
        if (kind == 1)
            p11d_snapshot_detach(&snapshot);
        else if (kind == 2)
            p11d_snapshot_drop_private(&snapshot);
        snapshot.terms.hidden_count = kind == 4 ? 1 : 0;
        data += HEADER;
        size -= HEADER;
        if (length > size)
            length = size;
        if (length > REPLY_MAX)
            break;
        take_reply(&snapshot, kind, data, length, &last);
        data += length;
        size -= length;
    }
    p11d_snapshot_clear(&snapshot);
    return 0;
}
