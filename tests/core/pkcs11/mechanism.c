// SPDX-License-Identifier: MIT
#include "mechanism.h"

#include <criterion/criterion.h>
#include <gio/gio.h>

#include "derived-name.h"
#include "parameter-wire.h"

static const char *const macros[] = {
#define ROW(type, name, shape, hash, raw, digest_info, key_type) #type,
#include "mechanism-rows.inc"
#undef ROW
};

Test(mechanism, every_row_is_called_by_the_rule_and_survives_both_directions)
{
    cr_assert_eq(G_N_ELEMENTS(macros), p11d_mechanism_count);
    for (size_t i = 0; i < p11d_mechanism_count; i++) {
        const P11dMechanism *row = &p11d_mechanisms[i];
        char derived[DERIVED_NAME_SIZE], scratch[P11D_NAME_SIZE];
        CK_MECHANISM_TYPE type = ~row->type;
        cr_expect_eq(strncmp(macros[i], "CKM_", 4), 0);
        cr_expect_str_eq(row->name, derived_name(macros[i], derived));
        cr_expect_eq(p11d_mechanism_find(row->type), row);
        cr_expect_str_eq(p11d_mechanism_name(row->type, scratch), row->name);
        cr_expect(p11d_mechanism_parse_name(row->name, &type), "%s", row->name);
        cr_expect_eq(type, row->type, "%s", row->name);
    }
}

Test(mechanism, rows_are_sorted_and_names_unique)
{
    for (size_t i = 1; i < p11d_mechanism_count; i++) {
        cr_expect_lt(p11d_mechanisms[i - 1].type, p11d_mechanisms[i].type, "%s",
                     p11d_mechanisms[i].name);
        for (size_t k = 0; k < i; k++)
            cr_expect_str_neq(p11d_mechanisms[k].name, p11d_mechanisms[i].name);
    }
}

/* A hashed mechanism is called after its hash and what is left of it. */
Test(mechanism, hashed_rows_name_their_hash_and_the_raw_mechanism)
{
    size_t hashed = 0;
    for (size_t i = 0; i < p11d_mechanism_count; i++) {
        const P11dMechanism *row = &p11d_mechanisms[i];
        if (row->hash == P11D_MECHANISM_NONE) {
            cr_expect_eq(row->raw, P11D_MECHANISM_NONE, "%s", row->name);
            cr_expect_not(row->digest_info, "%s", row->name);
            continue;
        }
        const P11dHash *hash = p11d_hash_of_mechanism(row->hash);
        const P11dMechanism *raw = p11d_mechanism_find(row->raw);
        cr_assert(hash && raw, "%s", row->name);
        const char *hash_name = hash->mechanism == CKM_SHA_1 ? "sha1" : hash->name;
        bool before = raw->key_type == CKK_RSA;
        g_autofree char *name = g_strdup_printf("%s-%s", before ? hash_name : raw->name,
                                                before ? raw->name : hash_name);
        cr_expect_str_eq(row->name, name);
        cr_expect_eq(row->key_type, raw->key_type, "%s", row->name);
        cr_expect_eq(row->shape, raw->shape, "%s", row->name);
        cr_expect_eq(row->digest_info, row->raw == CKM_RSA_PKCS, "%s", row->name);
        hashed++;
    }
    /* SHA-1, SHA-2 and SHA-3 for RSA PKCS #1, PSS, ECDSA and DSA. */
    cr_assert_eq(hashed, 4 * 9);
}

