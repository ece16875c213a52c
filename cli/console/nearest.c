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

/* A word as it is compared. */
typedef struct Folded {
    gunichar *text;
    guint length; /* in characters */
} Folded;

/* False if word is too long to be compared. */
static bool fold(Folded *folded, const char *word)
{
    if (strlen(word) > MAX_SIZE)
        return false;
    g_autofree char *valid = g_utf8_make_valid(word, -1);
    g_autofree char *plain = g_utf8_normalize(valid, -1, G_NORMALIZE_ALL_COMPOSE);
    g_autofree char *lower = g_utf8_casefold(plain, -1);
    glong length;
    folded->text = g_utf8_to_ucs4_fast(lower, -1, &length);
    folded->length = (guint)length;
    return true;
}

/* How many letters have to be changed, put in, taken out or swapped with their neighbour to make a
 * of b: the optimal string alignment, row by row. */
static guint distance(const Folded *a, const Folded *b)
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

static bool starts(const Folded *name, const Folded *word)
{
    return word->length >= MIN_START && word->length < name->length &&
           memcmp(name->text, word->text, word->length * sizeof *word->text) == 0;
}

/* FAR if they have not much in common. */
static guint measure(const Folded *word, const char *name)
{
    Folded folded;
    if (!fold(&folded, name))
        return FAR;
    guint length = MAX(word->length, folded.length);
    guint changes =
        length - MIN(word->length, folded.length) > length / 3 ? FAR : distance(word, &folded);
    if (starts(&folded, word))
        changes = MIN(changes, 1);
    g_free(folded.text);
    return changes <= length / 3 ? changes : FAR;
}

static bool is_known(const GPtrArray *found, const char *name)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)found, name, g_str_equal, NULL);
}

char **p11d_nearest_find(const char *word, const char *const *names)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    guint least = FAR;
    Folded folded;
    bool comparable = fold(&folded, word);
    for (; comparable && *names; names++) {
        guint changes = strcmp(word, *names) == 0 ? FAR : measure(&folded, *names);
        if (changes < least)
            g_ptr_array_set_size(found, 0);
        least = MIN(least, changes);
        if (changes != FAR && changes == least && found->len < P11D_NEAREST_MAX &&
            !is_known(found, *names))
            g_ptr_array_add(found, g_strdup(*names));
    }
    if (comparable)
        g_free(folded.text);
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
