// SPDX-License-Identifier: MIT
/* What own calls put into a snapshot without a list, and what lists make of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "snapshots.h"

/* What an own call knows, as it is put together for p11d_snapshot_enter. */
typedef struct Own {
    P11dUpdate update;
    uint64_t moment;
} Own;

static void begin_own(Own *own, const P11dSnapshot *snapshot, uint64_t since, uint64_t generation)
{
    p11d_update_init(&own->update, &snapshot->terms);
    own->update.since = since;
    own->update.generation = generation;
    own->moment = snapshot->moment;
}

static void write_data(Wire *wire, const char *label)
{
    wire_text(wire, "class", "data");
    wire_text(wire, "label", label);
}

static void make(Own *own, uint64_t id, const char *label)
{
    Wire wire;
    wire_begin_attributes(&wire);
    write_data(&wire, label);
    wire_end_attributes(&wire);
    P11dReader reader = wire_reader(&wire, "a{sv}");
    cr_assert_eq(p11d_update_add(&own->update, id, &reader), CKR_OK);
    wire_clear(&wire);
}

/* Returns whether it was put in. */
static bool end_own(Own *own, P11dSnapshot *snapshot)
{
    bool entered = false;
    cr_assert_eq(p11d_update_finish(&own->update), CKR_OK);
    cr_assert_eq(
        p11d_snapshot_enter(snapshot, own->moment, &own->update, &snapshots_last, &entered),
        CKR_OK);
    p11d_update_clear(&own->update);
    return entered;
}

static CK_RV relabel(P11dSnapshot *snapshot, uint64_t id, const char *label, bool *entered)
{
    const CK_ATTRIBUTE templ = {CKA_LABEL, (void *)label, strlen(label)};
    P11dUpdate update;
    p11d_update_init(&update, &snapshot->terms);
    CK_RV rv = p11d_snapshot_modify(snapshot, snapshot->moment, &update,
                                    snapshots_handle(snapshot, id), &templ, 1, entered);
    p11d_update_clear(&update);
    return rv;
}

static void add_data(Wire *wire, uint64_t id, const char *label)
{
    wire_begin_object(wire, id);
    write_data(wire, label);
    wire_end_object(wire);
}

/* Data objects "a" to "c", with ids 1 to 3, in generation 100. */
static void begin(P11dSnapshot *snapshot)
{
    Wire wire;
    p11d_snapshot_init(snapshot, (P11dTerms){0});
    wire_begin(&wire, 100, true);
    add_data(&wire, 1, "a");
    add_data(&wire, 2, "b");
    add_data(&wire, 3, "c");
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(snapshot, &wire), CKR_OK);
}

