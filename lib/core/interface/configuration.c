// SPDX-License-Identifier: MIT
#include "configuration.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interface.h"
#include "key-directory.h"
#include "name.h"
#include "syntax.h"

/* How much of a word a message shows, in bytes. */
#define SHOWN 60

const char p11d_configuration_file[] = P11D_CONFIGURATION_FILE;

static bool set_text(char *target, size_t size, const char *value)
{
    if (strlen(value) >= size)
        return false;
    strcpy(target, value);
    return true;
}

static bool set_boolean(bool *target, const char *value)
{
    *target = strcmp(value, "yes") == 0;
    return *target || strcmp(value, "no") == 0;
}

static bool set_bus(P11dConfiguration *configuration, const char *value)
{
    P11dAddress address;
    /* Which directory "runtime" is does not matter here. */
    const bool known = p11d_address_is_word(value) || p11d_address_parse(&address, value, "/");
    return known && set_text(configuration->bus, sizeof configuration->bus, value);
}

static bool set_name(P11dConfiguration *configuration, const char *value)
{
    return p11d_syntax_is_bus_name(value) &&
           set_text(configuration->name, sizeof configuration->name, value);
}

static bool set_autostart(P11dConfiguration *configuration, const char *value)
{
    static const char *const words[] = {
        [P11D_AUTOSTART_NO] = "no", [P11D_AUTOSTART_YES] = "yes", [P11D_AUTOSTART_KEYS] = "keys"};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(value, words[i]) != 0)
            continue;
        configuration->autostart = (P11dAutostart)i;
        return true;
    }
    return false;
}

static bool set_channels(P11dConfiguration *configuration, const char *value)
{
    return set_boolean(&configuration->channels, value);
}

static bool set_hide(P11dConfiguration *configuration, const char *value)
{
    size_t *count = &configuration->hidden_count;
    for (*count = 0; *value != '\0'; (*count)++) {
        char name[SHOWN];
        const size_t size = strcspn(value, ",");
        if (size >= sizeof name || *count == P11D_CONFIGURATION_HIDDEN)
            return false;
        memcpy(name, value, size);
        name[size] = '\0';
        if (!p11d_name_parse(&p11d_names_key_type, name, &configuration->hidden[*count]))
            return false;
        value += size;
        if (*value == ',' && *++value == '\0')
            return false;
    }
    return true;
}

const P11dSetting p11d_settings[] = {
    {"bus", "P11DBUS_BUS", set_bus,
     "session, system or the address of a UNIX socket, such as unix:path=/run/bus"},
    {"name", "P11DBUS_NAME", set_name, "a name on the bus, such as " P11D_BUS_NAME},
    {"autostart", "P11DBUS_AUTOSTART", set_autostart, "yes, no or keys"},
    {"channels", "P11DBUS_CHANNELS", set_channels, "yes or no"},
    {"hide", "P11DBUS_HIDE", set_hide,
     "key types with commas between them, such as ec-edwards,ec-montgomery"},
};
const size_t p11d_setting_count = sizeof p11d_settings / sizeof p11d_settings[0];

/* One of the places that settings come from, while it is read. */
typedef struct Source {
    P11dConfiguration *configuration;
    const char *name;
    unsigned line;  /* 0: it has none */
    uint32_t given; /* a bit a row: what it gave already */
} Source;

/* Notes a mistake, unless there is an earlier one. Returns false. */
__attribute__((format(printf, 2, 3))) static bool wrong(const Source *source, const char *format,
                                                        ...)
{
    char *mistake = source->configuration->mistake;
    const size_t size = sizeof source->configuration->mistake;
    if (mistake[0] != '\0')
        return false;
    if (source->line > 0)
        snprintf(mistake, size, "%.200s:%u: ", source->name, source->line);
    else
        snprintf(mistake, size, "%.200s: ", source->name);
    const size_t used = strlen(mistake);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(mistake + used, size - used, format, arguments);
    va_end(arguments);
    for (char *at = mistake; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || (unsigned char)*at > '~')
            *at = '?'; /* it may be anything, and goes to a terminal */
    }
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Moves *text to the next word. source->line is that of *text, if it has lines. */
static void skip_space(Source *source, const char **text)
{
    const char *at = *text;
    while (is_space(*at) || *at == '#') {
        if (*at == '#') {
            at += strcspn(at, "\n");
            continue;
        }
        if (*at == '\n' && source->line > 0)
            source->line++;
        at++;
    }
    *text = at;
}

/* Takes the word at *text, without its quotes; word has room for all of *text. *lines: how many
 * ends of lines are in it. Returns false for a quotation mark that is not closed. */
static bool take_word(const char **text, char *word, unsigned *lines)
{
    char quote = '\0';
    const char *at = *text;
    *lines = 0;
    for (; *at != '\0' && (quote || !is_space(*at)); at++) {
        *lines += *at == '\n' ? 1 : 0;
        if (quote && *at == quote)
            quote = '\0';
        else if (!quote && (*at == '\'' || *at == '"'))
            quote = *at;
        else
            *word++ = *at;
    }
    *word = '\0';
    *text = at;
    return quote == '\0';
}

