// SPDX-License-Identifier: MIT
#include "keyobject.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "attribute.h"
#include "interface.h"
#include "keyfile.h"
#include "keymaterial.h"
#include "keysign.h"
#include "keyuse.h"
#include "pss.h"
#include "syntax.h"

/* The largest common name that becomes a label, in bytes of UTF-8: X.520 has at most 64 characters.
 */
#define COMMON_NAME_MAX 256

/* The largest list of attributes of one object: a certificate's value, and some. */
#define ATTRIBUTES_MAX (P11D_KEYFILE_MAX + ((size_t)4 << 10))

/* More mechanisms than there are for one kind of key. */
#define ALLOWED_MAX 32

void p11d_keyobject_clear(P11dKeyObject *object)
{
    if (object->attributes)
        explicit_bzero(object->attributes, object->size);
    free(object->attributes);
    memset(object, 0, sizeof *object);
}

static const CK_ATTRIBUTE_TYPE restricted[] = {
    CKA_SIGN,   CKA_VERIFY,       CKA_ENCRYPT,        CKA_DECRYPT,     CKA_DERIVE,      CKA_WRAP,
    CKA_UNWRAP, CKA_SIGN_RECOVER, CKA_VERIFY_RECOVER, CKA_ENCAPSULATE, CKA_DECAPSULATE,
};

static const CK_ATTRIBUTE_TYPE secrets[] = {
    CKA_VALUE,      CKA_PRIVATE_EXPONENT, CKA_PRIME_1,     CKA_PRIME_2,
    CKA_EXPONENT_1, CKA_EXPONENT_2,       CKA_COEFFICIENT, CKA_SEED,
};

bool p11d_keyobject_is_secret(CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type)
{
    bool found = false;
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        found = found || secrets[i] == type;
    return found && (class == CKO_PRIVATE_KEY || class == CKO_SECRET_KEY);
}

static unsigned restrictions(const P11dTemplate *templ)
{
    unsigned bits = 0;
    for (size_t i = 0; i < sizeof restricted / sizeof restricted[0]; i++)
        bits |= p11d_template_boolean(templ, restricted[i], true) ? 0 : 1U << i;
    return bits;
}

/* By what never changes, whatever is said of it. */
static void identify(P11dKeyObject *object, const P11dTemplate *templ)
{
    CK_OBJECT_CLASS class = p11d_template_number(templ, CKA_CLASS, CKO_DATA);
    const CK_ATTRIBUTE *value =
        p11d_template_find(templ, class == CKO_CERTIFICATE ? CKA_VALUE : CKA_PUBLIC_KEY_INFO);
    memset(object->identity, 0, sizeof object->identity);
    if (value && value->ulValueLen > 0)
        EVP_Digest(value->pValue, value->ulValueLen, object->identity, NULL, EVP_sha256(), NULL);
}

bool p11d_keyobject_permits(const P11dKeyObject *object, CK_ATTRIBUTE_TYPE use)
{
    bool permits = true;
    for (size_t i = 0; i < sizeof restricted / sizeof restricted[0]; i++)
        permits = permits && !(restricted[i] == use && object->refused & 1U << i);
    return permits;
}

CK_RV p11d_keyobject_set(P11dKeyObject *object, const P11dTemplate *templ)
{
    P11dBuffer buffer;
    P11dWriter writer;
    CK_RV rv = CKR_OK;

    p11d_buffer_init(&buffer, ATTRIBUTES_MAX);
    p11d_writer_init(&writer, &buffer);
    for (CK_ULONG i = 0; i < templ->count && rv == CKR_OK; i++)
        rv = p11d_attribute_write(&writer, &templ->items[i]);
    if (rv == CKR_OK && !p11d_writer_ok(&writer))
        rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        object->attributes = malloc(buffer.size);
    if (object->attributes) {
        memcpy(object->attributes, buffer.data, buffer.size);
        object->size = buffer.size;
        object->refused = restrictions(templ);
        object->private = p11d_template_boolean(templ, CKA_PRIVATE, false);
        identify(object, templ);
    } else if (rv == CKR_OK) {
        rv = CKR_HOST_MEMORY;
    }
    p11d_buffer_clear(&buffer);
    return rv;
}

/* Says what is refused where the interface takes it for allowed. */
static CK_RV set_refused(P11dTemplate *templ)
{
    CK_RV rv = p11d_template_set_boolean(templ, CKA_COPYABLE, false);
    if (rv == CKR_OK)
        rv = p11d_template_set_boolean(templ, CKA_DESTROYABLE, false);
    return rv;
}

