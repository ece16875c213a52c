// SPDX-License-Identifier: MIT
#include "configuration.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interface.h"
#include "syntax.h"
#include "trace.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

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

static bool set(P11dConfiguration *configuration, const char *key, const char *value)
{
    if (strcmp(key, "bus") == 0)
        return set_text(configuration->bus, sizeof configuration->bus, value);
    if (strcmp(key, "name") == 0)
        return p11d_syntax_is_bus_name(value) &&
               set_text(configuration->name, sizeof configuration->name, value);
    if (strcmp(key, "autostart") == 0)
        return set_boolean(&configuration->autostart, value);
    return false;
}

/* Takes the next word off *text, without its quotes; word has room for all of *text. Returns false
 * at the end, or (with *broken) for a quote that is not closed. */
static bool next_word(const char **text, char *word, bool *broken)
{
    const char *at = *text;
    while (is_space(*at) || *at == '#') {
        if (*at == '#')
            at += strcspn(at, "\n");
        else
            at++;
    }
    if (*at == '\0')
        return false;
    char quote = '\0';
    for (; *at != '\0' && (quote || !is_space(*at)); at++) {
        if (quote && *at == quote)
            quote = '\0';
        else if (!quote && (*at == '\'' || *at == '"'))
            quote = *at;
        else
            *word++ = *at;
    }
    *word = '\0';
    *text = at;
    *broken = quote != '\0';
    return !*broken;
}

static bool parse(P11dConfiguration *configuration, const char *text)
{
    char word[P11D_CONFIGURATION_MAX + 1];
    bool broken = false;
    bool good = true;
    while (next_word(&text, word, &broken)) {
        char *value = strchr(word, '=');
        if (value)
            *value++ = '\0';
        good = value && set(configuration, word, value) && good;
    }
    return good && !broken;
}

static void load_file(P11dConfiguration *configuration, const char *file)
{
    const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return;
    char text[P11D_CONFIGURATION_MAX + 1];
    const ssize_t size = read(fd, text, P11D_CONFIGURATION_MAX);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    if (!parse(configuration, text))
        p11d_trace(P11D_TRACE_STATE, "%s: not all of it is understood", file);
}

static void load_environment(P11dConfiguration *configuration)
{
    static const char *const variables[][2] = {{"P11DBUS_BUS", "bus"}, {"P11DBUS_NAME", "name"}};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = secure_getenv(variables[i][0]);
        if (value && value[0] != '\0' && !set(configuration, variables[i][1], value))
            p11d_trace(P11D_TRACE_STATE, "%s: not understood", variables[i][0]);
    }
}

CK_RV p11d_configuration_load(P11dConfiguration *configuration, const char *reserved,
                              const char *file)
{
    *configuration = (P11dConfiguration){.name = P11D_BUS_NAME, .autostart = true};
    load_file(configuration, file);
    load_environment(configuration);
    if (!reserved)
        return CKR_OK;
    if (strnlen(reserved, P11D_CONFIGURATION_MAX + 1) > P11D_CONFIGURATION_MAX)
        return CKR_ARGUMENTS_BAD;
    return parse(configuration, reserved) ? CKR_OK : CKR_ARGUMENTS_BAD;
}

bool p11d_configuration_address(const P11dConfiguration *configuration, P11dAddress *address)
{
    if (configuration->bus[0] != '\0')
        return p11d_address_of_bus(address, configuration->bus);
    return p11d_address_of_bus(address, "session") || p11d_address_of_bus(address, "system");
}
