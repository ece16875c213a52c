// SPDX-License-Identifier: MIT
#include "certfile.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "failure.h"
#include "input.h"
#include "pemtext.h"

/* Room for every authority that a distribution trusts, many times over. */
#define MAX_FILE (1UL << 24)

P11dCertificates *p11d_certfile_new(void)
{
    return sk_X509_new_null();
}

void p11d_certfile_add(P11dCertificates *certificates, X509 *certificate)
{
    if (X509_up_ref(certificate) && !sk_X509_push(certificates, certificate))
        X509_free(certificate);
}

void p11d_certfile_free(P11dCertificates *certificates)
{
    sk_X509_pop_free(certificates, X509_free);
}

P11dCrls *p11d_certfile_new_crls(void)
{
    return sk_X509_CRL_new_null();
}

void p11d_certfile_free_crls(P11dCrls *crls)
{
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
}

/* What is found in a file. */
typedef struct Finds {
    P11dCertificates *certificates;
    P11dCrls *crls;
} Finds;

static void finds_clear(Finds *finds)
{
    p11d_certfile_free(finds->certificates);
    p11d_certfile_free_crls(finds->crls);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Finds, finds_clear)

/* Both take over what they add, which may be NULL: then they return false. */
static bool take_certificate(Finds *finds, X509 *certificate)
{
    if (certificate && !sk_X509_push(finds->certificates, certificate))
        X509_free(certificate);
    return certificate != NULL;
}

static bool take_crl(Finds *finds, X509_CRL *crl)
{
    if (crl && !sk_X509_CRL_push(finds->crls, crl))
        X509_CRL_free(crl);
    return crl != NULL;
}

/* Takes what a block of PEM holds. False if that makes no sense: a revocation would go unseen. */
static bool take_block(Finds *finds, const P11dPempiece *block)
{
    bool is_crl = strcmp(block->label, PEM_STRING_X509_CRL) == 0;
    bool is_trusted = strcmp(block->label, PEM_STRING_X509_TRUSTED) == 0;
    if (!is_crl && !is_trusted && strcmp(block->label, PEM_STRING_X509) != 0 &&
        strcmp(block->label, PEM_STRING_X509_OLD) != 0)
        return !block->broken;
    g_autoptr(GBytes) bytes = p11d_pemtext_decode(block);
    if (!bytes)
        return false;
    gsize size;
    const unsigned char *der = g_bytes_get_data(bytes, &size);
    if (is_crl)
        return take_crl(finds, d2i_X509_CRL(NULL, &der, (long)size));
    take_certificate(finds, is_trusted ? d2i_X509_AUX(NULL, &der, (long)size)
                                       : d2i_X509(NULL, &der, (long)size));
    return true;
}

/* False if there is a block that makes no sense. */
static bool take_pem(Finds *finds, const void *data, gsize size)
{
    P11dPemtext text = p11d_pemtext(data, size);
    P11dPempiece piece;
    while (p11d_pemtext_next(&text, &piece))
        if (*piece.label && !take_block(finds, &piece))
            return false;
    return true;
}

static void take_der(Finds *finds, const void *data, gsize size)
{
    const unsigned char *p = data;
    if (!take_certificate(finds, d2i_X509(NULL, &p, (long)size))) {
        p = data;
        take_crl(finds, d2i_X509_CRL(NULL, &p, (long)size));
    }
}

/* Where only changes are listed (RFC 5280, section 5.2.4), whoever is not in it may still be
 * revoked, which OpenSSL does not mind. */
static gboolean refuse_changes(const Finds *finds, const char *path, GError **error)
{
    for (int i = 0; i < sk_X509_CRL_num(finds->crls); i++)
        if (X509_CRL_get_ext_by_NID(sk_X509_CRL_value(finds->crls, i), NID_delta_crl, -1) >= 0) {
            p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "give the complete list in its place",
                             "%s holds changes to a list of revoked certificates (a delta CRL)",
                             path);
            return FALSE;
        }
    return TRUE;
}

static gboolean read_all(Finds *finds, const char *path, GError **error)
{
    g_autoptr(GBytes) content = p11d_input_read_file(path, MAX_FILE, error);
    if (!content)
        return FALSE;
    gsize size;
    const void *data = g_bytes_get_data(content, &size);
    finds->certificates = p11d_certfile_new();
    finds->crls = p11d_certfile_new_crls();
    ERR_clear_error();
    bool ok = take_pem(finds, data, size);
    if (ok && size > 0 && sk_X509_num(finds->certificates) + sk_X509_CRL_num(finds->crls) == 0)
        take_der(finds, data, size);
    ERR_clear_error();
    if (!ok)
        p11d_failure_set(error, P11D_FAILURE_FILE, "it may have been cut off, or changed",
                         "%s holds a block of PEM that makes no sense", path);
    return ok && refuse_changes(finds, path, error);
}

/* Adds all that is in more to crls. */
static void add_crls(P11dCrls *crls, P11dCrls *more)
{
    for (X509_CRL *crl; (crl = sk_X509_CRL_shift(more));)
        if (!sk_X509_CRL_push(crls, crl))
            X509_CRL_free(crl);
}

P11dCertificates *p11d_certfile_read(const char *path, P11dCrls *crls, GError **error)
{
    g_auto(Finds) finds = {0};
    if (!read_all(&finds, path, error))
        return NULL;
    if (crls)
        add_crls(crls, finds.crls);
    if (sk_X509_num(finds.certificates) > 0)
        return g_steal_pointer(&finds.certificates);
    p11d_failure_set(error, P11D_FAILURE_FILE, "PEM and DER are read",
                     "%s holds no X.509 certificate", path);
    return NULL;
}

gboolean p11d_certfile_read_crls(P11dCrls *crls, const char *path, GError **error)
{
    g_auto(Finds) finds = {0};
    if (!read_all(&finds, path, error))
        return FALSE;
    if (sk_X509_CRL_num(finds.crls) == 0) {
        p11d_failure_set(error, P11D_FAILURE_FILE, "PEM and DER are read",
                         "%s holds no list of revoked certificates (CRL)", path);
        return FALSE;
    }
    add_crls(crls, finds.crls);
    return TRUE;
}
