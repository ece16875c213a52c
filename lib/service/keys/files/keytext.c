// SPDX-License-Identifier: MIT
#include "keytext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attribute.h"
#include "syntax.h"

/* Texts that are longer, or could be taken for the beginning of a block, are written in hex:
 * libcrypto reads lines in pieces of 254 bytes. */
#define TEXT_MAX 120
/* The largest value, in bytes, and the longest line. */
#define VALUE_MAX ((size_t)8 << 10)
#define LINE_MAX_SIZE (2 * VALUE_MAX + 128)

static const CK_OBJECT_CLASS classes[P11D_KEYTEXT_CLASSES] = {
    [P11D_KEYTEXT_PRIVATE] = CKO_PRIVATE_KEY,
    [P11D_KEYTEXT_PUBLIC] = CKO_PUBLIC_KEY,
    [P11D_KEYTEXT_CERTIFICATE] = CKO_CERTIFICATE,
    [P11D_KEYTEXT_SECRET] = CKO_SECRET_KEY,
    [P11D_KEYTEXT_DATA] = CKO_DATA,
};

int p11d_keytext_place(CK_OBJECT_CLASS class)
{
    int place = 0;
    while (place < P11D_KEYTEXT_CLASSES && classes[place] != class)
        place++;
    return place;
}

void p11d_keytext_clear(P11dKeyText *self)
{
    for (int i = 0; i < P11D_KEYTEXT_CLASSES; i++)
        p11d_template_clear(&self->kept[i]);
}

static bool is_plain(const uint8_t *bytes, size_t size)
{
    bool plain = size > 0 && size <= TEXT_MAX && bytes[0] != ' ' && bytes[size - 1] != ' ' &&
                 memcmp(bytes, "0x", size < 2 ? size : 2) != 0 &&
                 p11d_syntax_is_text((const char *)bytes, size);
    for (size_t i = 0; plain && i < size; i++)
        plain = bytes[i] >= 0x20 && bytes[i] != 0x7f &&
                (i == 0 || bytes[i] != '-' || bytes[i - 1] != '-');
    return plain;
}

