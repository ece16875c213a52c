// SPDX-License-Identifier: MIT
#include "keyset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exposure.h"

/* The files of one name, while the directory is read. */
typedef struct Found {
    char *name;
    size_t suffix;
    P11dStamp stamp;
} Found;

typedef struct FoundList {
    Found *items;
    size_t count;
    size_t capacity;
} FoundList;

static void clear_found(FoundList *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].name);
    free(list->items);
}

/* Which suffix name ends with; *stem: how long the rest is. -1: none. Hidden files are left alone:
 * editors and copying programs keep their temporary files there. */
static int find_suffix(const char *name, size_t *stem)
{
    size_t size = strlen(name);
    for (int i = 0; i < P11D_KEYPARTS_FILES && name[0] != '.'; i++) {
        size_t suffix = strlen(p11d_keyparts_suffixes[i]);
        if (size > suffix && strcmp(name + size - suffix, p11d_keyparts_suffixes[i]) == 0) {
            *stem = size - suffix;
            return i;
        }
    }
    return -1;
}

static bool add_found(FoundList *list, int directory, const char *name)
{
    size_t stem;
    struct stat status;
    int suffix = find_suffix(name, &stem);

    /* A link that leads nowhere counts as a file: nobody knows what will be behind it. */
    if (suffix < 0 || (fstatat(directory, name, &status, 0) != 0 &&
                       fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0))
        return true; /* nothing of ours, or gone again */
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        Found *items = reallocarray(list->items, capacity, sizeof *items);
        if (!items)
            return false;
        list->items = items;
        list->capacity = capacity;
    }
    Found *found = &list->items[list->count];
    found->name = strndup(name, stem);
    if (!found->name)
        return false;
    found->suffix = (size_t)suffix;
    p11d_stamp_set(&found->stamp, &status);
    list->count++;
    return true;
}

static int compare_found(const void *a, const void *b)
{
    return strcmp(((const Found *)a)->name, ((const Found *)b)->name);
}

/* Lists the directory. False with errno set. */
static bool read_directory(FoundList *list, DIR *stream)
{
    for (;;) {
        errno = 0;
        const struct dirent *item = readdir(stream);
        if (!item)
            break;
        if (!add_found(list, dirfd(stream), item->d_name)) {
            errno = ENOMEM;
            return false;
        }
    }
    if (errno != 0)
        return false;
    if (list->count > 0)
        qsort(list->items, list->count, sizeof list->items[0], compare_found);
    return true;
}

