// SPDX-License-Identifier: MIT
#include "parcel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "failure.h"

/* No token has as much to say, in bytes. */
#define MAX_SIZE (1UL << 30)
#define REFUSAL "(ismst)"

bool p11d_parcel_write(int fd, const void *data, gsize size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t count = send(fd, at, size, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        at += count;
        size -= (gsize)count;
    }
    return true;
}

/* Waits until there is something to read. */
static bool wait_for(int fd, gint64 deadline)
{
    struct pollfd wait = {fd, POLLIN, 0};
    int done = -1;
    do {
        gint64 left = (deadline - g_get_monotonic_time()) / G_TIME_SPAN_MILLISECOND;
        done = poll(&wait, 1, deadline ? (int)CLAMP(left, 0, G_MAXINT) : -1);
    } while (done < 0 && errno == EINTR);
    return done > 0;
}

bool p11d_parcel_read(int fd, void *data, gsize size, gint64 deadline)
{
    char *at = data;
    while (size > 0) {
        if (!wait_for(fd, deadline)) {
            errno = ETIMEDOUT;
            return false;
        }
        ssize_t count = recv(fd, at, size, 0);
        if (count < 0 && errno == EINTR)
            continue;
        errno = count == 0 ? EPIPE : errno;
        if (count <= 0)
            return false;
        at += count;
        size -= (gsize)count;
    }
    return true;
}

bool p11d_parcel_send(int fd, GVariant *value)
{
    g_autoptr(GVariant) held = g_variant_ref_sink(value);
    guint64 size = g_variant_get_size(held);
    return p11d_parcel_write(fd, &size, sizeof size) &&
           p11d_parcel_write(fd, g_variant_get_data(held), size);
}

GVariant *p11d_parcel_receive(int fd, const char *type, gint64 deadline)
{
    guint64 size;
    if (!p11d_parcel_read(fd, &size, sizeof size, deadline))
        return NULL;
    errno = EPROTO;
    if (size > MAX_SIZE)
        return NULL;
    g_autofree char *data = g_try_malloc(size + 1);
    if (!data || !p11d_parcel_read(fd, data, size, deadline))
        return NULL;
    g_autoptr(GBytes) bytes = g_bytes_new_take(g_steal_pointer(&data), size);
    GVariant *value = g_variant_new_from_bytes(G_VARIANT_TYPE(type), bytes, FALSE);
    return g_variant_ref_sink(value);
}

GVariant *p11d_parcel_bytes(const void *data, gsize size)
{
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, data, size, 1);
}

bool p11d_parcel_take_bytes(GVariant *bytes, void *data, gsize size)
{
    gsize there;
    const void *from = g_variant_get_fixed_array(bytes, &there, 1);
    if (there != size)
        return false;
    if (size > 0) /* of nothing data may be NULL */
        memcpy(data, from, size);
    return true;
}

GVariant *p11d_parcel_attributes(const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE(P11D_PARCEL_ATTRIBUTES));
    for (CK_ULONG i = 0; i < count; i++)
        g_variant_builder_add(&builder, "(t@ay)", (guint64)attributes[i].type,
                              p11d_parcel_bytes(attributes[i].pValue, attributes[i].ulValueLen));
    return g_variant_builder_end(&builder);
}

bool p11d_parcel_take_attributes(GVariant *packed, P11dTemplate *templ)
{
    GVariantIter iter;
    guint64 type;
    GVariant *value;
    bool ok = true;
    g_variant_iter_init(&iter, packed);
    while (g_variant_iter_next(&iter, "(t@ay)", &type, &value)) {
        gsize size;
        const void *data = g_variant_get_fixed_array(value, &size, 1);
        /* What holds attributes would hold addresses. */
        ok = ok && !p11d_template_is_nested(type) &&
             p11d_template_set(templ, type, data, size) == CKR_OK;
        g_variant_unref(value);
    }
    return ok;
}

GVariant *p11d_parcel_items(const GPtrArray *items)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE(P11D_PARCEL_ITEMS));
    for (guint i = 0; i < items->len; i++) {
        const P11dItem *item = items->pdata[i];
        const P11dTemplate *attributes = &item->attributes;
        g_variant_builder_add(&builder, "(tt@" P11D_PARCEL_ATTRIBUTES ")", (guint64)item->handle,
                              (guint64)item->class,
                              p11d_parcel_attributes(attributes->items, attributes->count));
    }
    return g_variant_builder_end(&builder);
}

bool p11d_parcel_take_items(GVariant *packed, P11dHostToken *token, GPtrArray *items)
{
    GVariantIter iter;
    guint64 handle, class;
    GVariant *attributes;
    bool ok = true;
    g_variant_iter_init(&iter, packed);
    while (g_variant_iter_next(&iter, "(tt@" P11D_PARCEL_ATTRIBUTES ")", &handle, &class,
                               &attributes)) {
        P11dItem *item = g_new0(P11dItem, 1);
        p11d_template_init(&item->attributes);
        item->token = token;
        item->handle = handle;
        item->class = class;
        ok = p11d_parcel_take_attributes(attributes, &item->attributes) && ok;
        g_ptr_array_add(items, item);
        g_variant_unref(attributes);
    }
    return ok;
}

GVariant *p11d_parcel_answer(GVariant *result)
{
    return g_variant_new(P11D_PARCEL_ANSWER, TRUE, result);
}

GVariant *p11d_parcel_refusal(GError *error)
{
    g_autofree char *message = g_utf8_make_valid(error->message, -1);
    GVariant *refusal = g_variant_new(REFUSAL, error->code, message, p11d_failure_hint(error),
                                      (guint64)p11d_failure_ckr(error));
    g_error_free(error);
    return g_variant_new(P11D_PARCEL_ANSWER, FALSE, refusal);
}

GVariant *p11d_parcel_open(GVariant *answer, const char *type, GError **error)
{
    gboolean good;
    g_autoptr(GVariant) content = NULL;
    g_variant_get(answer, P11D_PARCEL_ANSWER, &good, &content);
    if (!g_variant_is_of_type(content, G_VARIANT_TYPE(good ? type : REFUSAL)))
        return NULL;
    if (good)
        return g_steal_pointer(&content);
    int code;
    guint64 ckr;
    g_autofree char *message = NULL, *hint = NULL;
    g_variant_get(content, REFUSAL, &code, &message, &hint, &ckr);
    if (code >= 0 && code < P11D_FAILURE_COUNT)
        p11d_failure_set_as(error, (P11dFailure)code, ckr, hint, message);
    return NULL;
}
