// SPDX-License-Identifier: MIT
#include "export.h"

#include <string.h>

#include <openssl/pem.h>

#include "candidate.h"
#include "certview.h"
#include "console.h"
#include "failure.h"
#include "listing.h"
#include "spki.h"
#include "sshkey.h"
#include "text.h"

/* A certificate or a public key that is written. */
typedef struct Piece {
    const P11dItem *item; /* one of those that hold it */
    bool is_certificate;
    GBytes *der; /* of the certificate, or of the SubjectPublicKeyInfo */
    const char *ssh_type;
    GBytes *ssh_blob; /* NULL unless the form is SSH's */
} Piece;

struct P11dExportForm {
    const char *name;
    bool ssh;    /* takes keys only, those of certificates too */
    bool binary; /* takes exactly one piece, and no terminal */
    void (*write)(const Piece *piece, FILE *out);
};

static void piece_free(gpointer data)
{
    Piece *piece = data;
    g_bytes_unref(piece->der);
    g_clear_pointer(&piece->ssh_blob, g_bytes_unref);
    g_free(piece);
}

/* What is in front of it is outside of PEM, where readers skip it. */
static void write_pem(const Piece *piece, FILE *out)
{
    gsize size;
    const void *der = g_bytes_get_data(piece->der, &size);
    g_autofree char *uri = p11d_item_uri(piece->item);
    fprintf(out, "# %s\n", uri);
    PEM_write(out, piece->is_certificate ? PEM_STRING_X509 : PEM_STRING_PUBLIC, "", der,
              (long)size);
}

static void write_der(const Piece *piece, FILE *out)
{
    gsize size;
    const void *der = g_bytes_get_data(piece->der, &size);
    fwrite(der, 1, size, out);
}

static void write_ssh(const Piece *piece, FILE *out)
{
    gsize size;
    const guint8 *blob = g_bytes_get_data(piece->ssh_blob, &size);
    g_autofree char *base64 = g_base64_encode(blob, size);
    g_autofree char *label = p11d_item_label(piece->item);
    g_autofree char *comment = p11d_text_visible(label, -1);
    fprintf(out, "%s %s%s%s\n", piece->ssh_type, base64, *comment ? " " : "", comment);
}

static const P11dExportForm forms[] = {
    {"pem", false, false, write_pem},
    {"der", false, true, write_der},
    {"ssh", true, false, write_ssh},
};

const P11dExportForm *p11d_export_find_form(const char *name, GError **error)
{
    const P11dExportForm *form = NULL;
    for (size_t i = 0; !form && i < G_N_ELEMENTS(forms); i++)
        if (strcmp(forms[i].name, name) == 0)
            form = &forms[i];
    if (!form)
        p11d_failure_set(error, P11D_FAILURE_USAGE, "forms are " P11D_EXPORT_NAMES,
                         "there is no form \"%s\" to export in", name);
    else if (!form->binary || !p11d_console_result_is_terminal())
        return form;
    else
        p11d_failure_set(error, P11D_FAILURE_USAGE, "redirect the output, or use --export pem",
                         "DER is binary and is not written to a terminal");
    return NULL;
}

/* What is found on the way through a listing. */
typedef struct Collection {
    const P11dExportForm *form;
    GPtrArray *pieces; /* of Piece */
    GHashTable *seen;  /* the Piece by its der; NULL: it was left out */
    guint matched;     /* objects, of whatever kind */
} Collection;

static GBytes *bytes_of(const P11dItem *item, CK_ATTRIBUTE_TYPE type)
{
    const CK_ATTRIBUTE *found = p11d_template_find(&item->attributes, type);
    return g_bytes_new(found ? found->pValue : NULL, found ? found->ulValueLen : 0);
}

static GBytes *certificate_of(const P11dItem *item)
{
    GBytes *der = bytes_of(item, CKA_VALUE);
    P11dCertview view;
    if (p11d_certview_parse(&view, g_bytes_get_data(der, NULL), g_bytes_get_size(der))) {
        p11d_certview_clear(&view);
        return der;
    }
    g_bytes_unref(der);
    return NULL;
}

/* Tells that item is left out. */
static void leave_out(const P11dItem *item, const char *why)
{
    g_autofree char *uri = p11d_item_uri(item);
    p11d_console_note("left out: %s %s", uri, why);
}

