// SPDX-License-Identifier: MIT
#include "counterpart.h"

#include "evpkey.h"
#include "failure.h"

/* Adds the objects of that class with the CKA_ID of key to items. */
static gboolean find(const P11dItem *key, CK_OBJECT_CLASS class, GPtrArray *items, GError **error)
{
    const CK_ATTRIBUTE *id = p11d_template_find(&key->attributes, CKA_ID);
    if (!id || id->ulValueLen == 0)
        return TRUE;
    CK_ATTRIBUTE wanted[] = {*id, {CKA_CLASS, &class, sizeof class}};
    return p11d_item_find(key->token, wanted, G_N_ELEMENTS(wanted), items, error);
}

gboolean p11d_counterpart_certificates(const P11dItem *key, GPtrArray *items, GError **error)
{
    return find(key, CKO_CERTIFICATE, items, error);
}

EVP_PKEY *p11d_counterpart_public_key(const P11dItem *key, GError **error)
{
    static const CK_OBJECT_CLASS classes[] = {CKO_PUBLIC_KEY, CKO_CERTIFICATE};
    EVP_PKEY *public_key = p11d_item_public_key(key);
    g_autoptr(GPtrArray) items = p11d_item_array();
    for (size_t i = 0; !public_key && i < G_N_ELEMENTS(classes); i++)
        if (!find(key, classes[i], items, error))
            return NULL;
    for (guint i = 0; !public_key && i < items->len; i++)
        public_key = p11d_item_public_key(items->pdata[i]);
    if (public_key)
        return public_key;
    g_autofree char *uri = p11d_item_uri(key);
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED,
                     "put the public key or the certificate on the token, with the same CKA_ID",
                     "the token does not tell the public key of %s", uri);
    return NULL;
}

P11dAlgorithmKey p11d_counterpart_describe(const P11dItem *key)
{
    P11dAlgorithmKey kind = p11d_item_describe(key);
    if (kind.type != CKK_EC || kind.curve || kind.problem)
        return kind;
    EVP_PKEY *public_key = p11d_counterpart_public_key(key, NULL);
    P11dAlgorithmKey other = public_key ? p11d_evpkey_describe(public_key) : kind;
    EVP_PKEY_free(public_key);
    return other.type == kind.type ? other : kind;
}
