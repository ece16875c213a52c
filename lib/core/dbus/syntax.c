// SPDX-License-Identifier: MIT
#include "syntax.h"

#include <stdint.h>
#include <string.h>

#define NAME_MAX_SIZE 255

/* UTF-8 */

/* True if none of eight bytes is NUL or outside of ASCII. */
static bool is_ascii_word(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return (((word - 0x0101010101010101U) | word) & 0x8080808080808080U) == 0;
}

static bool is_tail(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The size of the character of two to four bytes at the front of left bytes, 0 if it is none. The
 * ranges of the second byte are those of RFC 3629, section 4. */
static size_t long_character(const uint8_t *c, size_t left)
{
    if (c[0] >= 0xc2 && c[0] <= 0xdf)
        return left >= 2 && is_tail(c[1]) ? 2 : 0;
    if (c[0] >= 0xe0 && c[0] <= 0xef) {
        uint8_t low = c[0] == 0xe0 ? 0xa0 : 0x80;
        uint8_t high = c[0] == 0xed ? 0x9f : 0xbf;
        return left >= 3 && c[1] >= low && c[1] <= high && is_tail(c[2]) ? 3 : 0;
    }
    if (c[0] >= 0xf0 && c[0] <= 0xf4) {
        uint8_t low = c[0] == 0xf0 ? 0x90 : 0x80;
        uint8_t high = c[0] == 0xf4 ? 0x8f : 0xbf;
        return left >= 4 && c[1] >= low && c[1] <= high && is_tail(c[2]) && is_tail(c[3]) ? 4 : 0;
    }
    return 0;
}

bool p11d_syntax_is_text(const void *bytes, size_t size)
{
    const uint8_t *text = bytes;
    size_t at = 0;
    while (at < size) {
        if (size - at >= 8 && is_ascii_word(text + at)) {
            at += 8;
        } else if (text[at] > 0 && text[at] < 0x80) {
            at++;
        } else {
            size_t step = long_character(text + at, size - at);
            if (step == 0)
                return false;
            at += step;
        }
    }
    return true;
}

enum {
    LETTER = 1, /* A-Z, a-z and '_' */
    DIGIT = 2,
    HYPHEN = 4,
};

static unsigned character_class(char c)
{
    char lower = (char)(c | 0x20);
    if ((lower >= 'a' && lower <= 'z') || c == '_')
        return LETTER;
    if (c >= '0' && c <= '9')
        return DIGIT;
    return c == '-' ? HYPHEN : 0;
}

/* Passes over one element of a name: a character of the classes first, then any number of the
 * classes rest. Returns what follows, or NULL if no element is there. */
static const char *element(const char *text, unsigned first, unsigned rest)
{
    if ((character_class(*text) & first) == 0)
        return NULL;
    do
        text++;
    while ((character_class(*text) & rest) != 0);
    return text;
}

/* True if text is two or more elements with dots between. */
static bool is_dotted(const char *text, unsigned first, unsigned rest)
{
    const char *at = element(text, first, rest);
    if (!at || *at != '.')
        return false;
    while (at && *at == '.')
        at = element(at + 1, first, rest);
    return at && *at == '\0' && at - text <= NAME_MAX_SIZE;
}

bool p11d_syntax_is_object_path(const char *text)
{
    if (strcmp(text, "/") == 0)
        return true;
    if (text[0] != '/')
        return false;
    while (text && *text == '/')
        text = element(text + 1, LETTER | DIGIT, LETTER | DIGIT);
    return text && *text == '\0';
}

bool p11d_syntax_is_interface(const char *text)
{
    return is_dotted(text, LETTER, LETTER | DIGIT);
}

bool p11d_syntax_is_member(const char *text)
{
    const char *end = element(text, LETTER, LETTER | DIGIT);
    return end && *end == '\0' && end - text <= NAME_MAX_SIZE;
}

bool p11d_syntax_is_bus_name(const char *text)
{
    if (text[0] == ':')
        return is_dotted(text + 1, LETTER | DIGIT | HYPHEN, LETTER | DIGIT | HYPHEN) &&
               strlen(text) <= NAME_MAX_SIZE;
    return is_dotted(text, LETTER | HYPHEN, LETTER | DIGIT | HYPHEN);
}