static void add_piece(Collection *collection, const P11dItem *item, GBytes *der, EVP_PKEY *key)
{
    gpointer seen = NULL;
    if (g_hash_table_lookup_extended(collection->seen, der, NULL, &seen)) {
        Piece *piece = seen;
        if (piece && piece->item->class == CKO_PRIVATE_KEY && item->class == CKO_PUBLIC_KEY)
            piece->item = item; /* it is named after what it is */
        return;
    }
    g_hash_table_insert(collection->seen, g_bytes_ref(der), NULL);
    GBytes *blob = collection->form->ssh ? p11d_sshkey_blob(key) : NULL;
    if (collection->form->ssh && !blob) {
        leave_out(item, "is a key that SSH has no form for");
        return;
    }
    Piece *piece = g_new0(Piece, 1);
    *piece = (Piece){item, key == NULL, g_bytes_ref(der), key ? p11d_sshkey_type(key) : NULL, blob};
    g_ptr_array_add(collection->pieces, piece);
    g_hash_table_insert(collection->seen, g_bytes_ref(der), piece);
}

/* Returns false if item should have something to export, and does not. */
static bool add_item(Collection *collection, const P11dItem *item)
{
    bool certificate = item->class == CKO_CERTIFICATE;
    if (!certificate && item->class != CKO_PUBLIC_KEY && item->class != CKO_PRIVATE_KEY)
        return true;
    bool whole = certificate && !collection->form->ssh;
    EVP_PKEY *key = whole ? NULL : p11d_item_public_key(item);
    g_autoptr(GBytes) der = NULL;
    if (whole)
        der = certificate_of(item);
    else if (key)
        der = p11d_spki_of_key(key);
    if (der)
        add_piece(collection, item, der, key);
    EVP_PKEY_free(key);
    return der != NULL;
}

/* A private key that does not tell its public half is missing only if no object with the same id
 * does. */
static void add_token(Collection *collection, const P11dListingToken *entry)
{
    g_autoptr(GHashTable) known =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    g_autoptr(GPtrArray) missing = g_ptr_array_new();
    for (guint i = 0; i < entry->items->len; i++) {
        P11dItem *item = entry->items->pdata[i];
        if (!add_item(collection, item))
            g_ptr_array_add(missing, item);
        else if (item->class != CKO_SECRET_KEY)
            g_hash_table_add(known, bytes_of(item, CKA_ID));
    }
    for (guint i = 0; i < missing->len; i++) {
        g_autoptr(GBytes) id = bytes_of(missing->pdata[i], CKA_ID);
        if (g_bytes_get_size(id) == 0 || !g_hash_table_contains(known, id))
            leave_out(missing->pdata[i], "does not tell its public key or certificate");
    }
    collection->matched += entry->items->len;
}

static gboolean check(const Collection *collection, const P11dTarget *target,
                      const P11dHosts *hosts, GError **error)
{
    const GPtrArray *pieces = collection->pieces;
    if (collection->matched == 0) {
        p11d_hosts_set_no_match(hosts, target, "key or certificate", error);
        return FALSE;
    }
    if (pieces->len == 0) {
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "p11dbus list shows what was matched",
                         "there is nothing among it that --export %s can write",
                         collection->form->name);
        return FALSE;
    }
    if (pieces->len == 1 || !collection->form->binary)
        return TRUE;
    g_autoptr(GPtrArray) items = g_ptr_array_new();
    for (guint i = 0; i < pieces->len; i++)
        g_ptr_array_add(items, (void *)((const Piece *)pieces->pdata[i])->item);
    const char *advice;
    g_autoptr(GPtrArray) uris = p11d_candidate_list(items, &advice);
    p11d_target_set_ambiguous(target, uris, "keys and certificates", advice, error);
    return FALSE;
}

gboolean p11d_export_print(const P11dExportForm *form, const GPtrArray *listing,
                           const P11dTarget *target, const P11dHosts *hosts, GError **error)
{
    g_autoptr(GPtrArray) pieces = g_ptr_array_new_with_free_func(piece_free);
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    Collection collection = {form, pieces, seen, 0};
    for (guint i = 0; i < listing->len; i++)
        add_token(&collection, listing->pdata[i]);
    if (!check(&collection, target, hosts, error))
        return FALSE;
    for (guint i = 0; i < pieces->len; i++)
        form->write(pieces->pdata[i], p11d_console_result());
    return TRUE;
}