static CK_RV append(P11dBuffer *text, const void *bytes, size_t size)
{
    return p11d_buffer_append(text, bytes, size) ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV append_text(P11dBuffer *text, const char *string)
{
    return append(text, string, strlen(string));
}

static CK_RV append_hex(P11dBuffer *text, const uint8_t *bytes, size_t size)
{
    CK_RV rv = append_text(text, "0x");
    for (size_t i = 0; i < size && rv == CKR_OK; i++) {
        char digits[3];
        snprintf(digits, sizeof digits, "%02x", bytes[i]);
        rv = append(text, digits, 2);
    }
    return rv;
}

static CK_RV append_value(P11dBuffer *text, const P11dAttribute *row, const CK_ATTRIBUTE *item)
{
    char number[32], scratch[P11D_NAME_SIZE];
    if (row->kind == &p11d_attribute_boolean)
        return append_text(text, *(const CK_BBOOL *)item->pValue ? "true" : "false");
    if (row->kind == &p11d_attribute_mechanism) {
        CK_MECHANISM_TYPE type;
        memcpy(&type, item->pValue, sizeof type);
        return append_text(text, p11d_name_of_number(type, scratch));
    }
    if (row->kind == &p11d_attribute_number) {
        CK_ULONG value;
        memcpy(&value, item->pValue, sizeof value);
        snprintf(number, sizeof number, "%lu", value);
        return append_text(text, number);
    }
    if (row->kind == &p11d_attribute_text && is_plain(item->pValue, item->ulValueLen))
        return append(text, item->pValue, item->ulValueLen);
    return append_hex(text, item->pValue, item->ulValueLen);
}

/* Sizes that values of a kind have in memory; 0: any. */
static size_t fixed_size(const P11dAttributeKind *kind)
{
    if (kind == &p11d_attribute_boolean)
        return sizeof(CK_BBOOL);
    return kind == &p11d_attribute_number || kind == &p11d_attribute_mechanism ? sizeof(CK_ULONG)
                                                                               : 0;
}

static bool is_kind_kept(const P11dAttributeKind *kind)
{
    return fixed_size(kind) > 0 || kind == &p11d_attribute_text || kind == &p11d_attribute_bytes ||
           kind == &p11d_attribute_date;
}

CK_RV p11d_keytext_write(const P11dTemplate *templ, int place, const char *name, P11dBuffer *text)
{
    const char *class = p11d_name_find(&p11d_names_class, classes[place]);
    CK_RV rv = CKR_OK;
    for (CK_ULONG i = 0; i < templ->count && rv == CKR_OK; i++) {
        const CK_ATTRIBUTE *item = &templ->items[i];
        const P11dAttribute *row = p11d_attribute_find(item->type);
        if (!row || !is_kind_kept(row->kind))
            continue;
        if (item->ulValueLen > VALUE_MAX)
            return CKR_ATTRIBUTE_VALUE_INVALID;
        if (name && item->type == CKA_LABEL && item->ulValueLen == strlen(name) &&
            memcmp(item->pValue, name, item->ulValueLen) == 0)
            continue;
        if (fixed_size(row->kind) > 0 && fixed_size(row->kind) != item->ulValueLen)
            continue;
        rv = append_text(text, class) ?: append_text(text, " ");
        rv = rv ?: append_text(text, row->name) ?: append_text(text, ": ");
        rv = rv ?: append_value(text, row, item) ?: append_text(text, "\n");
    }
    return rv;
}

static int hex_digit(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = digit ? strchr(digits, digit) : NULL;
    return found ? (int)(found - digits) : -1;
}

static bool read_hex(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, const char *text)
{
    uint8_t bytes[VALUE_MAX];
    size_t size = 0;
    for (; text[0] && size < sizeof bytes; text += 2) {
        int high = hex_digit(text[0]), low = hex_digit(text[1]);
        if (high < 0 || low < 0)
            return false;
        bytes[size++] = (uint8_t)(high << 4 | low);
    }
    return !*text && p11d_template_set(templ, type, bytes, size) == CKR_OK;
}

static bool read_value(P11dTemplate *templ, const P11dAttribute *row, const char *text)
{
    bool yes = strcmp(text, "true") == 0;
    CK_ULONG number;
    char *end;
    if (row->kind == &p11d_attribute_boolean)
        return (yes || strcmp(text, "false") == 0) &&
               p11d_template_set_boolean(templ, row->type, yes) == CKR_OK;
    if (row->kind == &p11d_attribute_mechanism)
        return p11d_name_parse_number(text, &number) &&
               p11d_template_set_number(templ, row->type, number) == CKR_OK;
    if (row->kind == &p11d_attribute_number) {
        number = strtoul(text, &end, 10);
        return *text >= '0' && *text <= '9' && !*end &&
               p11d_template_set_number(templ, row->type, number) == CKR_OK;
    }
    if (!is_kind_kept(row->kind))
        return false;
    if (strncmp(text, "0x", 2) == 0)
        return read_hex(templ, row->type, text + 2);
    return row->kind == &p11d_attribute_text && p11d_syntax_is_text(text, strlen(text)) &&
           p11d_template_set_text(templ, row->type, text) == CKR_OK;
}

typedef struct Line {
    const char *start;
    size_t size; /* with its end */
} Line;

static bool next_line(const P11dBuffer *text, size_t *at, Line *line)
{
    if (*at >= text->size)
        return false;
    line->start = (const char *)text->data + *at;
    const char *end = memchr(line->start, '\n', text->size - *at);
    line->size = end ? (size_t)(end - line->start) + 1 : text->size - *at;
    *at += line->size;
    return true;
}

static bool begins(const Line *line, const char *prefix)
{
    return line->size >= strlen(prefix) && memcmp(line->start, prefix, strlen(prefix)) == 0;
}

/* The place that a line of ours is about, and the name behind it; P11D_KEYTEXT_CLASSES: it is none.
 */
static int place_of(const Line *line, size_t *name)
{
    int place = 0;
    for (; place < P11D_KEYTEXT_CLASSES; place++) {
        const char *class = p11d_name_find(&p11d_names_class, classes[place]);
        *name = strlen(class) + 1;
        if (begins(line, class) && line->size > *name && line->start[*name - 1] == ' ')
            break;
    }
    return place;
}

/* Whether the value is one of its kind: the hex of a date need be none. */
static bool is_value(const CK_ATTRIBUTE *item)
{
    P11dBuffer buffer;
    P11dWriter writer;
    p11d_buffer_init(&buffer, 2 * VALUE_MAX);
    p11d_writer_init(&writer, &buffer);
    bool is = p11d_attribute_write(&writer, item) == CKR_OK && p11d_writer_ok(&writer);
    p11d_buffer_clear(&buffer);
    return is;
}

/* Who wrote "sign: no" wanted less than what goes without saying: never more is allowed than either
 * value would. */
static void set_strictest(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type)
{
    const bool protects =
        type == CKA_SENSITIVE || type == CKA_PRIVATE || type == CKA_WRAP_WITH_TRUSTED;
    p11d_template_set_boolean(templ, type, protects);
}

static bool take_value(P11dTemplate *templ, const P11dAttribute *row, const char *text)
{
    bool ok = read_value(templ, row, text) && is_value(p11d_template_find(templ, row->type));
    if (!ok)
        p11d_template_unset(templ, row->type);
    if (!ok && row->kind == &p11d_attribute_boolean)
        set_strictest(templ, row->type);
    return ok;
}

static bool read_line(P11dKeyText *self, const Line *line)
{
    char copy[LINE_MAX_SIZE];
    CK_ATTRIBUTE_TYPE type;
    size_t name;
    int place = place_of(line, &name);
    if (place == P11D_KEYTEXT_CLASSES)
        return true; /* somebody's note */
    if (line->size - name >= sizeof copy)
        return false;
    memcpy(copy, line->start + name, line->size - name);
    copy[line->size - name] = '\0';
    copy[strcspn(copy, "\r\n")] = '\0';
    char *value = strstr(copy, ": ");
    if (!value)
        return false;
    *value = '\0';
    const P11dAttribute *row =
        p11d_attribute_parse_name(copy, &type) ? p11d_attribute_find(type) : NULL;
    return row && take_value(&self->kept[place], row, value + 2);
}

size_t p11d_keytext_read(P11dKeyText *self, const void *bytes, size_t size)
{
    const P11dBuffer text = {.data = (uint8_t *)(uintptr_t)bytes, .size = size};
    bool inside = false;
    size_t at = 0, number = 0, left_out = 0;
    Line line;
    while (next_line(&text, &at, &line)) {
        number++;
        if (begins(&line, "-----BEGIN "))
            inside = true;
        else if (begins(&line, "-----END "))
            inside = false;
        else if (!inside && !read_line(self, &line) && left_out == 0)
            left_out = number;
    }
    return left_out;
}

/* Copies a block, or leaves it out. */
static CK_RV copy_block(const P11dKeyTextEdit *edit, const char *start, size_t size,
                        P11dBuffer *text, size_t *blocks)
{
    P11dPem pem = {0};
    BIO *bio = BIO_new_mem_buf(start, (int)size);
    bool read = bio && p11d_pem_read(bio, &pem) == P11D_PEM_BLOCK;
    const size_t before = text->size;
    bool gone = false;
    CK_RV rv = bio ? CKR_OK : CKR_HOST_MEMORY;
    if (read && edit->change)
        rv = edit->change(&pem, edit->data, text, &gone);
    if (rv == CKR_OK && !gone)
        rv = append(text, start, size);
    if (read && text->size > before && p11d_pem_kind(&pem) != P11D_PEM_OTHER)
        ++*blocks;
    p11d_pem_clear(&pem);
    BIO_free(bio);
    return rv;
}

static CK_RV write_fresh(const P11dKeyTextEdit *edit, P11dBuffer *text)
{
    CK_RV rv = CKR_OK;
    for (int place = 0; place < P11D_KEYTEXT_CLASSES && rv == CKR_OK; place++) {
        if (edit->fresh && edit->classes & 1U << place)
            rv = p11d_keytext_write(&edit->fresh->kept[place], place, edit->name, text);
    }
    return rv;
}

CK_RV p11d_keytext_edit(const P11dKeyTextEdit *edit, const P11dBuffer *old, P11dBuffer *text,
                        size_t *blocks)
{
    CK_RV rv = write_fresh(edit, text);
    const char *block = NULL; /* where the one that we are in began */
    size_t at = 0, name;
    Line line;
    *blocks = 0;
    while (rv == CKR_OK && next_line(old, &at, &line)) {
        const char *end = line.start + line.size;
        if (!block && begins(&line, "-----BEGIN ")) {
            block = line.start;
        } else if (block && begins(&line, "-----END ")) {
            rv = copy_block(edit, block, (size_t)(end - block), text, blocks);
            block = NULL;
        } else if (!block && !(edit->classes & 1U << place_of(&line, &name))) {
            rv = append(text, line.start, line.size);
        }
    }
    if (rv == CKR_OK && block) /* one without an end */
        rv = append(text, block, (size_t)((const char *)old->data + old->size - block));
    return rv;
}
