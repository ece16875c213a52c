// SPDX-License-Identifier: MIT
#include "pemtext.h"

#include <string.h>

#include "text.h"

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

/* A line without what ends it, and without blanks before that. */
typedef struct Line {
    const char *p;
    gsize size;
} Line;

P11dPemtext p11d_pemtext(const void *bytes, gsize size)
{
    P11dPemtext text = {.p = bytes, .left = size};
    p11d_text_skip_mark(&text.p, &text.left);
    return text;
}

static bool next_line(P11dPemtext *text, Line *line)
{
    if (text->left == 0)
        return false;
    const char *lf = memchr(text->p, '\n', text->left);
    gsize taken = lf ? (gsize)(lf - text->p) + 1 : text->left;
    *line = (Line){text->p, taken};
    while (line->size > 0 && p11d_text_is_blank(line->p + line->size - 1, 1))
        line->size--;
    text->p += taken;
    text->left -= taken;
    text->line++;
    return true;
}

/* Whether line is first, a label, and dashes; the label then. */
static bool is_fence(Line line, const char *first, Line *label)
{
    gsize size = strlen(first);
    gsize dashes = strlen(DASHES);
    if (line.size < size + dashes || memcmp(line.p, first, size) != 0 ||
        memcmp(line.p + line.size - dashes, DASHES, dashes) != 0)
        return false;
    *label = (Line){line.p + size, line.size - size - dashes};
    return true;
}

/* Takes all up to the end of the block with that label. Another one that begins is left. */
static void take_body(P11dPemtext *text, Line label, P11dPempiece *piece)
{
    Line line;
    Line other;
    P11dPemtext before = *text;
    piece->text = text->p;
    piece->broken = true;
    while (piece->broken && next_line(text, &line)) {
        if (is_fence(line, BEGIN, &other)) {
            *text = before;
            break;
        }
        if (is_fence(line, END, &other)) {
            piece->broken = other.size != label.size || memcmp(other.p, label.p, label.size) != 0;
            break;
        }
        before = *text;
    }
    piece->size = (gsize)(before.p - piece->text);
}

bool p11d_pemtext_next(P11dPemtext *text, P11dPempiece *piece)
{
    Line line;
    Line label;
    if (!next_line(text, &line))
        return false;
    *piece = (P11dPempiece){.text = line.p, .size = line.size, .line = text->line};
    if (is_fence(line, BEGIN, &label)) {
        memcpy(piece->label, label.p, MIN(label.size, sizeof piece->label - 1));
        take_body(text, label, piece);
    }
    return true;
}

GBytes *p11d_pemtext_decode(const P11dPempiece *block)
{
    return block->broken ? NULL : p11d_text_parse_base64(block->text, block->size);
}
