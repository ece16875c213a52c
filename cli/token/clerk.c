// SPDX-License-Identifier: MIT
#include "clerk.h"

#include <string.h>

#include "modulename.h"
#include "parcel.h"
#include "pin.h"

static P11dHost *open_host(const P11dOptions *options, GError **error)
{
    g_autofree char *path = NULL;
    g_autofree char *reserved = NULL;
    p11d_pin_keep_variable();
    return p11d_modulename_resolve(options, &path, &reserved, error)
               ? p11d_host_load(path, reserved, error)
               : NULL;
}

static GVariant *greet(const P11dHost *host)
{
    GVariantBuilder tokens;
    g_variant_builder_init(&tokens, G_VARIANT_TYPE("a(tayay)"));
    for (guint i = 0; i < host->tokens->len; i++) {
        const P11dHostToken *token = host->tokens->pdata[i];
        g_variant_builder_add(&tokens, "(t@ay@ay)", (guint64)token->slot,
                              p11d_parcel_bytes(&token->slot_info, sizeof token->slot_info),
                              p11d_parcel_bytes(&token->info, sizeof token->info));
    }
    const char *left_out = host->left_out ? host->left_out : "";
    return p11d_parcel_answer(g_variant_new(
        "(@ay@ay@a(tayay)@ay)", p11d_parcel_bytes(host->path, strlen(host->path)),
        p11d_parcel_bytes(&host->info, sizeof host->info), g_variant_builder_end(&tokens),
        p11d_parcel_bytes(left_out, strlen(left_out))));
}

/* Each does one kind of errand; NULL with error set. What is sent is of the kind's type. */
typedef GVariant *Work(P11dHostToken *token, GVariant *sent, GError **error);

static GVariant *open_session(P11dHostToken *token, GVariant *sent G_GNUC_UNUSED, GError **error)
{
    return p11d_host_session(token, error) ? g_variant_new("()") : NULL;
}

static GVariant *tell_flags(P11dHostToken *token, GVariant *sent G_GNUC_UNUSED,
                            GError **error G_GNUC_UNUSED)
{
    return g_variant_new_uint64(p11d_host_flags(token));
}

static GVariant *find(P11dHostToken *token, GVariant *sent, GError **error)
{
    P11dTemplate wanted;
    g_autoptr(GPtrArray) items = p11d_item_array();
    p11d_template_init(&wanted);
    bool ok = p11d_parcel_take_attributes(sent, &wanted) &&
              p11d_item_find(token, wanted.items, wanted.count, items, error);
    p11d_template_clear(&wanted);
    return ok ? p11d_parcel_items(items) : NULL;
}

static GVariant *look_closer(P11dHostToken *token, GVariant *sent, GError **error)
{
    g_autoptr(GPtrArray) items = p11d_item_array();
    bool ok = p11d_parcel_take_items(sent, token, items);
    for (guint i = 0; ok && i < items->len; i++)
        ok = p11d_item_look_closer(items->pdata[i], error);
    return ok ? p11d_parcel_items(items) : NULL;
}

static GVariant *list_mechanisms(P11dHostToken *token, GVariant *sent G_GNUC_UNUSED,
                                 GError **error G_GNUC_UNUSED)
{
    g_autoptr(GArray) mechanisms = g_array_new(FALSE, TRUE, sizeof(P11dHostMechanism));
    CK_RV rv = p11d_host_mechanisms(token, mechanisms);
    return g_variant_new(
        "(t@ay)", (guint64)rv,
        p11d_parcel_bytes(mechanisms->data, mechanisms->len * sizeof(P11dHostMechanism)));
}

const P11dErrandTypes p11d_errand_types[P11D_ERRAND_KINDS] = {
    [P11D_ERRAND_SESSION] = {"()", "()"},
    [P11D_ERRAND_FLAGS] = {"()", "t"},
    [P11D_ERRAND_LOGIN] = {NULL, "t"},
    [P11D_ERRAND_FIND] = {P11D_PARCEL_ATTRIBUTES, P11D_PARCEL_ITEMS},
    [P11D_ERRAND_LOOK] = {P11D_PARCEL_ITEMS, P11D_PARCEL_ITEMS},
    [P11D_ERRAND_MECHANISMS] = {"()", "(tay)"},
};

static Work *const works[P11D_ERRAND_KINDS] = {
    [P11D_ERRAND_SESSION] = open_session,
    [P11D_ERRAND_FLAGS] = tell_flags,
    [P11D_ERRAND_FIND] = find,
    [P11D_ERRAND_LOOK] = look_closer,
    [P11D_ERRAND_MECHANISMS] = list_mechanisms,
};

/* Reads the PIN that follows the errand, and logs in with it. NULL: the other side is gone. */
static GVariant *log_in(P11dHostToken *token, const P11dErrand *errand, int fd)
{
    P11dSecret pin = P11D_SECRET_INIT;
    CK_RV rv = CKR_HOST_MEMORY;
    bool ok = errand->size <= P11D_CLERK_PIN_MAX;
    if (ok && errand->has_pin)
        ok = p11d_secret_set(&pin, NULL, errand->size) &&
             p11d_parcel_read(fd, pin.data, errand->size, 0);
    if (ok)
        rv = p11d_host_login(token, errand->user, &pin);
    p11d_secret_clear(&pin);
    return ok ? p11d_parcel_answer(g_variant_new_uint64(rv)) : NULL;
}

/* NULL: the other side is gone. */
static GVariant *answer(const P11dHost *host, const P11dErrand *errand, int fd)
{
    if (errand->kind >= P11D_ERRAND_KINDS || errand->token >= host->tokens->len)
        return NULL;
    P11dHostToken *token = host->tokens->pdata[errand->token];
    if (errand->kind == P11D_ERRAND_LOGIN)
        return log_in(token, errand, fd);
    g_autoptr(GVariant) sent = p11d_parcel_receive(fd, p11d_errand_types[errand->kind].sent, 0);
    GError *error = NULL;
    GVariant *result = sent ? works[errand->kind](token, sent, &error) : NULL;
    if (error)
        return p11d_parcel_refusal(error);
    return result ? p11d_parcel_answer(result) : NULL;
}

void p11d_clerk_run(const P11dOptions *options, int fd)
{
    GError *error = NULL;
    g_autoptr(P11dHost) host = open_host(options, &error);
    if (!host) {
        p11d_parcel_send(fd, p11d_parcel_refusal(error));
        return;
    }
    bool there = p11d_parcel_send(fd, greet(host));
    P11dErrand errand;
    while (there && p11d_parcel_read(fd, &errand, sizeof errand, 0)) {
        GVariant *done = answer(host, &errand, fd);
        there = done && p11d_parcel_send(fd, done);
    }
}
