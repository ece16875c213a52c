// SPDX-License-Identifier: MIT
/*
 * A configuration says where the service is and how the module uses it. It comes from three places,
 * the first that has an answer counts: the string that the host gives in pReserved of C_Initialize,
 * the environment (not in a process with AT_SECURE), and the file module.conf. String and file are
 * words KEY=VALUE:
 *
 *     bus=session | bus=system | bus='unix:path=/run/my%20bus'
 *     name=org.example.Tokens
 *     autostart=no
 *
 * Whoever writes a setting means something other than the default. So a mistake in any of the three
 * is never passed over: it is kept here, and then no service is to be asked, least of all the one
 * that would be without the setting.
 */
#ifndef P11D_CONFIGURATION_H
#define P11D_CONFIGURATION_H

#include <stdbool.h>

#include "address.h"
#include "pkcs11.h"

/* The longest string of pReserved and the longest file that are read, in bytes. */
#define P11D_CONFIGURATION_MAX 4096
/* The most key types that are hidden at once. */
#define P11D_CONFIGURATION_HIDDEN 64

/* Whether the bus may start the service. */
typedef enum P11dAutostart {
    P11D_AUTOSTART_NO,
    P11D_AUTOSTART_YES,
    P11D_AUTOSTART_KEYS, /* where the user's key directory (key-directory.h) holds something */
} P11dAutostart;

typedef struct P11dConfiguration {
    char bus[512];  /* "session", "system" or an address; "": the session bus if its address is
                     * known, else the system bus */
    char name[256]; /* of the service on the bus */
    P11dAutostart autostart;
    bool channels; /* the service is asked for channels; else it is used over the bus alone */
    CK_KEY_TYPE hidden[P11D_CONFIGURATION_HIDDEN]; /* the host does not see keys of these types */
    size_t hidden_count;
    char mistake[640]; /* the first that was found (of the reserved string, if it has one): where it
                        * is, and what; "": none */
} P11dConfiguration;

/* A setting: one row a word. */
typedef struct P11dSetting {
    const char *word;
    const char *variable; /* of the environment; empty counts as not set */
    /* Returns false for a value that is none, and what configuration has then does not matter. */
    bool (*set)(P11dConfiguration *configuration, const char *value);
    const char *wanted; /* what its value is, for people */
} P11dSetting;

extern const P11dSetting p11d_settings[];
extern const size_t p11d_setting_count;

/* Where module.conf is. */
extern const char p11d_configuration_file[];

/*
 * Collects the configuration. reserved: pReserved of C_Initialize or NULL; file: path of
 * module.conf, which may be missing.
 * Errors: CKR_ARGUMENTS_BAD for a reserved string that is longer than P11D_CONFIGURATION_MAX or no
 * list of settings. A mistake of file or environment is CKR_OK; mistake tells of all three.
 */
CK_RV p11d_configuration_load(P11dConfiguration *configuration, const char *reserved,
                              const char *file);

/* Whether the bus may start the service now. May read a directory: not for callers with a lock. */
bool p11d_configuration_may_start(P11dAutostart autostart);

/* The address of the bus that it means. Returns false if it is not known: never that of another. */
bool p11d_configuration_address(const P11dConfiguration *configuration, P11dAddress *address);

#endif
