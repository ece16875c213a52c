// SPDX-License-Identifier: MIT
/*
 * A configuration says where the service is and how the module looks for it. It comes from three
 * places, the first that has an answer counts: the string that the host gives in pReserved of
 * C_Initialize, the environment (P11DBUS_BUS, P11DBUS_NAME; not in a process with AT_SECURE), and
 * the file module.conf. String and file are words KEY=VALUE:
 *
 *     bus=session | bus=system | bus='unix:path=/run/my bus'
 *     name=org.example.Tokens
 *     autostart=no
 */
#ifndef P11D_CONFIGURATION_H
#define P11D_CONFIGURATION_H

#include <stdbool.h>

#include "address.h"
#include "pkcs11.h"

/* The longest string of pReserved and the longest file that are read, in bytes. */
#define P11D_CONFIGURATION_MAX 4096

typedef struct P11dConfiguration {
    char bus[512];  /* "session", "system" or an address; "": the session bus if its address is
                     * known, else the system bus */
    char name[256]; /* of the service on the bus */
    bool autostart; /* the bus may start the service */
} P11dConfiguration;

/*
 * Collects the configuration. reserved: pReserved of C_Initialize or NULL; file: path of
 * module.conf, which may be missing.
 * Errors: CKR_ARGUMENTS_BAD for a reserved string that is no list of known words. Mistakes in the
 * file only show in the trace: a host must not fail because of them.
 */
CK_RV p11d_configuration_load(P11dConfiguration *configuration, const char *reserved,
                              const char *file);

/* The address of the bus that it means. Returns false if it is not known. */
bool p11d_configuration_address(const P11dConfiguration *configuration, P11dAddress *address);

#endif
