// SPDX-License-Identifier: MIT
/*
 * Any bytes as the attributes of an object. What is read can be written, and reading that gives
 * the same again; what is refused leaves nothing behind.
 */
#include <string.h>

#include "attribute.h"
#include "fuzz.h"

static bool same(const CK_ATTRIBUTE *a, const CK_ATTRIBUTE *b)
{
    const P11dAttribute *row = p11d_attribute_find(a->type);
    if (a->type != b->type || a->ulValueLen != b->ulValueLen)
        return false;
    if (!row || row->kind != &p11d_attribute_template)
        return a->ulValueLen == 0 || memcmp(a->pValue, b->pValue, a->ulValueLen) == 0;
    const CK_ATTRIBUTE *inner_a = a->pValue, *inner_b = b->pValue;
    for (CK_ULONG i = 0; i < a->ulValueLen / sizeof *a; i++) {
        if (!same(&inner_a[i], &inner_b[i]))
            return false;
    }
    return true;
}

static void check_again(const P11dTemplate *templ)
{
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader;
    P11dTemplate again;
    p11d_template_init(&again);
    p11d_buffer_init(&buffer, 1 << 26);
    p11d_writer_init(&writer, &buffer);
    FUZZ_EXPECT(p11d_attribute_write_all(&writer, templ->items, templ->count) == CKR_OK);
    FUZZ_EXPECT(p11d_writer_ok(&writer));
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    FUZZ_EXPECT(p11d_reader_validate(&reader, "a{sv}", 0));
    FUZZ_EXPECT(p11d_attribute_read_all(&reader, &again) == CKR_OK);
    FUZZ_EXPECT(again.count == templ->count);
    for (CK_ULONG i = 0; i < again.count; i++)
        FUZZ_EXPECT(same(&again.items[i], &templ->items[i]));
    p11d_template_clear(&again);
    p11d_buffer_clear(&buffer);
}

static void ignore(CK_ATTRIBUTE_TYPE type, void *data)
{
    (void)type, (void)data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    P11dReader reader;
    P11dTemplate templ;
    p11d_template_init(&templ);
    p11d_reader_init(&reader, data, size, false);
    bool valid = p11d_reader_validate(&reader, "a{sv}", 0);
    p11d_attribute_read_absent(&reader, ignore, NULL);
    CK_RV rv = p11d_attribute_read_all(&reader, &templ);
    FUZZ_EXPECT(rv == CKR_OK || templ.count == 0);
    FUZZ_EXPECT(!valid || rv != CKR_ARGUMENTS_BAD);
    if (rv == CKR_OK)
        check_again(&templ);
    p11d_template_clear(&templ);
    return 0;
}