/* One of each, against the standard and not the header: a wrong number is a silent disaster. */
Test(mechanism, numbers_are_those_of_the_standard)
{
    static const struct {
        const char *name;
        CK_MECHANISM_TYPE type;
    } rows[] = {
        {"rsa-pkcs-key-pair-gen", 0x0},
        {"rsa-pkcs", 0x1},
        {"rsa-x-509", 0x3},
        {"sha1-rsa-pkcs", 0x6},
        {"rsa-pkcs-oaep", 0x9},
        {"rsa-x9-31-key-pair-gen", 0xa},
        {"rsa-pkcs-pss", 0xd},
        {"sha1-rsa-pkcs-pss", 0xe},
        {"ml-kem-key-pair-gen", 0xf},
        {"ml-kem", 0x17},
        {"ml-dsa-key-pair-gen", 0x1c},
        {"ml-dsa", 0x1d},
        {"hash-ml-dsa", 0x1f},
        {"hash-ml-dsa-sha224", 0x23},
        {"hash-ml-dsa-sha512", 0x26},
        {"hash-ml-dsa-shake256", 0x2c},
        {"slh-dsa-key-pair-gen", 0x2d},
        {"slh-dsa", 0x2e},
        {"hash-slh-dsa", 0x34},
        {"hash-slh-dsa-sha224", 0x36},
        {"hash-slh-dsa-shake256", 0x3f},
        {"sha256-rsa-pkcs", 0x40},
        {"sha384-rsa-pkcs", 0x41},
        {"sha512-rsa-pkcs", 0x42},
        {"sha256-rsa-pkcs-pss", 0x43},
        {"sha512-rsa-pkcs-pss", 0x45},
        {"sha224-rsa-pkcs", 0x46},
        {"sha224-rsa-pkcs-pss", 0x47},
        {"sha512-224", 0x48},
        {"sha512-256", 0x4c},
        {"sha3-256-rsa-pkcs", 0x60},
        {"sha3-384-rsa-pkcs", 0x61},
        {"sha3-512-rsa-pkcs", 0x62},
        {"sha3-256-rsa-pkcs-pss", 0x63},
        {"sha3-512-rsa-pkcs-pss", 0x65},
        {"sha3-224-rsa-pkcs", 0x66},
        {"sha3-224-rsa-pkcs-pss", 0x67},
        {"sha-1", 0x220},
        {"sha256", 0x250},
        {"sha224", 0x255},
        {"sha384", 0x260},
        {"sha512", 0x270},
        {"sha3-256", 0x2b0},
        {"sha3-224", 0x2b5},
        {"sha3-384", 0x2c0},
        {"sha3-512", 0x2d0},
        {"ec-key-pair-gen", 0x1040},
        {"ecdsa", 0x1041},
        {"ecdsa-sha1", 0x1042},
        {"ecdsa-sha512", 0x1046},
        {"ecdsa-sha3-224", 0x1047},
        {"ecdsa-sha3-512", 0x104a},
        {"ecdh1-derive", 0x1050},
        {"ecdh1-cofactor-derive", 0x1051},
        {"ec-edwards-key-pair-gen", 0x1055},
        {"ec-montgomery-key-pair-gen", 0x1056},
        {"eddsa", 0x1057},
        {"aes-key-gen", 0x1080},
        {"aes-cbc", 0x1082},
        {"aes-cbc-pad", 0x1085},
        {"aes-ctr", 0x1086},
        {"aes-gcm", 0x1087},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        CK_MECHANISM_TYPE type = ~rows[i].type;
        cr_expect(p11d_mechanism_parse_name(rows[i].name, &type), "%s", rows[i].name);
        cr_expect_eq(type, rows[i].type, "%s", rows[i].name);
    }
}

/* Trap 35. */
Test(mechanism, trap_unknown_numbers_pass__mechanisms)
{
    static const CK_MECHANISM_TYPE types[] = {0x80000001UL, 0xce534351UL, 0x7777,
                                              CK_UNAVAILABLE_INFORMATION - 1};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        char scratch[P11D_NAME_SIZE], byte = 0;
        CK_MECHANISM_TYPE type = 0;
        CK_MECHANISM without = {types[i], NULL, 0}, with = {types[i], &byte, 1};
        P11dBuffer buffer;
        P11dParameters parameters;
        cr_assert_null(p11d_mechanism_find(types[i]));
        cr_assert(p11d_mechanism_parse_name(p11d_mechanism_name(types[i], scratch), &type));
        cr_assert_eq(type, types[i]);
        cr_assert_eq(write_parameters(&buffer, &with), CKR_MECHANISM_PARAM_INVALID);
        p11d_buffer_clear(&buffer);
        cr_assert_eq(write_parameters(&buffer, &without), CKR_OK);
        cr_assert_eq(read_parameters(&buffer, types[i], &parameters), CKR_OK);
        cr_assert_eq(parameters.mechanism.ulParameterLen, 0);
        p11d_buffer_clear(&buffer);
    }
}

