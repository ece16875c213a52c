// SPDX-License-Identifier: MIT
#include "options.h"

#include <stdbool.h>
#include <string.h>

#include "command.h"
#include "commandline.h"
#include "failure.h"
#include "nearest.h"

static P11dOptions options = {.pin_fd = -1};

/* Strings are taken as bytes (ARG_FILENAME), not converted from the locale's character set: a label
 * in UTF-8 must be found under LC_ALL=C too. */
#define STRING G_OPTION_ARG_FILENAME
#define END                                                                                        \
    {                                                                                              \
        NULL                                                                                       \
    }

static const GOptionEntry key_entries[] = {
    {"key", 'k', 0, STRING, &options.key, "the key, as a PKCS#11 URI (RFC 7512)", "URI"},
    END,
};

static const GOptionEntry choice_entries[] = {
    {"token", 0, 0, STRING, &options.token, "only the token with this label", "TOKEN"},
    {"label", 0, 0, STRING, &options.label, "only objects with this label", "LABEL"},
    {"id", 0, 0, STRING, &options.id, "only objects with this CKA_ID", "HEX"},
    END,
};

static const GOptionEntry pin_entries[] = {
    {"pin-file", 0, 0, STRING, &options.pin_file, "read the PIN from FILE, which is yours alone",
     "FILE"},
    {"pin-fd", 0, 0, G_OPTION_ARG_INT, &options.pin_fd, "read the PIN from descriptor N", "N"},
    {"no-input", 0, 0, G_OPTION_ARG_NONE, &options.no_input, "never ask for a PIN", NULL},
    {"last-try", 0, 0, G_OPTION_ARG_NONE, &options.last_try,
     "log in even if a wrong PIN would lock the token", NULL},
    END,
};

static const GOptionEntry module_entries[] = {
    {"module", 'm', 0, STRING, &options.module,
     "a PKCS#11 module: a path, or a name that p11-kit has configured (default: p11dbus.so)",
     "LIBRARY"},
    END,
};

static const GOptionEntry modules_entries[] = {
    {"module", 'm', 0, G_OPTION_ARG_FILENAME_ARRAY, &options.modules,
     "a PKCS#11 module, or all that p11-kit has configured (default: p11dbus.so); can be given "
     "again",
     "LIBRARY|all"},
    END,
};

static const GOptionEntry host_entries[] = {
    {"init-reserved", 0, 0, STRING, &options.init_reserved,
     "what the module is told in pReserved of C_Initialize (default: as p11-kit has it)", "STRING"},
    {"bus", 0, 0, STRING, &options.bus, "the bus where p11dbus.so looks", "session|system|ADDRESS"},
    {"timeout", 0, 0, G_OPTION_ARG_INT, &options.timeout, "give up after so long", "SECONDS"},
    END,
};

static const GOptionEntry json_entries[] = {
    {"json", 0, 0, G_OPTION_ARG_NONE, &options.json, "print JSON", NULL},
    END,
};

static const GOptionEntry common_entries[] = {
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &options.quiet, "print errors only", NULL},
    {"verbose", 'v', 0, G_OPTION_ARG_NONE, &options.verbose, "say what is done", NULL},
    {"color", 0, 0, STRING, &options.color, "whether to use colors", "auto|always|never"},
    {"help", 'h', 0, G_OPTION_ARG_NONE, &options.help, "print this help", NULL},
    {"version", 0, 0, G_OPTION_ARG_NONE, &options.version, "print the version", NULL},
    END,
};

static const struct {
    unsigned group; /* 0: every command has them */
    const GOptionEntry *entries;
} groups[] = {
    {P11D_OPTIONS_KEY, key_entries},
    {P11D_OPTIONS_CHOICE, choice_entries},
    {P11D_OPTIONS_PIN, pin_entries},
    {P11D_OPTIONS_MODULE, module_entries},
    {P11D_OPTIONS_MODULES, modules_entries},
    {P11D_OPTIONS_MODULE | P11D_OPTIONS_MODULES, host_entries},
    {P11D_OPTIONS_JSON, json_entries},
    {0, common_entries},
};

static bool takes(const P11dCommand *command, size_t i)
{
    return !groups[i].group || (command->groups & groups[i].group);
}

static void list(GPtrArray *entries, const GOptionEntry *entry)
{
    for (; entry && entry->long_name; entry++)
        g_ptr_array_add(entries, (void *)entry);
}

GPtrArray *p11d_options_list(const P11dCommand *command)
{
    GPtrArray *entries = g_ptr_array_new();
    list(entries, command->entries);
    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++)
        if (takes(command, i))
            list(entries, groups[i].entries);
    return entries;
}

static GOptionContext *make_context(const P11dCommand *command)
{
    GOptionContext *context = g_option_context_new(NULL);
    g_option_context_set_help_enabled(context, FALSE); /* usage.h prints it */
    if (command->entries)
        g_option_context_add_main_entries(context, command->entries, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++)
        if (takes(command, i))
            g_option_context_add_main_entries(context, groups[i].entries, NULL);
    return context;
}

static gboolean check(const P11dCommand *command, GError **error)
{
    static const char *const colors[] = {"auto", "always", "never", NULL};
    g_autofree char *hint = g_strdup_printf("p11dbus %s --help", command->name);
    if (options.color && !g_strv_contains(colors, options.color))
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "--color is auto, always or never");
    else if (options.timeout < 0 || options.timeout > 1000000)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "--timeout is a number of seconds");
    else if (options.pin_fd < -1)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "--pin-fd is a number of a descriptor");
    else if (options.pin_fd >= 0 && options.pin_file)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "give --pin-fd or --pin-file, not both");
    else
        return TRUE;
    return FALSE;
}