Test(snapshot_own, an_object_that_was_made_is_there_at_once_and_keeps_its_handle)
{
    P11dSnapshot snapshot;
    Own own;
    Wire wire;
    begin(&snapshot);
    begin_own(&own, &snapshot, 0, 0);
    make(&own, 7, "new");
    make(&own, 8, "new");
    cr_assert(end_own(&own, &snapshot));
    cr_assert_eq(snapshots_count(&snapshot, "new"), 2);
    cr_assert_eq(snapshot.generation, 100, "the next difference tells of them too");
    const CK_OBJECT_HANDLE seventh = snapshots_handle(&snapshot, 7);
    cr_assert_neq(seventh, 0);

    wire_begin(&wire, 101, false);
    add_data(&wire, 7, "new");
    add_data(&wire, 8, "new");
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.index.count, 5);
    cr_assert_eq(snapshots_handle(&snapshot, 7), seventh);
    wire_begin(&wire, 102, false); /* names nothing: it was all named before */
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshots_handle(&snapshot, 7), seventh);
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot_own, a_draft_is_there_at_once_and_a_list_makes_it_whole)
{
    const P11dDraft drafts[] = {
        {.id = 7, .object_class = CKO_DATA, .key_type = CK_UNAVAILABLE_INFORMATION},
        {.id = 8,
         .object_class = CKO_DATA,
         .key_type = CK_UNAVAILABLE_INFORMATION,
         .is_private = true}};
    P11dSnapshot snapshot;
    Own own;
    Wire wire;
    begin(&snapshot);
    begin_own(&own, &snapshot, 0, 0);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(p11d_update_draft(&own.update, &drafts[i]), CKR_OK);
    cr_assert(end_own(&own, &snapshot));
    const CK_OBJECT_HANDLE seventh = snapshots_handle(&snapshot, 7);
    cr_assert_neq(seventh, 0);
    cr_assert(p11d_snapshot_find(&snapshot, seventh)->draft);
    cr_assert_not(p11d_object_boolean(p11d_snapshot_find(&snapshot, seventh), CKA_TOKEN));

    wire_begin(&wire, 101, false);
    add_data(&wire, 7, "what it is called");
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshots_handle(&snapshot, 7), seventh);
    cr_assert_not(p11d_snapshot_find(&snapshot, seventh)->draft);
    cr_assert_eq(snapshots_count(&snapshot, "what it is called"), 1);
    cr_assert_eq(snapshots_handle(&snapshot, 8), 0, "not named: gone");

    begin_own(&own, &snapshot, 0, 0);
    cr_assert_eq(p11d_update_draft(&own.update, &drafts[1]), CKR_OK);
    cr_assert(end_own(&own, &snapshot));
    p11d_snapshot_drop_private(&snapshot);
    cr_assert_eq(snapshots_handle(&snapshot, 8), 0, "private: gone at logout");
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot_own, one_that_the_next_difference_does_not_name_is_gone)
{
    P11dSnapshot snapshot;
    Own own;
    Wire wire;
    begin(&snapshot);
    begin_own(&own, &snapshot, 0, 0);
    make(&own, 7, "made, and destroyed by somebody else");
    cr_assert(end_own(&own, &snapshot));
    wire_begin(&wire, 102, false);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshots_handle(&snapshot, 7), 0);
    cr_assert_eq(snapshot.index.count, 3);
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot_own, what_was_destroyed_is_gone_at_once)
{
    P11dSnapshot snapshot;
    Own own;
    begin(&snapshot);
    for (uint64_t id = 7; id < 107; id++) {
        begin_own(&own, &snapshot, 0, 0);
        make(&own, id, "for a moment");
        cr_assert(end_own(&own, &snapshot));
        begin_own(&own, &snapshot, 0, 0);
        cr_assert_eq(p11d_update_remove(&own.update, id), CKR_OK);
        cr_assert(end_own(&own, &snapshot));
    }
    cr_assert_eq(snapshots_count(&snapshot, "for a moment"), 0);
    cr_assert_eq(snapshot.unlisted.count, 0, "nothing is remembered of what came and went");
    begin_own(&own, &snapshot, 0, 0);
    cr_assert_eq(p11d_update_remove(&own.update, 2), CKR_OK);
    cr_assert_eq(p11d_update_remove(&own.update, 4711), CKR_OK);
    cr_assert(end_own(&own, &snapshot));
    cr_assert_eq(snapshots_handle(&snapshot, 2), 0);
    cr_assert_eq(snapshot.index.count, 2);
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot_own, attributes_that_were_set_change_the_object_and_not_its_handle)
{
    P11dSnapshot snapshot;
    Wire wire;
    bool entered;
    begin(&snapshot);
    const CK_OBJECT_HANDLE second = snapshots_handle(&snapshot, 2);
    cr_assert_eq(relabel(&snapshot, 2, "renamed", &entered), CKR_OK);
    cr_assert(entered);
    cr_assert_eq(snapshots_handle(&snapshot, 2), second);
    cr_assert_eq(snapshots_count(&snapshot, "b"), 0);
    cr_assert_eq(snapshots_count(&snapshot, "renamed"), 1);
    cr_assert_eq(relabel(&snapshot, 4711, "x", &entered), CKR_OBJECT_HANDLE_INVALID);

    wire_begin(&wire, 101, false); /* to the same value: for the service nothing has changed */
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshots_handle(&snapshot, 2), second);

    const CK_OBJECT_CLASS certificate = CKO_CERTIFICATE;
    const CK_ATTRIBUTE other = {CKA_CLASS, (void *)&certificate, sizeof(certificate)};
    P11dUpdate update;
    p11d_update_init(&update, &snapshot.terms);
    cr_assert_eq(
        p11d_snapshot_modify(&snapshot, snapshot.moment, &update, second, &other, 1, &entered),
        CKR_ATTRIBUTE_VALUE_INVALID);
    p11d_update_clear(&update);
    cr_assert_eq(snapshots_count(&snapshot, "renamed"), 1);
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot_own, a_call_that_says_its_generations_makes_a_list_unnecessary)
{
    P11dSnapshot snapshot;
    Own own, later;
    Wire wire;
    begin(&snapshot);
    begin_own(&own, &snapshot, 100, 101);
    make(&own, 7, "new");
    cr_assert(end_own(&own, &snapshot));
    cr_assert_eq(snapshot.generation, 101);

    /* Answered in another order than they were made. */
    begin_own(&own, &snapshot, 101, 102);
    begin_own(&later, &snapshot, 102, 103);
    make(&own, 8, "new");
    make(&later, 9, "new");
    cr_assert(end_own(&later, &snapshot));
    cr_assert_eq(snapshot.generation, 101);
    cr_assert(end_own(&own, &snapshot));
    cr_assert_eq(snapshot.generation, 101, "which of two changes came last is not known");
    cr_assert_eq(snapshots_count(&snapshot, "new"), 3);

    wire_begin(&wire, 103, false);
    add_data(&wire, 8, "new");
    add_data(&wire, 9, "newer");
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.index.count, 6, "7 stays, although this does not name it");
    begin_own(&own, &snapshot, 103, 104);
    make(&own, 10, "new");
    cr_assert(end_own(&own, &snapshot));
    cr_assert_eq(snapshot.generation, 104);
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot_own, nothing_is_put_in_when_a_list_may_have_seen_it_before_or_after)
{
    P11dSnapshot snapshot;
    Own own;
    Wire wire;
    begin(&snapshot);
    const char *const cases[] = {"asked", "came", "logout", "restart"};
    for (uint64_t i = 0; i < 4; i++) {
        begin_own(&own, &snapshot, 0, 0);
        make(&own, 7, "new");
        if (i == 0)
            p11d_snapshot_ask(&snapshot);
        wire_begin(&wire, 101 + i, true);
        add_data(&wire, 1, "a");
        wire_end(&wire, NULL, 0);
        if (i == 1)
            cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
        else
            wire_clear(&wire);
        if (i == 2)
            p11d_snapshot_drop_private(&snapshot);
        if (i == 3)
            p11d_snapshot_detach(&snapshot);
        cr_assert_not(end_own(&own, &snapshot), "%s", cases[i]);
        cr_assert_eq(snapshots_handle(&snapshot, 7), 0, "%s", cases[i]);
    }
    begin_own(&own, &snapshot, 0, 0);
    make(&own, 7, "of the new run, among those of the old one");
    cr_assert_not(end_own(&own, &snapshot));
    p11d_snapshot_clear(&snapshot);
}

