// SPDX-License-Identifier: MIT
#include "nearest.h"

#include <stdbool.h>
#include <string.h>

#include "text.h"

/* Longer ones are compared with nothing, in bytes; labels of tokens and options are shorter. */
#define MAX_SIZE 256
/* From so many characters on the start of a name is near to it. */
#define MIN_START 3
#define FAR G_MAXUINT
/* What one letter counts: more than all differences of case. */
#define UNIT (2 * MAX_SIZE)

/* A word as it is compared. */
typedef struct Letters {
    gunichar *text;
    guint length; /* in characters */
} Letters;

static Letters letters_of(const char *text)
{
    glong length;
    gunichar *all = g_utf8_to_ucs4_fast(text, -1, &length);
    return (Letters){all, (guint)length};
}

typedef struct Word {
    Letters typed;
    Letters folded; /* without case, in one Unicode form */
} Word;

/* False if text is too long to be compared. */
static bool word_init(Word *word, const char *text)
{
    if (strlen(text) > MAX_SIZE)
        return false;
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_autofree char *plain = g_utf8_normalize(valid, -1, G_NORMALIZE_ALL_COMPOSE);
    g_autofree char *lower = g_utf8_casefold(plain, -1);
    *word = (Word){letters_of(valid), letters_of(lower)};
    return true;
}

static void word_clear(Word *word)
{
    g_free(word->typed.text);
    g_free(word->folded.text);
}

/* How many letters have to be changed, put in, taken out or swapped with their neighbour to make a
 * of b: the optimal string alignment, row by row. */
static guint distance(const Letters *a, const Letters *b)
{
    guint width = b->length + 1;
    g_autofree guint *cells = g_new(guint, 3 * (gsize)width);
    guint *before = cells, *last = cells + width, *row = cells + 2 * (gsize)width;
    for (guint j = 0; j < width; j++)
        row[j] = j;
    for (guint i = 1; i <= a->length; i++) {
        guint *free_row = before;
        before = last;
        last = row;
        row = free_row;
        row[0] = i;
        for (guint j = 1; j < width; j++) {
            guint change = a->text[i - 1] == b->text[j - 1] ? 0 : 1;
            row[j] = MIN(MIN(last[j], row[j - 1]) + 1, last[j - 1] + change);
            if (i > 1 && j > 1 && a->text[i - 1] == b->text[j - 2] &&
                a->text[i - 2] == b->text[j - 1])
                row[j] = MIN(row[j], before[j - 2] + 1);
        }
    }
    return row[b->length];
}

static bool starts(const Letters *name, const Letters *word)
{
    return word->length >= MIN_START && word->length < name->length &&
           memcmp(name->text, word->text, word->length * sizeof *word->text) == 0;
}

/* How far name is; FAR if they have not much in common. The case counts among those that are near
 * otherwise. */
static guint measure(const Word *word, const char *name)
{
    Word other;
    if (!word_init(&other, name))
        return FAR;
    const Letters *a = &word->folded, *b = &other.folded;
    guint length = MAX(a->length, b->length);
    guint far = FAR;
    if (starts(b, a))
        far = UNIT;
    else if (length - MIN(a->length, b->length) <= length / 3 && distance(a, b) <= length / 3)
        far = distance(a, b) * UNIT + distance(&word->typed, &other.typed);
    word_clear(&other);
    return far;
}

static bool is_known(const GPtrArray *found, const char *name)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)found, name, g_str_equal, NULL);
}

char **p11d_nearest_find(const char *word, const char *const *names)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    guint least = FAR;
    Word typed;
    bool comparable = word_init(&typed, word);
    for (; comparable && *names; names++) {
        guint far = strcmp(word, *names) == 0 ? FAR : measure(&typed, *names);
        if (far < least)
            g_ptr_array_set_size(found, 0);
        least = MIN(least, far);
        if (far != FAR && far == least && found->len < P11D_NEAREST_MAX && !is_known(found, *names))
            g_ptr_array_add(found, g_strdup(*names));
    }
    if (comparable)
        word_clear(&typed);
    g_ptr_array_add(found, NULL);
    return (char **)g_ptr_array_free(found, FALSE);
}

char *p11d_nearest_hint(const char *word, const char *const *names, const char *before,
                        const char *after, const char *otherwise)
{
    GString *hint = g_string_new(NULL);
    g_auto(GStrv) found = p11d_nearest_find(word, names);
    for (char **name = found; *name; name++) {
        const char *joint = name == found ? "did you mean " : name[1] ? ", " : " or ";
        g_autofree char *shown = p11d_text_visible(*name, -1);
        g_string_append_printf(hint, "%s%s%s%s", joint, before, shown, after);
    }
    if (hint->len > 0)
        g_string_append(hint, otherwise ? "? " : "?");
    g_string_append(hint, otherwise ? otherwise : "");
    return g_string_free(hint, FALSE);
}
