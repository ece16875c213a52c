// SPDX-License-Identifier: MIT
/*
 * Two bytes choose a mechanism, the rest are its parameters. What is read can be written, and
 * reading that gives the same bytes again.
 */
#include <string.h>

#include "fuzz.h"
#include "mechanism.h"

static void write_parameters(P11dBuffer *buffer, const CK_MECHANISM *mechanism)
{
    P11dWriter writer;
    p11d_buffer_init(buffer, 1 << 20);
    p11d_writer_init(&writer, buffer);
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    FUZZ_EXPECT(p11d_mechanism_write_parameters(&writer, mechanism) == CKR_OK);
    p11d_writer_array_end(&writer, array);
    FUZZ_EXPECT(p11d_writer_ok(&writer));
}

static void check_again(const P11dParameters *parameters)
{
    P11dBuffer first, second;
    P11dReader reader;
    P11dParameters again;
    write_parameters(&first, &parameters->mechanism);
    p11d_reader_init(&reader, first.data, first.size, false);
    FUZZ_EXPECT(p11d_reader_validate(&reader, "a{sv}", 0));
    FUZZ_EXPECT(p11d_mechanism_read_parameters(&reader, parameters->mechanism.mechanism, &again) ==
                CKR_OK);
    FUZZ_EXPECT(again.mechanism.ulParameterLen == parameters->mechanism.ulParameterLen);
    write_parameters(&second, &again.mechanism);
    FUZZ_EXPECT(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    p11d_buffer_clear(&first);
    p11d_buffer_clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    P11dReader reader;
    P11dParameters parameters;
    if (size < 2)
        return 0;
    size_t row = (size_t)(data[0] | data[1] << 8) % (p11d_mechanism_count + 1);
    CK_MECHANISM_TYPE type =
        row < p11d_mechanism_count ? p11d_mechanisms[row].type : CKM_VENDOR_DEFINED + 1;
    uint8_t *exact = malloc(size - 2); /* so that its address is a multiple of 8 */
    FUZZ_EXPECT(exact);
    memcpy(exact, data + 2, size - 2);
    p11d_reader_init(&reader, exact, size - 2, false);
    bool valid = p11d_reader_validate(&reader, "a{sv}", 0);
    CK_RV rv = p11d_mechanism_read_parameters(&reader, type, &parameters);
    FUZZ_EXPECT(!valid || rv != CKR_ARGUMENTS_BAD);
    FUZZ_EXPECT(rv == CKR_OK || !parameters.mechanism.pParameter);
    if (rv == CKR_OK)
        check_again(&parameters);
    free(exact);
    return 0;
}