P11dKeyEntry *p11d_keyset_find_name(const P11dKeySet *set, const char *name)
{
    size_t low = 0, high = set ? set->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, set->entries[middle]->name);
        if (order == 0)
            return set->entries[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Objects that are as before keep their ids, the others get new ones. */
static void give_ids(P11dKeyEntry *entry, const P11dKeyEntry *before, uint64_t *next_id)
{
    for (int kind = 0; kind < P11D_KEY_OBJECT_KINDS; kind++) {
        P11dKeyObject *object = &entry->objects[kind];
        if (object->id == 0)
            continue;
        bool changed = false;
        const P11dKeyObject *same =
            before ? p11d_keyentry_find_same(before, entry, kind, &changed) : NULL;
        if (same) {
            object->id = same->id;
            object->since = changed ? 0 : same->since;
        } else {
            object->id = (*next_id)++;
            object->since = 0; /* until p11d_keyset_publish */
        }
    }
}

static int compare_rows(const void *a, const void *b)
{
    uint64_t x = ((const P11dKeySetRow *)a)->id, y = ((const P11dKeySetRow *)b)->id;
    return (x > y) - (x < y);
}

static bool make_index(P11dKeySet *set)
{
    set->rows = calloc(set->count * P11D_KEY_OBJECT_KINDS + 1, sizeof *set->rows);
    if (!set->rows)
        return false;
    for (size_t i = 0; i < set->count; i++) {
        P11dKeyEntry *entry = set->entries[i];
        set->has_locked = set->has_locked || entry->locked.type;
        for (int kind = 0; kind < P11D_KEY_OBJECT_KINDS; kind++) {
            if (entry->objects[kind].id)
                set->rows[set->row_count++] = (P11dKeySetRow){entry->objects[kind].id, entry, kind};
        }
    }
    qsort(set->rows, set->row_count, sizeof set->rows[0], compare_rows);
    return true;
}

static bool same_stamps(const P11dKeyEntry *entry, const P11dStamp stamps[P11D_KEYPARTS_FILES])
{
    for (size_t i = 0; i < P11D_KEYPARTS_FILES; i++) {
        if (!p11d_stamp_equal(&entry->stamps[i], &stamps[i]))
            return false;
    }
    return true;
}

/* Takes the entry that says who else may put keys into the directory, if anybody may. Its name is
 * less than any other. */
static bool take_exposure(P11dKeySet *set, const P11dKeySet *old, const char *path,
                          uint64_t *next_id)
{
    char text[P11D_EXPOSURE_TEXT_MAX];
    P11dExposure exposure = p11d_exposure_of(path);
    if (exposure.kind == P11D_EXPOSURE_NONE)
        return true;
    p11d_exposure_text(&exposure, text, sizeof text);
    const char *slash = strrchr(path, '/');
    P11dKeyEntry *entry = p11d_keyentry_note(slash ? slash + 1 : path, text);
    if (!entry)
        return false;
    give_ids(entry, p11d_keyset_find_name(old, ""), next_id);
    set->entries[set->count++] = entry;
    return true;
}

/* Takes the entries from what was found, sorted by name, and from the set before. */
static bool take_entries(P11dKeySet *set, const P11dKeySet *old, const FoundList *list,
                         int directory, const char *path, uint64_t *next_id, bool writable)
{
    set->entries = calloc(list->count + 2, sizeof(P11dKeyEntry *));
    if (!set->entries || !take_exposure(set, old, path, next_id))
        return false;
    for (size_t i = 0; i < list->count;) {
        P11dStamp stamps[P11D_KEYPARTS_FILES] = {0};
        const char *name = list->items[i].name;
        for (; i < list->count && strcmp(list->items[i].name, name) == 0; i++)
            stamps[list->items[i].suffix] = list->items[i].stamp;

        P11dKeyEntry *before = p11d_keyset_find_name(old, name);
        P11dKeyEntry *entry;
        if (before && same_stamps(before, stamps)) {
            entry = p11d_keyentry_ref(before);
        } else {
            entry = p11d_keyentry_load(directory, path, name, stamps, writable);
            if (!entry)
                return false;
            give_ids(entry, before, next_id);
        }
        set->entries[set->count++] = entry;
    }
    return make_index(set);
}

P11dKeySet *p11d_keyset_empty(void)
{
    P11dKeySet *set = calloc(1, sizeof *set);
    if (!set)
        return NULL;
    set->entries = calloc(1, sizeof(P11dKeyEntry *));
    if (set->entries && make_index(set))
        return set;
    p11d_keyset_free(set);
    return NULL;
}

P11dKeySet *p11d_keyset_scan(const P11dKeySet *old, const char *path, uint64_t *next_id,
                             bool writable)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return NULL;
    DIR *stream = fdopendir(directory);
    if (!stream) {
        close(directory);
        return NULL;
    }
    FoundList list = {0};
    P11dKeySet *set = NULL;
    int error = 0;
    if (!read_directory(&list, stream)) {
        error = errno;
    } else {
        set = calloc(1, sizeof *set);
        if (!set || !take_entries(set, old, &list, directory, path, next_id, writable)) {
            p11d_keyset_free(set);
            set = NULL;
            error = ENOMEM;
        }
    }
    clear_found(&list);
    closedir(stream);
    errno = error;
    return set;
}

bool p11d_keyset_publish(P11dKeySet *set, uint64_t generation)
{
    bool any = false;
    for (size_t i = 0; i < set->row_count; i++) {
        P11dKeyObject *object = &set->rows[i].entry->objects[set->rows[i].kind];
        if (object->since == 0) {
            object->since = generation;
            any = true;
        }
    }
    return any;
}

void p11d_keyset_free(P11dKeySet *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++)
        p11d_keyentry_unref(set->entries[i]);
    free(set->entries);
    free(set->rows);
    free(set);
}

const P11dKeySetRow *p11d_keyset_find(const P11dKeySet *set, uint64_t id)
{
    P11dKeySetRow wanted = {.id = id};
    return bsearch(&wanted, set->rows, set->row_count, sizeof set->rows[0], compare_rows);
}
