// SPDX-License-Identifier: MIT
#include "kept-mechanism.h"

#include <criterion/criterion.h>
#include <string.h>

static P11dBuffer buffer;

/* Writes kept as two arguments and reads them again. */
static void send(const P11dKeptMechanism *kept, const char **name, P11dParameters *parameters)
{
    P11dWriter writer;
    P11dReader reader;
    CK_MECHANISM_TYPE type;
    p11d_buffer_init(&buffer, 1 << 16);
    p11d_writer_init(&writer, &buffer);
    p11d_kept_mechanism_write_name(kept, &writer);
    p11d_kept_mechanism_write_parameters(kept, &writer);
    cr_assert(p11d_writer_ok(&writer));

    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    cr_assert(p11d_reader_validate(&reader, "sa{sv}", 0));
    cr_assert(p11d_reader_string(&reader, name, NULL));
    cr_assert(p11d_mechanism_parse_name(*name, &type));
    cr_assert_eq(p11d_mechanism_read_parameters(&reader, type, parameters), CKR_OK);
}

Test(kept_mechanism, trap_parameters_are_read_in_their_call)
{
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss};
    P11dKeptMechanism kept;
    cr_assert_eq(p11d_kept_mechanism_make(&kept, &mechanism, true), CKR_OK);
    memset(&pss, 0xff, sizeof pss);
    memset(&mechanism, 0xff, sizeof mechanism);

    const char *name;
    P11dParameters parameters;
    send(&kept, &name, &parameters);
    cr_assert_str_eq(name, "sha256-rsa-pkcs-pss");
    cr_assert(parameters.prehashed);
    const CK_RSA_PKCS_PSS_PARAMS *read = parameters.mechanism.pParameter;
    cr_assert_eq(read->hashAlg, CKM_SHA256);
    cr_assert_eq(read->sLen, 32);
    p11d_kept_mechanism_clear(&kept);
    p11d_kept_mechanism_clear(&kept);
    p11d_buffer_clear(&buffer);
}

Test(kept_mechanism, trap_unknown_numbers_pass)
{
    const CK_MECHANISM mechanism = {CKM_VENDOR_DEFINED | 7, NULL, 0};
    P11dKeptMechanism kept;
    const char *name;
    P11dParameters parameters;
    cr_assert_eq(p11d_kept_mechanism_make(&kept, &mechanism, false), CKR_OK);
    send(&kept, &name, &parameters);
    cr_assert_str_eq(name, "0x80000007");
    p11d_kept_mechanism_clear(&kept);
    p11d_buffer_clear(&buffer);
}

/* Nobody knows what pointers are in parameters of a shape that is not known. */
Test(kept_mechanism, trap_parameter_pointers_are_followed__or_refused)
{
    static const CK_MECHANISM_TYPE types[] = {CKM_AES_CBC, CKM_VENDOR_DEFINED | 7, CKM_ECDSA};
    CK_BYTE iv[15] = {0};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const CK_MECHANISM mechanism = {types[i], iv, sizeof iv};
        P11dKeptMechanism kept;
        cr_assert_eq(p11d_kept_mechanism_make(&kept, &mechanism, false),
                     CKR_MECHANISM_PARAM_INVALID);
        p11d_kept_mechanism_clear(&kept);
    }
}