/* --- Any order of calls and lists --------------------------------------------------------------
 */

#define IDS 2000

/* What the service has: the generation in which each id came, changed or went last. */
typedef struct Service {
    uint64_t generation;
    uint64_t next;
    bool there[IDS];
    unsigned label[IDS];
    uint64_t touched[IDS];
    bool listed[IDS];
} Service;

static const char *label_of(unsigned number)
{
    static char label[16];
    snprintf(label, sizeof(label), "label %u", number);
    return label;
}

/* An object that is there, or 0. */
static uint64_t pick(const Service *service)
{
    for (unsigned tries = 0; tries < 50 && service->next > 1; tries++) {
        const uint64_t id = 1 + snapshots_random((unsigned)service->next - 1);
        if (service->there[id])
            return id;
    }
    return 0;
}

static uint64_t touch(Service *service, uint64_t id, bool there, unsigned label)
{
    service->there[id] = there;
    service->label[id] = label;
    service->touched[id] = ++service->generation;
    return id;
}

/* One change, by this client or by others. own: what the client knows of it; NULL: others did it.
 */
static void change(Service *service, P11dSnapshot *snapshot, Own *own)
{
    const unsigned label = snapshots_random(6);
    uint64_t id = pick(service);
    if (id == 0 || snapshots_random(2) == 0) {
        id = touch(service, service->next++, true, label);
        if (own)
            make(own, id, label_of(label));
    } else if (snapshots_random(2) == 0) {
        touch(service, id, false, 0);
        if (own)
            cr_assert_eq(p11d_update_remove(&own->update, id), CKR_OK);
    } else {
        touch(service, id, true, label);
        bool entered;
        if (own && snapshots_handle(snapshot, id) != 0)
            cr_assert_eq(relabel(snapshot, id, label_of(label), &entered), CKR_OK);
    }
}