static bool apply_word(Source *source, char *word)
{
    char *value = strchr(word, '=');
    if (!value)
        return wrong(source, "\"%.*s\" is not KEY=VALUE", SHOWN, word);
    *value++ = '\0';
    for (size_t i = 0; i < p11d_setting_count; i++) {
        const P11dSetting *row = &p11d_settings[i];
        if (strcmp(row->word, word) != 0)
            continue;
        if (source->given & (UINT32_C(1) << i))
            return wrong(source, "%s is given twice", word);
        source->given |= UINT32_C(1) << i;
        return row->set(source->configuration, value) ||
               wrong(source, "%s=%.*s is not %s", word, SHOWN, value, row->wanted);
    }
    return wrong(source, "there is no setting \"%.*s\"", SHOWN, word);
}

static bool parse(Source *source, const char *text)
{
    char word[P11D_CONFIGURATION_MAX + 1];
    for (skip_space(source, &text); *text != '\0'; skip_space(source, &text)) {
        unsigned lines;
        if (!take_word(&text, word, &lines))
            return wrong(source, "a quotation mark is not closed");
        if (!apply_word(source, word))
            return false;
        if (source->line > 0)
            source->line += lines;
    }
    return true;
}

/* Reads at most size bytes of a file. Returns how many, or -1 with errno. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
    size_t filled = 0;
    while (filled < size) {
        const ssize_t got = read(fd, bytes + filled, size - filled);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return -1;
        filled += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)filled;
}

static bool unreadable(const Source *source, int error)
{
    char storage[128];
    return wrong(source, "cannot be read: %s", strerror_r(error, storage, sizeof storage));
}

static bool load_file(P11dConfiguration *configuration, const char *file)
{
    Source source = {.configuration = configuration, .name = file};
    const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        const int error = errno;
        struct stat link; /* one that leads nowhere was meant to lead somewhere */
        const bool missing = error == ENOTDIR || (error == ENOENT && lstat(file, &link) != 0);
        return missing || unreadable(&source, error);
    }
    char text[P11D_CONFIGURATION_MAX + 2];
    const ssize_t size = read_all(fd, text, P11D_CONFIGURATION_MAX + 1);
    const int error = errno;
    close(fd);
    if (size < 0)
        return unreadable(&source, error);
    if (size > P11D_CONFIGURATION_MAX)
        return wrong(&source, "is longer than %d bytes", P11D_CONFIGURATION_MAX);
    text[size] = '\0';
    if (strlen(text) != (size_t)size)
        return wrong(&source, "is no text: it has a NUL byte");
    source.line = 1;
    return parse(&source, text);
}

static void load_environment(P11dConfiguration *configuration)
{
    for (size_t i = 0; i < p11d_setting_count; i++) {
        const P11dSetting *row = &p11d_settings[i];
        const Source source = {.configuration = configuration, .name = row->variable};
        const char *value = secure_getenv(row->variable);
        if (value && value[0] != '\0' && !row->set(configuration, value))
            wrong(&source, "%.*s is not %s", SHOWN, value, row->wanted);
    }
}

CK_RV p11d_configuration_load(P11dConfiguration *configuration, const char *reserved,
                              const char *file)
{
    Source source = {.configuration = configuration, .name = "reserved string"};
    *configuration = (P11dConfiguration){
        .name = P11D_BUS_NAME, .autostart = P11D_AUTOSTART_YES, .channels = true};
    load_file(configuration, file);
    load_environment(configuration);
    if (!reserved)
        return CKR_OK;
    /* A mistake in it is the one to be told, since it is what is answered. */
    const char first = configuration->mistake[0];
    configuration->mistake[0] = '\0';
    if (strnlen(reserved, P11D_CONFIGURATION_MAX + 1) > P11D_CONFIGURATION_MAX)
        wrong(&source, "is longer than %d bytes", P11D_CONFIGURATION_MAX);
    else
        parse(&source, reserved);
    if (configuration->mistake[0] != '\0')
        return CKR_ARGUMENTS_BAD;
    configuration->mistake[0] = first;
    return CKR_OK;
}

bool p11d_configuration_may_start(P11dAutostart autostart)
{
    return autostart == P11D_AUTOSTART_YES ||
           (autostart == P11D_AUTOSTART_KEYS && p11d_key_directory_is_used());
}

bool p11d_configuration_address(const P11dConfiguration *configuration, P11dAddress *address)
{
    if (configuration->bus[0] != '\0')
        return p11d_address_of_bus(address, configuration->bus);
    if (p11d_address_of_bus(address, "session"))
        return true;
    /* A session bus that is named and cannot be used is not the same as none. */
    const char *session = secure_getenv("DBUS_SESSION_BUS_ADDRESS");
    return (!session || session[0] == '\0') && p11d_address_of_bus(address, "system");
}