Test(mechanism, other_spellings_have_no_number)
{
    static const char *const names[] = {"",          "RSA-PKCS", "rsa_pkcs", "CKM_RSA_PKCS", "sha1",
                                        "rsa-pkcs ", "0X1",      "0x01",     "ecdsa-sha"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        CK_MECHANISM_TYPE type = 42;
        cr_expect_not(p11d_mechanism_parse_name(names[i], &type), "%s", names[i]);
        cr_expect_eq(type, 42);
    }
}

/* An a{sv} as GLib writes it, read as the parameters of a mechanism. */
static CK_RV read_text(CK_MECHANISM_TYPE type, const char *text, P11dParameters *parameters)
{
    static P11dBuffer buffer;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) value = g_variant_parse(G_VARIANT_TYPE("a{sv}"), text, NULL, NULL, &error);
    cr_assert_not_null(value, "%s: %s", text, error ? error->message : "");
    g_autoptr(GDBusMessage) message = g_dbus_message_new_signal("/a", "a.b", "c");
    g_dbus_message_set_body(message, g_variant_new("(@a{sv})", value));
    g_dbus_message_set_serial(message, 1);
    gsize size = 0;
    g_autofree uint8_t *blob =
        g_dbus_message_to_blob(message, &size, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
    P11dMessage parsed;
    p11d_buffer_clear(&buffer);
    p11d_buffer_init(&buffer, 1 << 20);
    cr_assert(p11d_buffer_append(&buffer, blob, size));
    cr_assert_eq(p11d_message_parse(buffer.data, size, 0, &parsed), P11D_OK);
    return p11d_mechanism_read_parameters(&parsed.body, type, parameters);
}

Test(mechanism, reads_what_the_interface_says)
{
    P11dParameters parameters;
    cr_assert_eq(read_text(CKM_RSA_PKCS_PSS,
                           "{'hash': <'sha256'>, 'mgf': <'sha384'>, 'salt-length': <uint64 20>}",
                           &parameters),
                 CKR_OK);
    const CK_RSA_PKCS_PSS_PARAMS *pss = parameters.mechanism.pParameter;
    cr_assert_eq(parameters.mechanism.ulParameterLen, sizeof *pss);
    cr_assert(pss->hashAlg == CKM_SHA256 && pss->mgf == CKG_MGF1_SHA384 && pss->sLen == 20);

    cr_assert_eq(read_text(CKM_ECDH1_DERIVE,
                           "{'kdf': <'sha256'>, 'shared-data': <b'shared'>, "
                           "'public-data': <@ay [4, 1, 2]>}",
                           &parameters),
                 CKR_OK);
    const CK_ECDH1_DERIVE_PARAMS *ecdh = parameters.mechanism.pParameter;
    cr_assert(ecdh->kdf == CKD_SHA256_KDF && ecdh->ulSharedDataLen == 7);
    cr_assert(ecdh->ulPublicDataLen == 3 && ecdh->pPublicData[2] == 2);

    cr_assert_eq(read_text(CKM_EDDSA, "{'context-data': <@ay [1]>}", &parameters), CKR_OK);
    const CK_EDDSA_PARAMS *eddsa = parameters.mechanism.pParameter;
    cr_assert(eddsa->phFlag == CK_FALSE && eddsa->ulContextDataLen == 1);
    cr_assert_eq(read_text(CKM_EDDSA, "{'phflag': <true>}", &parameters), CKR_OK);
    eddsa = parameters.mechanism.pParameter;
    cr_assert(eddsa->phFlag == CK_TRUE && eddsa->ulContextDataLen == 0 && !eddsa->pContextData);
    cr_assert_eq(read_text(CKM_EDDSA, "@a{sv} {}", &parameters), CKR_OK);
    cr_assert_null(parameters.mechanism.pParameter);

    cr_assert_eq(read_text(CKM_RSA_PKCS_OAEP, "{'hash': <'sha-1'>, 'mgf': <'sha-1'>}", &parameters),
                 CKR_OK);
    const CK_RSA_PKCS_OAEP_PARAMS *oaep = parameters.mechanism.pParameter;
    cr_assert(oaep->hashAlg == CKM_SHA_1 && oaep->source == CKZ_DATA_SPECIFIED);
    cr_assert(!oaep->pSourceData && oaep->ulSourceDataLen == 0);
}

