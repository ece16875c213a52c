// SPDX-License-Identifier: MIT
/*
 * p11dbus complete: answers the shells, whose scripts know no word of p11dbus themselves. It reads
 * the line as the commands would, and finds in their own tables what can stand at the cursor.
 */
#include <string.h>

#include "answer.h"
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
    GPtrArray *known;            /* its options, of const GOptionEntry */
    GPtrArray *used;             /* those on the line */
    const GOptionEntry *pending; /* the option whose value comes next, or NULL */
    unsigned arguments;          /* how many words are none of options */
    bool only_arguments;         /* behind "--" */
} Line;

/* An option in a word: its value is in there too, or comes in the next word. */
typedef struct Option {
    const GOptionEntry *entry; /* NULL: there is no such option */
    const char *value;         /* NULL: not in this word */
} Option;

static const GOptionEntry *find_long(const GPtrArray *known, const char *name, size_t size)
{
    for (guint i = 0; i < known->len; i++) {
        const GOptionEntry *entry = known->pdata[i];
        if (strncmp(entry->long_name, name, size) == 0 && entry->long_name[size] == '\0')
            return entry;
    }
    return NULL;
}

static const GOptionEntry *find_short(const GPtrArray *known, char name)
{
    for (guint i = 0; i < known->len; i++) {
        const GOptionEntry *entry = known->pdata[i];
        if (entry->short_name == name)
            return entry;
    }
    return NULL;
}

static bool takes_value(const GOptionEntry *entry)
{
    return entry && entry->arg != G_OPTION_ARG_NONE;
}

static void use(const Line *line, const GOptionEntry *entry)
{
    if (entry)
        g_ptr_array_add(line->used, (void *)entry);
}

/* Reads a word that begins with '-'. The last of several short options in it is returned. */
static Option read_option(const Line *line, const char *word)
{
    Option option = {NULL, NULL};
    if (word[1] == '-') {
        size_t size = strcspn(word + 2, "=");
        option.entry = find_long(line->known, word + 2, size);
        option.value = word[2 + size] ? word + 2 + size + 1 : NULL;
        use(line, option.entry);
        return option;
    }
    for (const char *name = word + 1; *name && !takes_value(option.entry); name++) {
        option.entry = find_short(line->known, *name);
        option.value = takes_value(option.entry) && name[1] ? name + 1 : NULL;
        use(line, option.entry);
    }
    return option;
}

/* Sets what the option would set: which module, which bus, which token. */
static void set(const GOptionEntry *entry, const char *value)
{
    if (entry && entry->arg == G_OPTION_ARG_FILENAME) {
        char **place = entry->arg_data;
        g_free(*place);
        *place = g_strdup(value);
    }
}

static void read_word(Line *line, const char *word)
{
    if (line->pending) {
        set(line->pending, word);
        line->pending = NULL;
    } else if (line->only_arguments || word[0] != '-' || word[1] == '\0') {
        line->arguments++;
    } else if (strcmp(word, "--") == 0) {
        line->only_arguments = true;
    } else {
        Option option = read_option(line, word);
        if (option.value)
            set(option.entry, option.value);
        else if (takes_value(option.entry))
            line->pending = option.entry;
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
    return entry->arg == G_OPTION_ARG_FILENAME_ARRAY || entry->arg == G_OPTION_ARG_STRING_ARRAY ||
           !g_ptr_array_find(line->used, entry, NULL);
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
    for (guint i = 0; i < line->known->len; i++)
        if (can_be_added(line, line->known->pdata[i]))
            add_option(&answer, line->known->pdata[i]);
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

static void complete_word(Line *line)
{
    if (line->pending) {
        complete_value(line, line->word, line->pending->arg_description, NULL);
        return;
    }
    if (line->only_arguments || *line->word != '-') {
        complete_value(line, line->word, line->command->arguments,
                       line->arguments == 0 ? line->command->word : NULL);
        return;
    }
    guint used = line->used->len;
    Option option = read_option(line, line->word);
    if (takes_value(option.entry) && option.value) {
        complete_value(line, option.value, option.entry->arg_description, NULL);
        return;
    }
    g_ptr_array_set_size(line->used, (int)used); /* what is being typed is not on the line yet */
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
    line.known = p11d_options_list(line.command);
    line.used = g_ptr_array_new();
    for (guint i = 1; i + 1 < count; i++)
        read_word(&line, words[i]);
    complete_word(&line);
    g_ptr_array_unref(line.known);
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
