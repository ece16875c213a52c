// SPDX-License-Identifier: MIT
#include "sessionstore.h"

#include <stdlib.h>
#include <string.h>

#include "act.h"

/* What is counted for each object beside its values, in bytes. */
#define OVERHEAD ((size_t)512)

static bool is_told(const P11dTemplate *templ)
{
    return p11d_template_boolean(templ, CKA_EXTRACTABLE, false) &&
           !p11d_template_boolean(templ, CKA_SENSITIVE, true);
}

/* Makes what the client is told: everything but what is secret in a key. */
static CK_RV describe(P11dKeyObject *object, const P11dTemplate *templ)
{
    P11dTemplate told = {.items = calloc(templ->count + 1, sizeof(CK_ATTRIBUTE))};
    CK_OBJECT_CLASS class = p11d_template_number(templ, CKA_CLASS, CKO_DATA);
    bool all = is_told(templ);
    if (!told.items)
        return CKR_HOST_MEMORY;
    for (CK_ULONG i = 0; i < templ->count; i++) {
        if (all || !p11d_keyobject_is_secret(class, templ->items[i].type))
            told.items[told.count++] = templ->items[i];
    }
    CK_RV rv = p11d_keyobject_set(object, &told);
    free(told.items); /* its values are borrowed */
    return rv;
}

static size_t size_of(const P11dTemplate *templ, const P11dServedKey *key)
{
    size_t size = OVERHEAD + (key ? 2 * key->size : 0);
    for (CK_ULONG i = 0; i < templ->count; i++)
        size += sizeof templ->items[i] + 2 * templ->items[i].ulValueLen;
    return size;
}

static CK_RV grow(P11dSessionStore *store)
{
    if (store->count < store->capacity)
        return CKR_OK;
    size_t capacity = store->capacity ? 2 * store->capacity : 8;
    P11dSessionObject *objects = reallocarray(store->objects, capacity, sizeof *objects);
    if (!objects)
        return CKR_HOST_MEMORY;
    store->objects = objects;
    store->capacity = capacity;
    return CKR_OK;
}

/* What the store may take more, if its user may still have room bytes. */
static size_t room_in(const P11dSessionStore *store, size_t room)
{
    const size_t own = P11D_SESSIONSTORE_BYTES - store->size;
    return own < room ? own : room;
}

static CK_RV fill(P11dSessionObject *item, const P11dTemplate *templ, const P11dServedKey *key,
                  size_t room)
{
    *item = (P11dSessionObject){.class = p11d_template_number(templ, CKA_CLASS, CKO_DATA)};
    item->size = size_of(templ, key);
    return item->size > room ? P11D_ACT_LIMIT : describe(&item->object, templ);
}

CK_RV p11d_sessionstore_add(P11dSessionStore *store, P11dTemplate *templ, P11dServedKey *key,
                            uint64_t id, uint64_t generation, size_t room)
{
    P11dSessionObject item;
    if (store->count >= P11D_SESSIONSTORE_OBJECTS)
        return P11D_ACT_LIMIT;
    CK_RV rv = grow(store);
    if (rv == CKR_OK)
        rv = fill(&item, templ, key, room_in(store, room));
    if (rv != CKR_OK)
        return rv;
    item.object.id = id;
    item.object.since = store->changed = generation;
    item.templ = *templ;
    item.key = key;
    p11d_template_init(templ);
    store->objects[store->count++] = item;
    store->size += item.size;
    return CKR_OK;
}

CK_RV p11d_sessionstore_change(P11dSessionStore *store, P11dSessionObject *object,
                               P11dTemplate *templ, uint64_t generation, size_t room)
{
    P11dSessionObject item;
    CK_RV rv = fill(&item, templ, object->key, room_in(store, room) + object->size);
    if (rv != CKR_OK)
        return rv;
    item.object.id = object->object.id;
    item.object.since = store->changed = generation;
    item.templ = *templ;
    item.key = object->key;
    p11d_template_init(templ);
    store->size += item.size - object->size;
    p11d_template_clear(&object->templ);
    p11d_keyobject_clear(&object->object);
    *object = item;
    return CKR_OK;
}

P11dSessionObject *p11d_sessionstore_find(const P11dSessionStore *store, uint64_t id)
{
    size_t low = 0, high = store->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (store->objects[middle].object.id == id)
            return &store->objects[middle];
        if (store->objects[middle].object.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void clear_object(P11dSessionObject *object)
{
    p11d_template_clear(&object->templ);
    p11d_keyobject_clear(&object->object);
    p11d_servedkey_unref(object->key);
}

/* A client that never removes anything needs no history. */
static void remember(P11dSessionStore *store, uint64_t id, uint64_t generation)
{
    if (!store->history)
        store->history = calloc(1, sizeof *store->history);
    if (store->history)
        p11d_keyhistory_add(store->history, id, generation);
    else
        store->untold = generation;
    store->changed = generation;
}

void p11d_sessionstore_remove(P11dSessionStore *store, P11dSessionObject *object,
                              uint64_t generation)
{
    size_t behind = store->count - (size_t)(object - store->objects) - 1;
    remember(store, object->object.id, generation);
    store->size -= object->size;
    clear_object(object);
    memmove(object, object + 1, behind * sizeof *object);
    store->count--;
}

void p11d_sessionstore_remove_private(P11dSessionStore *store, uint64_t generation)
{
    for (size_t i = store->count; i > 0; i--) {
        if (p11d_template_boolean(&store->objects[i - 1].templ, CKA_PRIVATE, false))
            p11d_sessionstore_remove(store, &store->objects[i - 1], generation);
    }
}

bool p11d_sessionstore_reaches(const P11dSessionStore *store, uint64_t generation)
{
    return generation >= store->untold &&
           (!store->history || p11d_keyhistory_reaches(store->history, generation));
}

void p11d_sessionstore_clear(P11dSessionStore *store)
{
    for (size_t i = 0; i < store->count; i++)
        clear_object(&store->objects[i]);
    free(store->objects);
    free(store->history);
    *store = (P11dSessionStore){0};
}
