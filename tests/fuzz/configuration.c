// SPDX-License-Identifier: MIT
/* Any text as the reserved string of a host: it is taken as settings that make sense, or refused
 * with a reason. */
#include "configuration.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "syntax.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    P11dConfiguration configuration;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    const CK_RV rv = p11d_configuration_load(&configuration, text, "/dev/null");
    FUZZ_EXPECT((rv == CKR_OK) == (configuration.mistake[0] == '\0'));
    FUZZ_EXPECT(memchr(configuration.mistake, '\0', sizeof configuration.mistake) != NULL);
    if (rv == CKR_OK) {
        P11dAddress address;
        FUZZ_EXPECT(strlen(text) <= P11D_CONFIGURATION_MAX);
        FUZZ_EXPECT(p11d_syntax_is_bus_name(configuration.name));
        FUZZ_EXPECT(configuration.hidden_count <= P11D_CONFIGURATION_HIDDEN);
        FUZZ_EXPECT(strchr("s", configuration.bus[0]) != NULL ||
                    p11d_address_parse(&address, configuration.bus, "/"));
    }
    free(text);
    return 0;
}
