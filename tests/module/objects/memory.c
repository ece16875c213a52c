// SPDX-License-Identifier: MIT
/*
 * Memory that runs out, at every single allocation in turn: an error, nothing changed, nothing
 * lost. The linker puts the functions below in the place of malloc and its kin for all of the
 * module and the core.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "objects.h"
#include "snapshot.h"
#include "wire.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);

static long left = -1; /* allocations that succeed before one fails; negative: all do */

static bool fails(void)
{
    return left >= 0 && left-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return fails() ? NULL : __real_reallocarray(old, count, size);
}

/* A P-256 key, from the interface's example of 26 + 65 bytes. */
static void add_key(Wire *wire, uint64_t id)
{
    static const unsigned char head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                         0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                         0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
    unsigned char info[91] = {0};
    memcpy(info, head, sizeof(head));
    info[90] = (unsigned char)id;
    static const char *const absent[] = {"start-date", "end-date", NULL};
    wire_begin_object(wire, id);
    wire_text(wire, "class", "private-key");
    wire_text(wire, "label", "key");
    wire_bytes(wire, "public-key-info", info, sizeof(info));
    wire_names(wire, "absent", absent);
    wire_end_object(wire);
}

static void list(Wire *wire, bool complete)
{
    static const uint64_t removed[] = {1};
    wire_begin(wire, complete ? 1 : 2, complete);
    for (uint64_t id = 1; id <= 20; id++)
        add_key(wire, complete ? id : id + 10);
    wire_end(wire, removed, complete ? 0 : 1);
}

static CK_RV apply(P11dSnapshot *snapshot, P11dReader *body, CK_OBJECT_HANDLE *last)
{
    P11dUpdate update;
    p11d_update_init(&update, &snapshot->terms);
    CK_RV rv = p11d_update_read(&update, body);
    if (rv == CKR_OK)
        rv = p11d_snapshot_apply(snapshot, &update, last);
    p11d_update_clear(&update);
    return rv;
}

/* Makes snapshot one of what whole lists, with memory enough. */
static void begin(P11dSnapshot *snapshot, const Wire *whole, CK_OBJECT_HANDLE *last)
{
    *last = 0;
    p11d_snapshot_init(snapshot, (P11dTerms){0});
    P11dReader reader = wire_reader(whole, "tba(ta{sv})at");
    cr_assert_eq(apply(snapshot, &reader, last), CKR_OK);
}

/* Applies with the nth allocation failing. True once there is no nth. */
static bool apply_without(P11dSnapshot *snapshot, const Wire *wire, long nth)
{
    CK_OBJECT_HANDLE last = 1000 + (CK_OBJECT_HANDLE)nth * 100;
    size_t count = snapshot->index.count;
    uint64_t generation = snapshot->generation;
    P11dReader reader = wire_reader(wire, "tba(ta{sv})at");
    left = nth;
    CK_RV rv = apply(snapshot, &reader, &last);
    bool reached = left < 0;
    left = -1;
    if (!reached) {
        cr_assert_eq(rv, CKR_OK);
        return true;
    }
    /* Where a single allocation is not needed to succeed, so be it. */
    if (rv != CKR_OK) {
        cr_assert_eq(rv, CKR_HOST_MEMORY, "allocation %ld: 0x%lx", nth, rv);
        cr_assert_eq(snapshot->index.count, count);
        cr_assert_eq(snapshot->generation, generation);
    }
    return false;
}

static void check_list(bool detached)
{
    Wire whole, difference;
    list(&whole, true);
    list(&difference, false);
    bool done = false;
    for (long nth = 0; !done; nth++) {
        CK_OBJECT_HANDLE last;
        P11dSnapshot snapshot;
        begin(&snapshot, &whole, &last);
        if (detached)
            p11d_snapshot_detach(&snapshot);
        done = apply_without(&snapshot, detached ? &whole : &difference, nth);
        if (snapshot.index.count > 0)
            cr_assert_not_null(p11d_snapshot_find(&snapshot, 15));
        p11d_snapshot_clear(&snapshot);
    }
    wire_clear(&whole);
    wire_clear(&difference);
}