/* What came and went between two lists a service need not name. */
static void list(Service *service, P11dSnapshot *snapshot)
{
    Wire wire;
    uint64_t removed[IDS];
    size_t count = 0;
    const uint64_t known = p11d_snapshot_ask(snapshot);
    const bool complete = known == 0 || snapshots_random(5) == 0;
    wire_begin(&wire, service->generation, complete);
    for (uint64_t id = 1; id < service->next; id++) {
        if (service->there[id] && (complete || service->touched[id] > known)) {
            add_data(&wire, id, label_of(service->label[id]));
            service->listed[id] = true;
        } else if (!service->there[id] && service->touched[id] > known && service->listed[id]) {
            removed[count++] = id;
        }
    }
    wire_end(&wire, removed, complete ? 0 : count);
    cr_assert_eq(snapshots_apply(snapshot, &wire), CKR_OK);
}

static void check(const Service *service, const P11dSnapshot *snapshot)
{
    size_t count = 0, labelled[6] = {0};
    for (uint64_t id = 1; id < service->next; id++) {
        cr_assert_eq(snapshots_handle(snapshot, id) != 0, service->there[id]);
        count += service->there[id];
        labelled[service->label[id]] += service->there[id];
    }
    cr_assert_eq(snapshot->index.count, count);
    for (unsigned i = 0; i < 6; i++)
        cr_assert_eq(snapshots_count(snapshot, label_of(i)), labelled[i]);
}

Test(snapshot_own, after_any_calls_a_list_leaves_what_the_service_has)
{
    static Service service = {.generation = 1, .next = 1};
    P11dSnapshot snapshot;
    p11d_snapshot_init(&snapshot, (P11dTerms){0});
    while (service.next < IDS - 10) {
        Own own;
        begin_own(&own, &snapshot, 0, 0);
        change(&service, &snapshot, &own);
        const uint64_t made = service.next - 1;
        if (service.there[made] && snapshots_random(3) == 0)
            touch(&service, made, false, 0); /* by others, before the reply was read */
        end_own(&own, &snapshot);
        if (snapshots_random(3) == 0)
            change(&service, &snapshot, NULL);
        if (snapshots_random(4) == 0) {
            list(&service, &snapshot);
            check(&service, &snapshot);
        }
        if (snapshots_random(100) == 0)
            p11d_snapshot_drop_private(&snapshot);
    }
    p11d_snapshot_clear(&snapshot);
}