Test(mechanism, reads_prehashed_of_hashed_mechanisms_only)
{
    P11dParameters parameters;
    cr_assert_eq(read_text(CKM_SHA256_RSA_PKCS, "{'prehashed': <true>}", &parameters), CKR_OK);
    cr_assert(parameters.prehashed);
    cr_assert_null(parameters.mechanism.pParameter);
    cr_assert_eq(read_text(CKM_ECDSA_SHA256, "{'prehashed': <false>}", &parameters), CKR_OK);
    cr_assert_not(parameters.prehashed);
    cr_assert_eq(read_text(CKM_SHA256_RSA_PKCS_PSS,
                           "{'hash': <'sha256'>, 'prehashed': <true>, 'mgf': <'sha256'>, "
                           "'salt-length': <uint64 32>}",
                           &parameters),
                 CKR_OK);
    cr_assert(parameters.prehashed);
    cr_assert_not_null(parameters.mechanism.pParameter);
    cr_assert_eq(read_text(CKM_ECDSA, "{'prehashed': <true>}", &parameters),
                 CKR_MECHANISM_PARAM_INVALID);
    cr_assert_eq(read_text(CKM_ECDSA, "{'prehashed': <false>}", &parameters), CKR_OK);
    cr_assert_eq(read_text(CKM_ECDSA_SHA256, "{'prehashed': <'yes'>}", &parameters),
                 CKR_MECHANISM_PARAM_INVALID);
}

