// SPDX-License-Identifier: MIT
/* p11dbus serve: exports key directories as tokens on D-Bus. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gio/gio.h>

#include "address.h"
#include "buildtree.h"
#include "commands.h"
#include "console.h"
#include "exposure.h"
#include "failure.h"
#include "home.h"
#include "key-directory.h"
#include "pkcs11.h"
#include "syntax.h"

#define SUPERVISOR "p11dbus-supervisor"

static struct {
    char **keys;
    char *bus;
    char *name;
    int ready_fd;
    GArray *writable; /* of guint: how many directories --writable stood behind, each time */
} asked = {.ready_fd = -1};

/* Belongs to the directory that it follows: what came of --keys so far is in keys. */
static gboolean take_writable(const char *option, const char *value, gpointer data, GError **error)
{
    guint before = asked.keys ? g_strv_length(asked.keys) : 0;
    (void)option;
    (void)value;
    (void)data;
    (void)error;
    if (!asked.writable)
        asked.writable = g_array_new(FALSE, FALSE, sizeof before);
    g_array_append_val(asked.writable, before);
    return TRUE;
}

/* Whether the directory of that number, from 1, may be written to; 0: whether --writable stood in
 * front of all. */
static gboolean is_writable(guint number)
{
    for (guint i = 0; asked.writable && i < asked.writable->len; i++) {
        if (g_array_index(asked.writable, guint, i) == number)
            return TRUE;
    }
    return FALSE;
}

static const GOptionEntry entries[] = {
    {"keys", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &asked.keys,
     "a directory of keys, which becomes a token; can be given again (default: "
     "$XDG_DATA_HOME/p11dbus/keys, made if missing)",
     "DIR"},
    {"writable", 0, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, take_writable,
     "let applications make, change and destroy keys, certificates and data in the directory that "
     "was named before",
     NULL},
    {"bus", 0, 0, G_OPTION_ARG_FILENAME, &asked.bus, "the bus to serve on (default: session)",
     "session|system|ADDRESS"},
    {"name", 0, 0, G_OPTION_ARG_FILENAME, &asked.name,
     "the name to own on the bus (default: org.p11dbus.Tokens1)", "NAME"},
    {"ready-fd", 0, 0, G_OPTION_ARG_INT, &asked.ready_fd,
     "write a newline to descriptor N when all tokens are there, and close it", "N"},
    {NULL},
};

static gboolean check_usage(char **arguments, GError **error)
{
    static const char hint[] = "p11dbus serve --help";
    for (char **directory = asked.keys; directory && *directory; directory++) {
        if (**directory)
            continue;
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "--keys names no directory");
        return FALSE;
    }
    if (asked.bus && !p11d_address_is_word(asked.bus) && !g_dbus_is_address(asked.bus))
        p11d_failure_set(error, P11D_FAILURE_USAGE,
                         "--bus is session, system or an address such as unix:path=/run/bus",
                         "\"%s\" is no bus", asked.bus);
    else if (asked.keys && is_writable(0))
        p11d_failure_set(error, P11D_FAILURE_USAGE, "--keys DIR --writable",
                         "--writable belongs behind the directory that is meant");
    else if (asked.name && (!p11d_syntax_is_bus_name(asked.name) || *asked.name == ':'))
        p11d_failure_set(error, P11D_FAILURE_USAGE,
                         "a name is parts with dots between them, such as org.example.Tokens",
                         "--name: \"%s\" is no name that can be owned on a bus", asked.name);
    else if (*arguments)
        p11d_failure_set(error, P11D_FAILURE_USAGE, "a directory is named with --keys DIR",
                         "serve takes no argument: \"%s\"", *arguments);
    else if (asked.ready_fd < -1 || (asked.ready_fd >= 0 && fcntl(asked.ready_fd, F_SETFD, 0) < 0))
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "--ready-fd is the number of an open descriptor");
    else
        return TRUE;
    return FALSE;
}

/* Whoever may write to a directory may put another key in the place of one that is served. */
static gboolean check_mode(const char *directory, GError **error)
{
    P11dExposure exposure = p11d_exposure_of(directory);
    g_autofree char *quoted = g_shell_quote(directory);
    if (exposure.kind == P11D_EXPOSURE_EVERYBODY) {
        g_autofree char *hint = g_strdup_printf("chmod o-w %s", quoted);
        p11d_failure_set(error, P11D_FAILURE_FILE, hint,
                         "cannot serve %s: everybody may put keys into it (mode %04o)", directory,
                         exposure.mode);
        return FALSE;
    }
    if (exposure.kind == P11D_EXPOSURE_GROUP)
        p11d_console_note("warning: the group of %s may put keys into it (mode %04o); chmod g-w %s",
                          directory, exposure.mode, quoted);
    if (exposure.kind == P11D_EXPOSURE_ABOVE)
        p11d_console_note("warning: everybody may put another directory in the place of %s, as the "
                          "mode of %s (%04o) allows; chmod o-w or +t there",
                          directory, exposure.path, exposure.mode);
    return TRUE;
}

/* The workers would say the same, but go on trying: a directory that was never there is a mistake.
 */