Test(memory, a_difference_is_applied_wholly_or_not_at_all)
{
    check_list(false);
}

Test(memory, a_list_of_another_run_is_applied_wholly_or_not_at_all)
{
    check_list(true);
}

/* What an own call did: made an object, destroyed another, gave a third one another label. */
static CK_RV enter(P11dSnapshot *snapshot, const Wire *made, CK_OBJECT_HANDLE *last)
{
    static const CK_ATTRIBUTE templ = {CKA_LABEL, "renamed", 7};
    P11dReader attributes = wire_reader(made, "a{sv}");
    P11dUpdate update, other;
    bool entered;
    p11d_update_init(&update, &snapshot->terms);
    p11d_update_init(&other, &snapshot->terms);
    CK_RV rv = p11d_update_add(&update, 100, &attributes);
    if (rv == CKR_OK)
        rv = p11d_update_remove(&update, 3);
    if (rv == CKR_OK)
        rv = p11d_update_finish(&update);
    if (rv == CKR_OK)
        rv = p11d_snapshot_enter(snapshot, snapshot->moment, &update, last, &entered);
    cr_assert_eq(snapshot->index.count, 20);
    cr_assert_eq(p11d_snapshot_find_id(snapshot, 100) != NULL, rv == CKR_OK);
    cr_assert_eq(p11d_snapshot_find_id(snapshot, 3) != NULL, rv != CKR_OK);
    const CK_OBJECT_HANDLE handle = p11d_snapshot_find_id(snapshot, 15)->handle;
    if (rv == CKR_OK)
        rv = p11d_snapshot_modify(snapshot, snapshot->moment, &other, handle, &templ, 1, &entered);
    const CK_ATTRIBUTE *label =
        p11d_object_attribute(p11d_snapshot_find(snapshot, handle), CKA_LABEL);
    cr_assert_eq(label->ulValueLen, rv == CKR_OK ? 7 : 3);
    p11d_update_clear(&update);
    p11d_update_clear(&other);
    return rv;
}

Test(memory, what_an_own_call_did_is_put_in_wholly_or_not_at_all)
{
    Wire whole, made;
    list(&whole, true);
    wire_begin_attributes(&made);
    wire_text(&made, "class", "data");
    wire_end_attributes(&made);
    bool done = false;
    for (long nth = 0; !done; nth++) {
        CK_OBJECT_HANDLE last;
        P11dSnapshot snapshot;
        begin(&snapshot, &whole, &last);
        left = nth;
        const CK_RV rv = enter(&snapshot, &made, &last);
        done = left >= 0;
        left = -1;
        cr_assert_eq(rv, done ? CKR_OK : CKR_HOST_MEMORY);
        p11d_snapshot_clear(&snapshot);
    }
    wire_clear(&whole);
    wire_clear(&made);
}

Test(memory, an_answer_that_cannot_be_kept_is_an_error)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_UNIQUE_ID, CKA_CHECK_VALUE, 0x80000001};
    Wire values;
    wire_begin_attributes(&values);
    wire_text(&values, "unique-id", "u");
    wire_bytes(&values, "0x80000001", "v", 1);
    wire_end_attributes(&values);
    p11d_writer_array_end(&values.writer, p11d_writer_array_begin(&values.writer, 8));
    bool done = false;
    for (long nth = 0; !done; nth++) {
        Wire wire;
        objects_begin(&wire, "data");
        P11dObject *object = objects_must_make(&wire);
        P11dReader body = wire_reader(&values, "a{sv}a{ss}");
        left = nth;
        CK_RV rv = p11d_object_learn(object, types, 3, &body);
        done = left >= 0;
        left = -1;
        cr_assert_eq(rv, done ? CKR_OK : CKR_HOST_MEMORY);
        p11d_object_free(object);
    }
    wire_clear(&values);
}
