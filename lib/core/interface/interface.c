// SPDX-License-Identifier: MIT
#include "interface.h"

#include <string.h>

const P11dMethod *p11d_interface_method(const P11dInterface *interface, const char *name)
{
    for (size_t i = 0; i < interface->method_count; i++) {
        if (strcmp(interface->methods[i].name, name) == 0)
            return &interface->methods[i];
    }
    return NULL;
}

const P11dSignal *p11d_interface_signal(const P11dInterface *interface, const char *name)
{
    for (size_t i = 0; i < interface->signal_count; i++) {
        if (strcmp(interface->signals[i].name, name) == 0)
            return &interface->signals[i];
    }
    return NULL;
}

const P11dProperty *p11d_interface_property(const P11dInterface *interface, const char *name)
{
    for (size_t i = 0; i < interface->property_count; i++) {
        if (strcmp(interface->properties[i].name, name) == 0)
            return &interface->properties[i];
    }
    return NULL;
}
