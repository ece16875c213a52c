// SPDX-License-Identifier: MIT
#include "holder.h"

#include <string.h>

#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "certview.h"
#include "text.h"

/* Without names in the subject, which nobody who reads it would take for one of a mailbox. */
#define FLAGS (X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS)

static GENERAL_NAMES *alternatives(X509 *certificate)
{
    return X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

/* Whether text is nothing but ASCII letters, digits, those in others, and what is not ASCII if that
 * is allowed. */
static bool is_made_of(const char *text, size_t size, const char *others, bool any_letters)
{
    for (size_t i = 0; i < size; i++)
        if (!g_ascii_isalnum(text[i]) && (text[i] == '\0' || !strchr(others, text[i])) &&
            !(any_letters && text[i] & 0x80))
            return false;
    return size > 0;
}

/* Whether text begins as a subject does: "CN=", "1.2.3=". */
static bool begins_as_subject(const char *text, size_t size)
{
    const char *mark = memchr(text, '=', size);
    g_autofree char *type = mark ? g_strndup(text, (size_t)(mark - text)) : NULL;
    return type && OBJ_txt2nid(type) != NID_undef;
}

/* Whether text is "LOCAL@DOMAIN" (RFC 5321, section 4.1.2), without quotation marks. */
static bool is_mail(const char *text, size_t size)
{
    const char *at = memchr(text, '@', size);
    size_t local = at ? (size_t)(at - text) : 0;
    return at && is_made_of(text, local, "!#$%&'*+-/=?^_`{|}~.", true) &&
           is_made_of(at + 1, size - local - 1, "-_.", true) && !begins_as_subject(text, size);
}

/* OpenSSL takes one with a dot in front for all hosts of a domain. */
static bool is_host(const char *text, size_t size)
{
    return is_made_of(text, size, "-_.*", false) && text[0] != '.';
}

/* Whether text is "SCHEME:REST" (RFC 3986, section 3). */
static bool is_uri(const char *text, size_t size)
{
    const char *colon = memchr(text, ':', size);
    size_t scheme = colon ? (size_t)(colon - text) : 0;
    return colon && g_ascii_isalpha(*text) && is_made_of(text, scheme, "+-.", false) &&
           is_made_of(colon + 1, size - scheme - 1, "-._~:/?#[]@!$&'()*+,;=%", false);
}

/* Kinds of names. Nothing is of two of them: one is not taken for another, of which an authority
 * may have to say less (RFC 5280, section 4.2.1.10). */
static const struct Kind {
    int type;
    bool (*is)(const char *text, size_t size);
} kinds[] = {{GEN_EMAIL, is_mail}, {GEN_DNS, is_host}, {GEN_URI, is_uri}};

/* What name is, if it is of a kind that counts and looks like that; NULL else. */
static const ASN1_IA5STRING *text_of(const GENERAL_NAME *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (name->type == kinds[i].type &&
            kinds[i].is((const char *)ASN1_STRING_get0_data(name->d.ia5),
                        (size_t)ASN1_STRING_length(name->d.ia5)))
            return name->d.ia5;
    return NULL;
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
    if (is_mail(identity, size))
        return X509_check_email(certificate, identity, size, FLAGS) == 1;
    if (is_host(identity, size))
        return X509_check_host(certificate, identity, size, FLAGS, NULL) == 1;
    return is_uri(identity, size) ? has_uri(certificate, identity)
                                  : size > 0 && has_subject(certificate, identity);
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
