// SPDX-License-Identifier: MIT
/*
 * A byte chooses a method, the rest are its arguments. What is read can be written, and reading
 * that and writing it again gives the same bytes.
 */
#include <string.h>

#include "arguments.h"
#include "fuzz.h"

/* Writes what was read. */
static void write_again(P11dArguments *arguments, const P11dArgumentList *list, P11dBuffer *buffer)
{
    P11dWriter writer;
    P11dKeptMechanism kept = {0};
    const P11dParameters *parameters = &arguments->mechanism.parameters;
    if (arguments->mechanism.name)
        FUZZ_EXPECT(p11d_kept_mechanism_make(&kept, &parameters->mechanism,
                                             parameters->prehashed) == CKR_OK);
    arguments->mechanism.kept = &kept;
    p11d_buffer_init(buffer, 1 << 20);
    p11d_writer_init(&writer, buffer);
    FUZZ_EXPECT(p11d_arguments_write(arguments, list, &writer) == CKR_OK);
    FUZZ_EXPECT(p11d_writer_ok(&writer));
    p11d_kept_mechanism_clear(&kept);
}

static void check_again(P11dArguments *arguments, const P11dMethod *method)
{
    P11dBuffer first, second;
    P11dReader reader;
    P11dArguments again;
    write_again(arguments, &method->arguments, &first);
    p11d_reader_init(&reader, first.data, first.size, false);
    FUZZ_EXPECT(p11d_reader_validate(&reader, method->in, 0));
    FUZZ_EXPECT(p11d_arguments_read(&again, &method->arguments, &reader) == CKR_OK);
    write_again(&again, &method->arguments, &second);
    FUZZ_EXPECT(first.size == second.size);
    FUZZ_EXPECT(first.size == 0 || memcmp(first.data, second.data, first.size) == 0);
    p11d_arguments_clear(&again);
    p11d_buffer_clear(&first);
    p11d_buffer_clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    P11dReader reader;
    P11dArguments arguments;
    if (size < 1)
        return 0;
    const P11dMethod *method =
        &p11d_interface_token.methods[data[0] % p11d_interface_token.method_count];
    uint8_t *exact = malloc(size - 1); /* so that its address is a multiple of 8 */
    FUZZ_EXPECT(exact || size == 1);
    if (size > 1)
        memcpy(exact, data + 1, size - 1);
    p11d_reader_init(&reader, exact, size - 1, false);
    const bool valid = p11d_reader_validate(&reader, method->in, 0);
    if (valid && p11d_arguments_read(&arguments, &method->arguments, &reader) == CKR_OK)
        check_again(&arguments, method);
    if (valid)
        p11d_arguments_clear(&arguments);
    free(exact);
    return 0;
}
