// SPDX-License-Identifier: MIT
/*
 * p11dbus complete: answers the shells, whose scripts know no word of p11dbus themselves. It reads
 * the line as the commands would, and finds in their own tables what can stand at the cursor.
 */
#include <string.h>

#include "answer.h"
#include "commandline.h"
#include "commands.h"
#include "console.h"
#include "meaning.h"

static struct {
    char *line;
} asked;

static const GOptionEntry entries[] = {
    {"line", 0, 0, G_OPTION_ARG_FILENAME, &asked.line,
     "the line up to the cursor as it is in readline, which replaces TEXT at its end", "LINE"},
    {NULL},
};

/* The line up to the cursor, and what the words before the last say. */
typedef struct Line {
    const char *word;           /* the last */
    const P11dShellline *shell; /* how readline has it, or NULL */
    const P11dOptions *options; /* what is set by now */
    const P11dCommand *command;
    P11dCommandline typed; /* its options, and where in them the last word stands */
    GPtrArray *used;       /* those on the line, of const GOptionEntry */
    unsigned arguments;    /* how many words are none of options */
} Line;

/* Sets what the option would set: which module, which bus, which token. */
static void set(const GOptionEntry *entry, const char *value)
{
    if (value && entry->arg == G_OPTION_ARG_FILENAME) {
        char **place = entry->arg_data;
        g_free(*place);
        *place = g_strdup(value);
    } else if (value && entry->arg == G_OPTION_ARG_FILENAME_ARRAY) {
        char ***place = entry->arg_data;
        guint count = *place ? g_strv_length(*place) : 0;
        *place = g_renew(char *, *place, count + 2);
        (*place)[count] = g_strdup(value);
        (*place)[count + 1] = NULL;
    }
}

static void read_word(Line *line, const char *word)
{
    g_autoptr(GArray) parts = p11d_commandline_parts();
    p11d_commandline_read(&line->typed, word, parts);
    for (guint i = 0; i < parts->len; i++) {
        const P11dCommandlinePart *part = &g_array_index(parts, P11dCommandlinePart, i);
        if (part->kind == P11D_COMMANDLINE_OPTION)
            g_ptr_array_add(line->used, (void *)part->entry);
        if (part->entry)
            set(part->entry, part->value);
        line->arguments += part->kind == P11D_COMMANDLINE_ARGUMENT ? 1 : 0;
    }
}

static void add_option(P11dAnswer *answer, const GOptionEntry *entry)
{
    g_autofree char *long_name = g_strconcat("--", entry->long_name, NULL);
    char short_name[] = {'-', entry->short_name, '\0'};
    p11d_answer_add(answer, long_name, entry->description);
    if (entry->short_name)
        p11d_answer_add(answer, short_name, entry->description);
}

static bool can_be_added(const Line *line, const GOptionEntry *entry)
{
    return p11d_commandline_is_list(entry) || !g_ptr_array_find(line->used, entry, NULL);
}

/* Begins an answer to what stands in the last word from value on. */
static void begin(P11dAnswer *answer, const Line *line, const char *value, const char *meaning)
{
    p11d_answer_begin(answer, p11d_console_result(), line->shell, line->word,
                      (size_t)(value - line->word), p11d_meaning_files(meaning));
}

static void complete_option(const Line *line)
{
    P11dAnswer answer;
    begin(&answer, line, line->word, NULL);
    const GPtrArray *known = line->typed.known;
    for (guint i = 0; i < known->len; i++)
        if (can_be_added(line, known->pdata[i]))
            add_option(&answer, known->pdata[i]);
    p11d_answer_end(&answer);
}

/* words: further candidates, or NULL. */
static void complete_value(const Line *line, const char *value, const char *meaning,
                           P11dCommandWord *words)
{
    P11dAnswer answer;
    begin(&answer, line, value, meaning);
    for (size_t i = 0; words && words(i); i++)
        p11d_answer_add(&answer, words(i), NULL);
    p11d_meaning_complete(meaning, line->options, &answer);
    p11d_answer_end(&answer);
}

static void complete_word(const Line *line)
{
    /* What is being typed is not on the line yet. */
    P11dCommandline typed = line->typed;
    g_autoptr(GArray) parts = p11d_commandline_parts();
    p11d_commandline_read(&typed, line->word, parts);
    const P11dCommandlinePart *last =
        parts->len > 0 ? &g_array_index(parts, P11dCommandlinePart, parts->len - 1) : NULL;
    if (last && last->entry && last->value)
        complete_value(line, last->value, last->entry->arg_description, NULL);
    else if (last && last->kind == P11D_COMMANDLINE_ARGUMENT &&
             (typed.only_arguments || strcmp(last->value, "-") != 0))
        complete_value(line, last->value, line->command->arguments,
                       line->arguments == 0 ? line->command->word : NULL);
    else
        complete_option(line);
}

static void complete_command(const Line *line)
{
    P11dAnswer answer;
    begin(&answer, line, line->word, NULL);
    bool option = *line->word == '-';
    const P11dCommand *command;
    for (size_t i = 0; !option && (command = p11d_commands_at(i)); i++)
        if (command->summary)
            p11d_answer_add(&answer, command->name, command->summary);
    for (const GOptionEntry *entry = p11d_commands_instead; option && entry->long_name; entry++)
        add_option(&answer, entry);
    p11d_answer_end(&answer);
}

/* words: behind the program's name, up to the one at the cursor. */
static void complete(char **words, const P11dOptions *options, const P11dShellline *shell)
{
    guint count = g_strv_length(words);
    if (count == 0)
        return;
    Line line = {.word = words[count - 1], .shell = shell, .options = options};
    if (count == 1)
        complete_command(&line);
    else
        line.command = p11d_commands_find(words[0]);
    if (!line.command)
        return;
    g_autoptr(GPtrArray) known = p11d_options_list(line.command);
    line.typed.known = known;
    line.used = g_ptr_array_new();
    for (guint i = 1; i + 1 < count; i++)
        read_word(&line, words[i]);
    complete_word(&line);
    g_ptr_array_unref(line.used);
}

/* Nothing is an error here: what cannot be completed has no candidates. */
static gboolean run(const P11dOptions *options, char **arguments, GError **error)
{
    (void)error;
    if (!asked.line) {
        complete(arguments, options, NULL);
        return TRUE;
    }
    P11dShellline shell;
    size_t replaced = *arguments ? strlen(*arguments) : 0;
    if (p11d_shellline_parse(&shell, asked.line, replaced))
        complete(shell.words + 1, options, &shell);
    p11d_shellline_clear(&shell);
    return TRUE;
}

const P11dCommand p11d_command_complete = {
    .name = "complete",
    .synopsis = "{-- WORD… | --line LINE -- TEXT}",
    .entries = entries,
    .run = run,
};