/* Says which mechanisms a key is for, where that does not follow from its type. */
static CK_RV set_allowed(P11dTemplate *templ, const P11dPss *pss)
{
    CK_MECHANISM_TYPE allowed[ALLOWED_MAX];
    CK_ULONG smallest, largest;
    size_t count = 0;
    if (!pss->only)
        return CKR_OK;
    for (size_t i = 0; i < p11d_mechanism_count && count < ALLOWED_MAX; i++) {
        const P11dMechanism *row = &p11d_mechanisms[i];
        if (p11d_keysign_offers(row, &smallest, &largest) && p11d_pss_allows(pss, row))
            allowed[count++] = row->type;
    }
    return p11d_template_set(templ, CKA_ALLOWED_MECHANISMS, allowed, count * sizeof allowed[0]);
}

static CK_RV make_data(P11dKeyObject *object, const char *label, const char *application,
                       const char *value, bool private)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    CK_RV rv = p11d_template_set_number(&templ, CKA_CLASS, CKO_DATA);
    if (rv == CKR_OK)
        rv = p11d_template_set_text(&templ, CKA_LABEL, label);
    if (rv == CKR_OK)
        rv = p11d_template_set_text(&templ, CKA_VALUE, value);
    if (rv == CKR_OK)
        rv = p11d_template_set_text(&templ, CKA_APPLICATION, application);
    if (rv == CKR_OK && private)
        rv = p11d_template_set_boolean(&templ, CKA_PRIVATE, true);
    if (rv == CKR_OK)
        rv = set_refused(&templ);
    if (rv == CKR_OK)
        rv = p11d_keyobject_set(object, &templ);
    p11d_template_clear(&templ);
    return rv;
}

static CK_RV merge(P11dTemplate *templ, const P11dTemplate *kept)
{
    CK_RV rv = CKR_OK;
    for (CK_ULONG i = 0; kept && i < kept->count && rv == CKR_OK; i++)
        rv = p11d_template_set(templ, kept->items[i].type, kept->items[i].pValue,
                               kept->items[i].ulValueLen);
    return rv;
}

static CK_RV describe(P11dTemplate *templ, CK_OBJECT_CLASS class, const char *label,
                      CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
    CK_RV rv = p11d_template_set_number(templ, CKA_CLASS, class);
    if (rv == CKR_OK)
        rv = p11d_template_set_text(templ, CKA_LABEL, label);
    if (rv == CKR_OK)
        rv = p11d_template_set(templ, type, value, size);
    return rv == CKR_OK ? set_refused(templ) : rv;
}

/* Adds what is kept. What only a passphrase opens is private, whatever somebody wrote into its
 * file. */
static CK_RV merge_private(P11dTemplate *templ, const P11dTemplate *kept, bool private)
{
    CK_RV rv = merge(templ, kept);
    return rv == CKR_OK && private ? p11d_template_set_boolean(templ, CKA_PRIVATE, true) : rv;
}

/* What a key is for, and what is kept of it; what a key cannot do it does not claim. */
static CK_RV add_uses(P11dTemplate *templ, CK_OBJECT_CLASS class, const P11dServedKey *key,
                      bool private, const P11dTemplate *kept)
{
    CK_RV rv = set_allowed(templ, &key->pss);
    if (rv == CKR_OK)
        rv = p11d_keyuse_tell(templ, class, key, false);
    if (rv == CKR_OK)
        rv = merge_private(templ, kept, private);
    if (rv == CKR_OK && kept && kept->count > 2)
        rv = p11d_keyuse_tell(templ, class, key, true);
    return rv;
}

CK_RV p11d_keyobject_describe(P11dTemplate *templ, CK_OBJECT_CLASS class, const char *label,
                              P11dServedKey *served, bool private, const P11dTemplate *kept)
{
    EVP_PKEY *key = served->key;
    uint8_t *der = NULL;
    /* One form of the point, and the curve by its name, whatever form the file has. */
    if (EVP_PKEY_is_a(key, "EC")) {
        EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                       "uncompressed");
        EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                       OSSL_PKEY_EC_ENCODING_GROUP);
    }
    int size = i2d_PUBKEY(key, &der);
    ERR_clear_error();
    if (size <= 0)
        return CKR_HOST_MEMORY;
    CK_RV rv = describe(templ, class, label, CKA_PUBLIC_KEY_INFO, der, (size_t)size);
    if (rv == CKR_OK)
        rv = add_uses(templ, class, served, private, kept);
    if (rv == CKR_OK && class == CKO_PRIVATE_KEY &&
        !p11d_template_boolean(templ, CKA_SENSITIVE, true) &&
        p11d_template_boolean(templ, CKA_EXTRACTABLE, false))
        rv = p11d_keymaterial_write(templ, key);
    OPENSSL_free(der);
    return rv;
}

/* Hosts choose keys by id. There is no public half to make one of, and none is made of the secret.
 */
static CK_RV set_id_of_name(P11dTemplate *templ, const char *name)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(name, strlen(name), digest, &size, EVP_sha1(), NULL) != 1)
        return CKR_HOST_MEMORY;
    return p11d_template_set(templ, CKA_ID, digest, size);
}

