// SPDX-License-Identifier: MIT
#include "commands.h"

#include <string.h>

static const P11dCommand *const commands[] = {
    &p11d_command_list,   &p11d_command_audit,       &p11d_command_sign,
    &p11d_command_verify, &p11d_command_serve,       &p11d_command_smoke,
    &p11d_command_help,   &p11d_command_smoke_check, &p11d_command_complete,
};

const GOptionEntry p11d_commands_instead[] = {
    [P11D_COMMANDS_HELP] = {"help", 'h', 0, G_OPTION_ARG_NONE, NULL,
                            "print what commands there are", NULL},
    [P11D_COMMANDS_VERSION] = {"version", 0, 0, G_OPTION_ARG_NONE, NULL, "print the version", NULL},
    {NULL},
};

const P11dCommand *p11d_commands_at(size_t i)
{
    return i < G_N_ELEMENTS(commands) ? commands[i] : NULL;
}

const P11dCommand *p11d_commands_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}