/* Sets error unless part is the first of its option, or one that may be given again: the last of
 * two silently winning would sign with another key than the first. Without the value, which may be
 * a URI with a PIN in it. */
static gboolean check_once(const P11dCommandlinePart *part, GHashTable *seen, GError **error)
{
    const GOptionEntry *entry = part->entry;
    if (part->kind != P11D_COMMANDLINE_OPTION || !p11d_commandline_takes_value(entry) ||
        p11d_commandline_is_list(entry) || g_hash_table_add(seen, (void *)entry))
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_USAGE, "give it once", "--%s is given twice",
                     entry->long_name);
    return FALSE;
}

/* A number that is none, which is not shown: it may be a PIN behind --pin-fd. */
static gboolean check_number(const P11dCommandlinePart *part, GError **error)
{
    gint64 number;
    if (!part->entry || !part->value || part->entry->arg != G_OPTION_ARG_INT ||
        g_ascii_string_to_signed(part->value, 10, G_MININT, G_MAXINT, &number, NULL))
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_USAGE, NULL, "--%s takes a number",
                     part->entry->long_name);
    return FALSE;
}

/* What of word is the name of an option. What else is in it is not shown: whoever types --pin=… or
 * -p… does not want to see it in a log. */
static char *name_in(const char *word)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";
    size_t size = strcspn(word, "=");
    return g_strndup(word, word[1] == '-' || strspn(word, letters) == size ? size : 2);
}

static gboolean refuse(const P11dCommand *command, const GPtrArray *known, const char *word,
                       GError **error)
{
    g_autofree char *name = name_in(word);
    g_autofree char *help = g_strdup_printf("p11dbus %s --help", command->name);
    bool is_known = false;
    GStrvBuilder *names = g_strv_builder_new();
    for (guint i = 0; i < known->len; i++) {
        const GOptionEntry *entry = known->pdata[i];
        g_autofree char *one = g_strconcat("--", entry->long_name, NULL);
        g_strv_builder_add(names, one);
        is_known = is_known || strcmp(one, name) == 0;
    }
    g_auto(GStrv) all = g_strv_builder_end(names);
    g_strv_builder_unref(names);
    g_autofree char *hint = p11d_nearest_hint(name, (const char *const *)all, "", "", help);
    if (is_known) /* all that is wrong with it is a value that it does not take */
        p11d_failure_set(error, P11D_FAILURE_USAGE, help, "%s takes no value", name);
    else
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "Unknown option %s", name);
    return FALSE;
}

/* Adds part in the one form that GLib reads no other way than we do. */
static void spell(GStrvBuilder *spelt, const P11dCommandlinePart *part)
{
    g_autofree char *option = NULL;
    const char *value = part->value;
    if (part->kind == P11D_COMMANDLINE_END)
        g_strv_builder_add(spelt, "--");
    else if (part->kind == P11D_COMMANDLINE_ARGUMENT)
        g_strv_builder_add(spelt, value);
    else if (value || !p11d_commandline_takes_value(part->entry)) /* else the value is coming */
        g_strv_builder_add(spelt, option = g_strconcat("--", part->entry->long_name,
                                                       value ? "=" : NULL, value, NULL));
}

/* Whether part is the value of -k, or has it. */
static bool is_key(const P11dCommandlinePart *part)
{
    return part->entry == key_entries && part->value;
}

/* Tells the words apart, and spells them anew for GLib, which knows no value behind a short option
 * in the same word. NULL with error set. */
static char **read_words(const P11dCommand *command, char **words, GError **error)
{
    g_autoptr(GPtrArray) known = p11d_options_list(command);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    g_autoptr(GStrvBuilder) spelt = g_strv_builder_new();
    P11dCommandline line = {.known = known};
    g_strv_builder_add(spelt, words[0]);
    for (char **word = words + 1; *word; word++) {
        g_autoptr(GArray) parts = p11d_commandline_parts();
        p11d_commandline_read(&line, *word, parts);
        for (guint i = 0; i < parts->len; i++) {
            const P11dCommandlinePart *part = &g_array_index(parts, P11dCommandlinePart, i);
            if (part->kind == P11D_COMMANDLINE_UNKNOWN
                    ? !refuse(command, known, *word, error)
                    : !check_once(part, seen, error) || !check_number(part, error))
                return NULL;
            options.key_is_last = is_key(part);
            spell(spelt, part);
        }
    }
    if (!line.pending)
        return g_strv_builder_end(spelt);
    p11d_failure_set(error, P11D_FAILURE_USAGE, NULL, "--%s needs a value: %s",
                     line.pending->long_name, line.pending->arg_description);
    return NULL;
}

const P11dOptions *p11d_options_parse(const P11dCommand *command, char ***arguments, GError **error)
{
    char **spelt = read_words(command, *arguments, error);
    if (!spelt)
        return NULL;
    g_strfreev(*arguments);
    *arguments = spelt;
    g_autoptr(GOptionContext) context = make_context(command);
    g_autoptr(GError) wrong = NULL;
    if (!g_option_context_parse_strv(context, arguments, &wrong)) {
        g_autofree char *hint = g_strdup_printf("p11dbus %s --help", command->name);
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "%s", wrong->message);
        return NULL;
    }
    /* "--" ends the options and is none of the arguments. */
    char **first = *arguments + 1;
    if (*first && strcmp(*first, "--") == 0) {
        size_t count = g_strv_length(first);
        g_free(*first);
        memmove(first, first + 1, count * sizeof *first);
    }
    if (!options.color)
        options.color = g_strdup("auto");
    return options.help || options.version || check(command, error) ? &options : NULL;
}