/* By its name: what it is called changes, and so does the value of data. */
static CK_RV set_named(P11dKeyObject *object, const P11dTemplate *templ, const char *name)
{
    CK_RV rv = p11d_keyobject_set(object, templ);
    if (rv == CKR_OK &&
        EVP_Digest(name, strlen(name), object->identity, NULL, EVP_sha256(), NULL) != 1)
        rv = CKR_HOST_MEMORY;
    return rv;
}

CK_RV p11d_keyobject_secret(P11dKeyObject *object, const char *name, const P11dServedKey *key,
                            bool private, const P11dTemplate *kept)
{
    const CK_ULONG size = key->secret_size;
    P11dTemplate templ;
    p11d_template_init(&templ);
    CK_RV rv = describe(&templ, CKO_SECRET_KEY, name, CKA_VALUE_LEN, &size, sizeof size);
    if (rv == CKR_OK)
        rv = set_id_of_name(&templ, name);
    if (rv == CKR_OK)
        rv = p11d_template_set_number(&templ, CKA_KEY_TYPE, key->type);
    if (rv == CKR_OK)
        rv = add_uses(&templ, CKO_SECRET_KEY, key, private, kept);
    if (rv == CKR_OK && !p11d_template_boolean(&templ, CKA_SENSITIVE, true) &&
        p11d_template_boolean(&templ, CKA_EXTRACTABLE, false))
        rv = p11d_template_set(&templ, CKA_VALUE, key->secret, size);
    if (rv == CKR_OK)
        rv = set_named(object, &templ, name);
    p11d_template_clear(&templ);
    return rv;
}

CK_RV p11d_keyobject_data(P11dKeyObject *object, const char *name, P11dBytes value, bool private,
                          const P11dTemplate *kept)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    CK_RV rv = describe(&templ, CKO_DATA, name, CKA_VALUE, value.data, value.size);
    if (rv == CKR_OK)
        rv = merge_private(&templ, kept, private);
    if (rv == CKR_OK)
        rv = set_named(object, &templ, name);
    p11d_template_clear(&templ);
    return rv;
}

CK_RV p11d_keyobject_key(P11dKeyObject *object, CK_OBJECT_CLASS class, const char *label,
                         P11dServedKey *key, bool private, const P11dTemplate *kept)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    CK_RV rv = p11d_keyobject_describe(&templ, class, label, key, private, kept);
    if (rv == CKR_OK)
        rv = p11d_keyobject_set(object, &templ);
    p11d_template_clear(&templ);
    return rv;
}

/* The common name of the certificate's subject as a label, freed by OPENSSL_free; NULL if it has
 * none that can be one. */
static char *common_name(X509 *certificate)
{
    unsigned char *text = NULL;
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    const X509_NAME_ENTRY *entry = i >= 0 ? X509_NAME_get_entry(subject, i) : NULL;
    int size = entry ? ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry)) : -1;

    ERR_clear_error();
    if (size > 0 && size <= COMMON_NAME_MAX && p11d_syntax_is_text((char *)text, (size_t)size))
        return (char *)text;
    OPENSSL_free(text);
    return NULL;
}

CK_RV p11d_keyobject_certificate(P11dKeyObject *object, const char *label, X509 *certificate,
                                 const P11dTemplate *kept)
{
    uint8_t *der = NULL;
    P11dTemplate templ;
    int size = i2d_X509(certificate, &der);
    if (size <= 0)
        return CKR_HOST_MEMORY;
    p11d_template_init(&templ);
    CK_RV rv = describe(&templ, CKO_CERTIFICATE, label, CKA_VALUE, der, (size_t)size);
    if (rv == CKR_OK)
        rv = p11d_template_set_number(&templ, CKA_CERTIFICATE_TYPE, CKC_X_509);
    if (rv == CKR_OK)
        rv = merge(&templ, kept);
    if (rv == CKR_OK)
        rv = p11d_keyobject_set(object, &templ);
    p11d_template_clear(&templ);
    OPENSSL_free(der);
    return rv;
}

CK_RV p11d_keyobject_further(P11dKeyObject *object, const char *name, X509 *certificate)
{
    char *label = common_name(certificate);
    CK_RV rv = p11d_keyobject_certificate(object, label ? label : name, certificate, NULL);
    OPENSSL_free(label);
    return rv;
}

CK_RV p11d_keyobject_note(P11dKeyObject *object, const char *label, const char *why, bool private)
{
    return make_data(object, label, P11D_NOTE_APPLICATION, why, private);
}

CK_RV p11d_keyobject_exposure(P11dKeyObject *object, const char *label, const char *text)
{
    return make_data(object, label, P11D_EXPOSURE_APPLICATION, text, false);
}
