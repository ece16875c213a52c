// SPDX-License-Identifier: MIT
#include "moduleconfig.h"

#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"

/* What configuration files of modules end with, behind the module's name. */
#define SUFFIX ".module"
/* By which enable-in and disable-in call this program. */
#define PROGRAM "p11dbus"

/* Which files count, as "user-config" in the global ones says. */
typedef enum Mode { MODE_NONE, MODE_MERGE, MODE_ONLY } Mode;

static char *trim(char *text)
{
    static const char blanks[] = " \t\v\f\r";
    text += strspn(text, blanks);
    size_t size = strlen(text);
    while (size > 0 && strchr(blanks, text[size - 1]))
        size--;
    text[size] = '\0';
    return text;
}

static GHashTable *new_fields(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* The content of file; "" where there is none, and where a user may not read his own. */
static char *read_content(const char *file, bool of_user, GError **error)
{
    static const struct {
        GFileError code;
        bool of_user;
    } excused[] = {{G_FILE_ERROR_NOENT, false},
                   {G_FILE_ERROR_NOTDIR, false},
                   {G_FILE_ERROR_ACCES, true},
                   {G_FILE_ERROR_PERM, true}};
    char *content = NULL;
    g_autoptr(GError) trouble = NULL;
    if (g_file_get_contents(file, &content, NULL, &trouble))
        return content;
    for (size_t i = 0; i < G_N_ELEMENTS(excused); i++)
        if (g_error_matches(trouble, G_FILE_ERROR, (int)excused[i].code) &&
            (of_user || !excused[i].of_user))
            return g_strdup("");
    p11d_failure_set(error, P11D_FAILURE_FILE, "name the module by its path", "%s",
                     trouble->message);
    return NULL;
}

/* Adds the fields of content; of one that is there twice the last counts. */
static gboolean parse(GHashTable *fields, char *content, const char *file, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(content, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        char *line = trim(lines[i]);
        char *colon = strchr(line, ':');
        if (*line == '\0' || *line == '#')
            continue;
        if (!colon || *line == '[') {
            p11d_failure_set(error, P11D_FAILURE_FILE,
                             "a line is NAME: VALUE; p11-kit does not take that file either",
                             "%s, line %u: \"%s\" is no setting", file, i + 1, line);
            return FALSE;
        }
        *colon = '\0';
        g_hash_table_replace(fields, g_strdup(trim(line)), g_strdup(trim(colon + 1)));
    }
    return TRUE;
}

/* Adds the fields of file that are not there yet. */
static gboolean read_fields(GHashTable *fields, const char *file, bool of_user, GError **error)
{
    g_autofree char *content = read_content(file, of_user, error);
    g_autoptr(GHashTable) here = new_fields();
    if (!content || !parse(here, content, file, error))
        return FALSE;
    GHashTableIter entries;
    gpointer name, value;
    g_hash_table_iter_init(&entries, here);
    while (g_hash_table_iter_next(&entries, &name, &value))
        if (!g_hash_table_contains(fields, name))
            g_hash_table_insert(fields, g_strdup(name), g_strdup(value));
    return TRUE;
}

/* Where the user's files are; NULL if nobody knows. GLib would say so on stderr. */
static char *user_directory(void)
{
    const char *config = g_getenv("XDG_CONFIG_HOME");
    const char *home = g_getenv("HOME");
    if (config && *config)
        return g_build_filename(config, "pkcs11", NULL);
    const struct passwd *user = home && *home ? NULL : getpwuid(getuid());
    home = user ? user->pw_dir : home;
    return home && *home ? g_build_filename(home, ".config", "pkcs11", NULL) : NULL;
}

/* What a global file says of the user's files; without a word *mode stays. */
static gboolean read_mode(Mode *mode, const char *directory, bool of_user, GError **error)
{
    static const struct {
        const char *word;
        Mode mode;
    } modes[] = {
        {"none", MODE_NONE}, {"merge", MODE_MERGE}, {"only", MODE_ONLY}, {"override", MODE_ONLY}};
    g_autofree char *file = g_build_filename(directory, "pkcs11.conf", NULL);
    g_autoptr(GHashTable) fields = new_fields();
    if (!read_fields(fields, file, of_user, error))
        return FALSE;
    const char *word = g_hash_table_lookup(fields, "user-config");
    for (size_t i = 0; word && i < G_N_ELEMENTS(modes); i++)
        if (strcmp(word, modes[i].word) == 0) {
            *mode = modes[i].mode;
            return TRUE;
        }
    if (!word)
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_FILE, "user-config is none, merge or only",
                     "%s: user-config \"%s\" is not known", file, word);
    return FALSE;
}

/* A place where configuration files are. */
typedef struct Place {
    char *modules;
    bool of_user;
} Place;

static void place_clear(gpointer place)
{
    g_free(((Place *)place)->modules);
}

