// SPDX-License-Identifier: MIT
#include "holder.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "certview.h"
#include "text.h"

/* Without names in the subject, which nobody who reads it would take for one of a mailbox. */
#define FLAGS (X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS)

static GENERAL_NAMES *alternatives(X509 *certificate)
{
    return X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

/* What name is, if it is of a kind that counts; NULL else. */
static const ASN1_IA5STRING *text_of(const GENERAL_NAME *name)
{
    return name->type == GEN_EMAIL || name->type == GEN_DNS || name->type == GEN_URI ? name->d.ia5
                                                                                     : NULL;
}

static bool has_uri(X509 *certificate, const char *identity)
{
    GENERAL_NAMES *names = alternatives(certificate);
    bool found = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        found =
            found ||
            (name->type == GEN_URI && (size_t)ASN1_STRING_length(name->d.ia5) == strlen(identity) &&
             memcmp(ASN1_STRING_get0_data(name->d.ia5), identity, strlen(identity)) == 0);
    }
    GENERAL_NAMES_free(names);
    return found;
}

/* RFC 4514 lets whoever writes a name choose whether letters outside of ASCII are escaped. */
static bool has_subject(X509 *certificate, const char *identity)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    g_autofree char *plain = p11d_certview_name(subject);
    g_autofree char *escaped = p11d_certview_escaped_name(subject);
    return strcmp(plain, identity) == 0 || strcmp(escaped, identity) == 0;
}

bool p11d_holder_is(X509 *certificate, const char *identity)
{
    size_t size = strlen(identity);
    if (size == 0)
        return false;
    /* OpenSSL takes one with a dot in front for all hosts of a domain. */
    return X509_check_email(certificate, identity, size, FLAGS) == 1 ||
           (identity[0] != '.' && X509_check_host(certificate, identity, size, FLAGS, NULL) == 1) ||
           has_uri(certificate, identity) || has_subject(certificate, identity);
}

/* Adds the alternative names that count to list. */
static void add_alternatives(GPtrArray *list, X509 *certificate)
{
    GENERAL_NAMES *names = alternatives(certificate);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const ASN1_IA5STRING *text = text_of(sk_GENERAL_NAME_value(names, i));
        if (text)
            g_ptr_array_add(list, g_utf8_make_valid((const char *)ASN1_STRING_get0_data(text),
                                                    ASN1_STRING_length(text)));
    }
    GENERAL_NAMES_free(names);
}

/* "subject, mailbox, host"; no element is empty. */
static GPtrArray *list_names(X509 *certificate)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    char *subject = p11d_certview_name(X509_get_subject_name(certificate));
    g_ptr_array_add(list, subject);
    add_alternatives(list, certificate);
    for (guint i = list->len; i-- > 0;)
        if (!*(const char *)list->pdata[i])
            g_ptr_array_remove_index(list, i);
    return list;
}

static char *serial_of(X509 *certificate)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    g_autofree char *issuer = p11d_certview_name(X509_get_issuer_name(certificate));
    g_autofree char *hex =
        p11d_text_hex(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
    return g_strdup_printf("serial %s of %s", hex, *issuer ? issuer : "nobody");
}

char *p11d_holder_name(X509 *certificate)
{
    g_autoptr(GPtrArray) list = list_names(certificate);
    return list->len > 0 ? g_strdup(list->pdata[0]) : serial_of(certificate);
}

char *p11d_holder_names(X509 *certificate)
{
    g_autoptr(GPtrArray) list = list_names(certificate);
    if (list->len == 0)
        return serial_of(certificate);
    g_ptr_array_add(list, NULL);
    return g_strjoinv(", ", (char **)list->pdata);
}

bool p11d_holder_issued(X509 *issuer, X509 *certificate)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    return key && X509_check_issued(issuer, certificate) == X509_V_OK &&
           X509_verify(certificate, key) == 1;
}