static gboolean check_directory(const char *directory, gboolean writable, GError **error)
{
    struct stat status;
    int reason = stat(directory, &status) != 0                                 ? errno
                 : !S_ISDIR(status.st_mode)                                    ? ENOTDIR
                 : access(directory, R_OK | X_OK | (writable ? W_OK : 0)) != 0 ? errno
                                                                               : 0;
    if (reason == 0)
        return check_mode(directory, error);
    p11d_failure_set(
        error, P11D_FAILURE_FILE,
        reason == EROFS    ? "name a directory that can be written to, or leave --writable out"
        : reason == EACCES ? writable ? "name a directory that this user may read and write to"
                                      : "name a directory that this user may read"
                           : "name a directory that is there",
        "cannot serve %s: %s", directory, g_strerror(reason));
    return FALSE;
}

/* What PKCS#11 shows of a label: 32 bytes, of which blanks at the end do not count. */
static char *fold_label(char *label)
{
    const size_t shown = sizeof((CK_TOKEN_INFO *)NULL)->label;
    if (label && strlen(label) > shown)
        label[shown] = '\0';
    return label ? g_strchomp(label) : NULL;
}

/* Of two tokens with one name the bus would get the one whose worker is faster, and a URI the one
 * or the other. */
static gboolean check_name(GHashTable *seen, char *directory, GError **error)
{
    g_autofree char *path = realpath(directory, NULL);
    g_autofree char *label = fold_label(p11d_key_directory_label(path ? path : directory));
    g_autofree char *name = g_strdup(label ? label : "");
    const char *other = g_hash_table_lookup(seen, name);
    g_autofree char *other_path = other ? realpath(other, NULL) : NULL;
    if (other && g_strcmp0(path, other_path) == 0)
        p11d_failure_set(error, P11D_FAILURE_USAGE, "give each directory once",
                         "%s and %s are the same directory", other, directory);
    else if (other)
        p11d_failure_set(error, P11D_FAILURE_USAGE,
                         "rename one of the directories, or serve one by a second service that "
                         "has another --name",
                         "%s and %s would both be the token \"%s\", which has the name of its "
                         "directory",
                         other, directory, name);
    else
        return g_hash_table_insert(seen, g_steal_pointer(&name), directory);
    return FALSE;
}

/* Where nothing is named it is the directory of the user. */
static gboolean choose_directories(GError **error)
{
    if (asked.keys)
        return TRUE;
    char *home = p11d_home_provide(error);
    if (!home)
        return FALSE;
    asked.keys = g_new0(char *, 2);
    asked.keys[0] = home;
    for (guint i = 0; asked.writable && i < asked.writable->len; i++)
        g_array_index(asked.writable, guint, i) = 1;
    return TRUE;
}

static gboolean check_directories(GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; asked.keys[i]; i++) {
        if (!check_directory(asked.keys[i], is_writable(i + 1), error) ||
            !check_name(seen, asked.keys[i], error))
            return FALSE;
    }
    return TRUE;
}

/* The words with which the supervisor (lib/service/supervisor/main.c) is to run. */
static GPtrArray *words_for(char *program, const P11dOptions *options)
{
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(words, g_strdup(program));
    if (options->quiet)
        g_ptr_array_add(words, g_strdup("-q"));
    if (options->verbose)
        g_ptr_array_add(words, g_strdup("-v"));
    if (asked.name)
        g_ptr_array_add(words, g_strconcat("-n", asked.name, NULL));
    if (asked.ready_fd >= 0)
        g_ptr_array_add(words, g_strdup_printf("-r%d", asked.ready_fd));
    g_ptr_array_add(words, g_strconcat("-b", asked.bus ? asked.bus : "session", NULL));
    for (guint i = 0; asked.keys[i]; i++) {
        if (is_writable(i + 1))
            g_ptr_array_add(words, g_strconcat("-w", asked.keys[i], NULL));
    }
    g_ptr_array_add(words, g_strdup("--"));
    for (guint i = 0; asked.keys[i]; i++) {
        if (!is_writable(i + 1))
            g_ptr_array_add(words, g_strdup(asked.keys[i]));
    }
    g_ptr_array_add(words, NULL);
    return words;
}

/* This process becomes the service. Returns only where it cannot. */
static gboolean run(const P11dOptions *options, char **arguments, GError **error)
{
    if (!check_usage(arguments, error) || !choose_directories(error) || !check_directories(error))
        return FALSE;
    g_autofree char *program =
        p11d_buildtree_find("../lib/service/" SUPERVISOR, P11D_INSTALLED_SUPERVISOR);
    g_autoptr(GPtrArray) words = words_for(program, options);
    execv(program, (char **)words->pdata);
    p11d_failure_set(error, P11D_FAILURE_DEVICE, "it belongs to p11dbus; install that again",
                     "cannot serve: %s cannot be run: %s", program, g_strerror(errno));
    return FALSE;
}

const P11dCommand p11d_command_serve = {
    .name = "serve",
    .synopsis = "[--keys DIR [--writable]]…",
    .summary = "Exports directories of private keys as tokens on D-Bus, until it is told to end.",
    .examples = "Examples:\n"
                "  p11dbus serve\n"
                "  p11dbus serve --keys /etc/p11dbus/web --keys /etc/p11dbus/mail --bus system",
    .entries = entries,
    .run = run,
};
