// SPDX-License-Identifier: MIT
#include "binding.h"

#include <stdlib.h>

typedef int (*Compare)(const P11dObject *a, const P11dObject *b);

/* Objects that are not bound yet, in the order of p11d_binding_compare. */
typedef struct Unbound {
    P11dObject **objects;
    size_t count;
} Unbound;

static int compare_values(const P11dObject *a, const P11dObject *b)
{
    const CK_ATTRIBUTE *left = p11d_object_attribute(a, CKA_VALUE);
    const CK_ATTRIBUTE *right = p11d_object_attribute(b, CKA_VALUE);
    if (!left || !right)
        return (left ? 1 : 0) - (right ? 1 : 0);
    return p11d_der_compare(p11d_der(left->pValue, left->ulValueLen),
                            p11d_der(right->pValue, right->ulValueLen));
}

static int compare_keys(const P11dObject *a, const P11dObject *b, P11dObjectKey key)
{
    return p11d_der_compare(a->keys[key], b->keys[key]);
}

static int compare_identity(const P11dObject *a, const P11dObject *b)
{
    int order = compare_keys(a, b, P11D_OBJECT_PUBLIC_KEY);
    if (order == 0)
        order = compare_keys(a, b, P11D_OBJECT_CLASS);
    if (order == 0)
        order = compare_keys(a, b, P11D_OBJECT_KEY_ID);
    if (order == 0 && a->derived.class_bit == P11D_CLASS_CERTIFICATE)
        order = compare_values(a, b);
    return order;
}

int p11d_binding_compare(const P11dObject *a, const P11dObject *b)
{
    return compare_identity(a, b) ?: compare_keys(a, b, P11D_OBJECT_LABEL);
}

static bool has_public_key(const P11dObject *object)
{
    return object->keys[P11D_OBJECT_PUBLIC_KEY].size > 0;
}

static bool collect(Unbound *unbound, P11dObject *const *objects, size_t count)
{
    unbound->count = 0;
    unbound->objects = calloc(count > 0 ? count : 1, sizeof *unbound->objects);
    if (!unbound->objects)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (has_public_key(objects[i]))
            unbound->objects[unbound->count++] = objects[i];
    }
    return true;
}

static size_t end_of_group(const Unbound *unbound, size_t begin, Compare compare)
{
    size_t end = begin + 1;
    while (end < unbound->count && compare(unbound->objects[begin], unbound->objects[end]) == 0)
        end++;
    return end;
}

static void drop_bound(Unbound *unbound)
{
    size_t kept = 0;
    for (size_t i = 0; i < unbound->count; i++)
        if (unbound->objects[i])
            unbound->objects[kept++] = unbound->objects[i];
    unbound->count = kept;
}

/* Binds those of which there is exactly one on either side. */
static void bind_unique(Unbound *old, Unbound *fresh, Compare compare)
{
    size_t i = 0, j = 0;
    while (i < old->count && j < fresh->count) {
        int order = compare(old->objects[i], fresh->objects[j]);
        size_t next_i = order <= 0 ? end_of_group(old, i, compare) : i;
        size_t next_j = order >= 0 ? end_of_group(fresh, j, compare) : j;
        if (order == 0 && next_i - i == 1 && next_j - j == 1) {
            p11d_object_pair(old->objects[i], fresh->objects[j]);
            old->objects[i] = fresh->objects[j] = NULL;
        }
        i = next_i;
        j = next_j;
    }
    drop_bound(old);
    drop_bound(fresh);
}

CK_RV p11d_binding_make(P11dObject *const *old, size_t old_count, P11dObject *const *fresh,
                        size_t fresh_count)
{
    Unbound ours = {0}, theirs = {0};
    bool collected = collect(&ours, old, old_count) && collect(&theirs, fresh, fresh_count);
    if (collected) {
        bind_unique(&ours, &theirs, p11d_binding_compare);
        /* An object that was only given another label in the meantime. */
        bind_unique(&ours, &theirs, compare_identity);
    }
    free(ours.objects);
    free(theirs.objects);
    return collected ? CKR_OK : CKR_HOST_MEMORY;
}

bool p11d_binding_is_same(const P11dObject *a, const P11dObject *b)
{
    if (a->derived.object_class != b->derived.object_class)
        return false;
    /* The public half of an encrypted key may become known only at login. */
    if (!has_public_key(a) || !has_public_key(b))
        return true;
    return compare_keys(a, b, P11D_OBJECT_PUBLIC_KEY) == 0;
}