Test(mechanism, refuses_what_it_does_not_understand)
{
    static const struct {
        CK_MECHANISM_TYPE type;
        const char *text;
    } wrong[] = {
        {CKM_RSA_PKCS_PSS, "@a{sv} {}"},
        {CKM_RSA_PKCS_PSS, "{'hash': <'sha256'>, 'mgf': <'sha256'>}"},
        {CKM_RSA_PKCS_PSS, "{'hash': <'sha256'>, 'salt-length': <uint64 1>}"},
        {CKM_RSA_PKCS_PSS, "{'hash': <'md5'>, 'mgf': <'sha256'>, 'salt-length': <uint64 1>}"},
        {CKM_RSA_PKCS_PSS, "{'hash': <'0x250'>, 'mgf': <'sha256'>, 'salt-length': <uint64 1>}"},
        {CKM_RSA_PKCS_PSS,
         "{'hash': <'sha256'>, 'mgf': <'sha512-256'>, 'salt-length': <uint64 1>}"},
        {CKM_RSA_PKCS_PSS, "{'hash': <'sha256'>, 'mgf': <'null'>, 'salt-length': <uint64 1>}"},
        {CKM_RSA_PKCS_PSS, "{'hash': <'sha256'>, 'mgf': <'sha256'>, 'salt-length': <uint32 1>}"},
        {CKM_RSA_PKCS_PSS, "{'hash': <b'sha256'>, 'mgf': <'sha256'>, 'salt-length': <uint64 1>}"},
        {CKM_ECDH1_DERIVE, "{'kdf': <'null'>}"},
        {CKM_ECDH1_DERIVE, "{'kdf': <''>, 'public-data': <b'x'>}"},
        {CKM_ECDH1_DERIVE, "{'kdf': <'null'>, 'public-data': <'x'>}"},
        {CKM_EDDSA, "{'phflag': <uint32 1>}"},
        {CKM_EDDSA, "{'context-data': <'text'>}"},
        {CKM_AES_CBC, "{'iv': <b'fifteen bytes.'>}"},
        {CKM_AES_CBC, "{'iv': <b'sixteen bytes and more'>}"},
        {CKM_AES_CBC, "@a{sv} {}"},
        {CKM_AES_CTR, "{'counter-bits': <uint64 128>}"},
        {CKM_ML_DSA, "{'hedge': <'0x3'>}"},
        {CKM_ML_DSA, "{'hedge': <'preferred'>}"},
        {CKM_HASH_ML_DSA, "{'hedge': <'hedge-preferred'>}"},
        {0x80000001UL, "{'raw': <b'parameter'>}"},
        {0x80000001UL, "{'prehashed': <false>}"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        P11dParameters parameters = {.prehashed = true};
        cr_expect_eq(read_text(wrong[i].type, wrong[i].text, &parameters),
                     CKR_MECHANISM_PARAM_INVALID, "%s", wrong[i].text);
        cr_expect_null(parameters.mechanism.pParameter, "%s", wrong[i].text);
        cr_expect_not(parameters.prehashed, "%s", wrong[i].text);
    }
}

Test(mechanism, keys_of_the_future_are_ignored)
{
    P11dParameters parameters;
    cr_assert_eq(read_text(CKM_AES_CTR,
                           "{'shoe-size': <[1, 2]>, 'iv': <b'123456789012345'>, 'x': <@v <1>>, "
                           "'counter-bits': <uint64 32>}",
                           &parameters),
                 CKR_OK);
    const CK_AES_CTR_PARAMS *ctr = parameters.mechanism.pParameter;
    cr_assert(ctr->ulCounterBits == 32 && ctr->cb[0] == '1' && ctr->cb[15] == 0);
}

Test(mechanism, truncated_bytes_are_refused)
{
    uint8_t point[65] = {4};
    CK_ECDH1_DERIVE_PARAMS ecdh = {CKD_NULL, 3, point, sizeof point, point};
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh};
    P11dBuffer buffer;
    cr_assert_eq(write_parameters(&buffer, &mechanism), CKR_OK);
    for (size_t size = 0; size < buffer.size; size++) {
        P11dReader reader;
        P11dParameters parameters;
        g_autofree uint8_t *exact = g_memdup2(buffer.data, size); /* so that ASan sees its end */
        p11d_reader_init(&reader, exact, size, false);
        cr_expect_eq(p11d_mechanism_read_parameters(&reader, CKM_ECDH1_DERIVE, &parameters),
                     CKR_ARGUMENTS_BAD, "%zu", size);
    }
    p11d_buffer_clear(&buffer);
}

/* A key twice is refused, whether it is the same or not. */
Test(mechanism, a_key_twice_is_refused)
{
    static const char *const keys[] = {"iv", "prehashed"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        P11dBuffer buffer;
        P11dWriter writer;
        P11dParameters parameters;
        p11d_buffer_init(&buffer, 1 << 16);
        p11d_writer_init(&writer, &buffer);
        P11dArray array = p11d_writer_array_begin(&writer, 8);
        for (size_t k = 0; k < 2; k++) {
            p11d_writer_entry(&writer, keys[i], i == 0 ? "ay" : "b");
            if (i == 0)
                p11d_writer_bytes(&writer, "0123456789abcdef", 16);
            else
                p11d_writer_boolean(&writer, false);
        }
        p11d_writer_array_end(&writer, array);
        cr_expect_eq(read_parameters(&buffer, i == 0 ? CKM_AES_CBC : CKM_ECDSA_SHA256, &parameters),
                     CKR_MECHANISM_PARAM_INVALID);
        p11d_buffer_clear(&buffer);
    }
}
