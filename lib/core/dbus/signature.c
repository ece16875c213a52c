// SPDX-License-Identifier: MIT
#include "signature.h"

#include <string.h>

typedef struct TypeRow {
    uint8_t alignment; /* 0: no such type */
    uint8_t fixed;     /* size in bytes where any content is valid */
    bool basic;        /* may be the key of a dict entry */
} TypeRow;

static const TypeRow types[128] = {
    ['y'] = {1, 1, true}, ['b'] = {4, 0, true}, ['n'] = {2, 2, true}, ['q'] = {2, 2, true},
    ['i'] = {4, 4, true}, ['u'] = {4, 4, true}, ['x'] = {8, 8, true}, ['t'] = {8, 8, true},
    ['d'] = {8, 8, true}, ['h'] = {4, 4, true}, ['s'] = {4, 0, true}, ['o'] = {4, 0, true},
    ['g'] = {1, 0, true}, ['a'] = {4, 0},       ['('] = {8, 0},       ['{'] = {8, 0},
    ['v'] = {1, 0},
};

static const TypeRow *row(char type)
{
    return &types[(unsigned char)type & 0x7f];
}

size_t p11d_signature_alignment(char type)
{
    return row(type)->alignment;
}

size_t p11d_signature_fixed_size(char type)
{
    return row(type)->fixed;
}

static size_t complete_type(P11dSignature *signature, size_t at, unsigned arrays, unsigned structs);

static size_t struct_type(P11dSignature *signature, size_t at, unsigned arrays, unsigned structs)
{
    if (structs >= P11D_SIGNATURE_DEPTH)
        return 0;
    do
        at = complete_type(signature, at, arrays, structs + 1);
    while (at != 0 && signature->text[at] != ')');
    return at == 0 ? 0 : at + 1;
}

static size_t entry_type(P11dSignature *signature, size_t at, unsigned arrays, unsigned structs)
{
    if (!row(signature->text[at])->basic)
        return 0;
    at = complete_type(signature, at, arrays, structs);
    if (at != 0)
        at = complete_type(signature, at, arrays, structs);
    return at == 0 || signature->text[at] != '}' ? 0 : at + 1;
}

/* Passes over the complete type at at, notes where it and the types in it end. Returns that place,
 * 0 if there is none; the NUL at the end of the text is no type, so it is never passed. */
static size_t complete_type(P11dSignature *signature, size_t at, unsigned arrays, unsigned structs)
{
    char type = signature->text[at];
    size_t end = at + 1;
    if (type == 'a') {
        if (arrays >= P11D_SIGNATURE_DEPTH)
            return 0;
        if (signature->text[end] == '{') {
            size_t entry = end;
            end = entry_type(signature, end + 1, arrays + 1, structs);
            signature->end[entry] = (uint8_t)end;
        } else {
            end = complete_type(signature, end, arrays + 1, structs);
        }
    } else if (type == '(') {
        end = struct_type(signature, end, arrays, structs);
    } else if (type == '{' || (type & 0x80) != 0 || row(type)->alignment == 0) {
        return 0;
    }
    signature->end[at] = (uint8_t)end;
    return end;
}

bool p11d_signature_parse(P11dSignature *signature, const char *text)
{
    signature->text = text;
    /* What most variants hold. */
    if ((text[0] & 0x80) == 0 && row(text[0])->basic && text[1] == '\0') {
        signature->size = 1;
        signature->end[0] = 1;
        return true;
    }
    signature->size = strnlen(text, P11D_SIGNATURE_MAX + 1);
    if (signature->size > P11D_SIGNATURE_MAX)
        return false;
    for (size_t at = 0; at < signature->size;) {
        at = complete_type(signature, at, 0, 0);
        if (at == 0)
            return false;
    }
    return true;
}

bool p11d_signature_is_single(const P11dSignature *signature)
{
    return signature->size > 0 && signature->end[0] == signature->size;
}