/* Where files of modules are, in the order in which they count; NULL with error set. */
static GArray *find_places(GError **error)
{
    static const char *const machine[] = {P11D_P11KIT_SYSCONFDIR "/pkcs11/modules",
                                          P11D_P11KIT_CONFIGS};
    g_autofree char *user = user_directory();
    Mode mode = MODE_MERGE;
    if (!read_mode(&mode, P11D_P11KIT_SYSCONFDIR "/pkcs11", false, error))
        return NULL;
    /* p11-kit's own limits: whoever became root with the variables of a user loads nothing of his.
     */
    if (!user || getuid() == 0 || g_getenv("P11_KIT_NO_USER_CONFIG"))
        mode = MODE_NONE;
    if (mode != MODE_NONE && !read_mode(&mode, user, true, error))
        return NULL;
    GArray *places = g_array_new(FALSE, FALSE, sizeof(Place));
    g_array_set_clear_func(places, place_clear);
    if (mode != MODE_NONE) {
        Place place = {g_build_filename(user, "modules", NULL), true};
        g_array_append_val(places, place);
    }
    for (size_t i = 0; mode != MODE_ONLY && i < G_N_ELEMENTS(machine); i++) {
        Place place = {g_strdup(machine[i]), false};
        g_array_append_val(places, place);
    }
    return places;
}

static bool is_listed(const char *list)
{
    g_auto(GStrv) words = g_strsplit_set(list, ", \t\v\f\r", -1);
    return g_strv_contains((const char *const *)words, PROGRAM);
}

/* Whether p11-kit would load the module here. */
static gboolean check_fields(const char *name, GHashTable *fields, GError **error)
{
    const char *module = g_hash_table_lookup(fields, "module");
    const char *enabled = g_hash_table_lookup(fields, "enable-in");
    const char *disabled = g_hash_table_lookup(fields, "disable-in");
    const char *remote = g_hash_table_lookup(fields, "remote");
    if (enabled ? !is_listed(enabled) : disabled && is_listed(disabled))
        p11d_failure_set(error, P11D_FAILURE_DEVICE,
                         "if it is meant all the same, name its path, with --init-reserved where "
                         "it needs that",
                         "cannot load the module: p11-kit has %s configured for other programs "
                         "(%s: %s)",
                         name, enabled ? "enable-in" : "disable-in", enabled ? enabled : disabled);
    else if (remote)
        p11d_failure_set(error, P11D_FAILURE_DEVICE, "-m p11-kit-proxy.so shows its tokens",
                         "cannot load the module: p11-kit runs %s in another process (remote: %s)",
                         name, remote);
    else if (!module || !*module)
        p11d_failure_set(error, P11D_FAILURE_DEVICE, "name a module by its path",
                         "cannot load the module: p11-kit's configuration of %s names none "
                         "(module is empty)",
                         name);
    else
        return TRUE;
    return FALSE;
}

gboolean p11d_moduleconfig_read(P11dModuleconfig *config, const char *name, GError **error)
{
    *config = (P11dModuleconfig){NULL, NULL};
    g_autoptr(GArray) places = find_places(error);
    g_autoptr(GHashTable) fields = new_fields();
    g_autofree char *base = g_strconcat(name, SUFFIX, NULL);
    for (guint i = 0; places && i < places->len; i++) {
        const Place *place = &g_array_index(places, Place, i);
        g_autofree char *file = g_build_filename(place->modules, base, NULL);
        if (!read_fields(fields, file, place->of_user, error))
            return FALSE;
    }
    if (!places || g_hash_table_size(fields) == 0)
        return places != NULL;
    if (!check_fields(name, fields, error))
        return FALSE;
    const char *module = g_hash_table_lookup(fields, "module");
    config->path = g_path_is_absolute(module) ? g_strdup(module)
                                              : g_build_filename(P11D_P11KIT_MODULES, module, NULL);
    config->reserved = g_strdup(g_hash_table_lookup(fields, "x-init-reserved"));
    return TRUE;
}

void p11d_moduleconfig_clear(P11dModuleconfig *config)
{
    g_clear_pointer(&config->path, g_free);
    g_clear_pointer(&config->reserved, g_free);
}

char **p11d_moduleconfig_names(void)
{
    g_autoptr(GArray) places = find_places(NULL);
    GStrvBuilder *names = g_strv_builder_new();
    for (guint i = 0; places && i < places->len; i++) {
        g_autoptr(GDir) directory = g_dir_open(g_array_index(places, Place, i).modules, 0, NULL);
        const char *file;
        while (directory && (file = g_dir_read_name(directory))) {
            if (!g_str_has_suffix(file, SUFFIX))
                continue;
            g_autofree char *name = g_strndup(file, strlen(file) - strlen(SUFFIX));
            g_strv_builder_add(names, name);
        }
    }
    char **list = g_strv_builder_end(names);
    g_strv_builder_unref(names);
    return list;
}
