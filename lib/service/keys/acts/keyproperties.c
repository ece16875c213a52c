// SPDX-License-Identifier: MIT
#include "keyproperties.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "interface.h"
#include "key-directory.h"
#include "keyblock.h"
#include "keycipher.h"
#include "keyderive.h"
#include "keymac.h"
#include "keymanage.h"
#include "keymaterial.h"
#include "keyrecover.h"
#include "keysign.h"
#include "keywrap.h"
#include "worker-token.h"

/* Stays the same for the same directory, and differs where two have the same name. */
static bool make_serial(const char *path, char serial[2 * 8 + 1])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(path, strlen(path), digest, NULL, EVP_sha256(), NULL) != 1)
        return false;
    for (size_t i = 0; i < 8; i++)
        snprintf(serial + 2 * i, 3, "%02X", digest[i]);
    return true;
}

bool p11d_keyproperties_init(P11dKeyProperties *properties, const char *path)
{
    *properties = (P11dKeyProperties){.label = p11d_key_directory_label(path)};
    if (!properties->label || !make_serial(path, properties->serial)) {
        errno = ENOMEM;
        return false;
    }
    return getrandom(&properties->run, sizeof properties->run, 0) == sizeof properties->run;
}

void p11d_keyproperties_clear(P11dKeyProperties *properties)
{
    free(properties->label);
    *properties = (P11dKeyProperties){0};
}

static void begin_property(P11dWriter *writer, const char *name)
{
    const P11dProperty *property = p11d_interface_property(&p11d_interface_token, name);
    p11d_writer_entry(writer, name, property->signature);
}

static void write_text(P11dWriter *writer, const char *name, const char *value)
{
    begin_property(writer, name);
    p11d_writer_string(writer, value);
}

static void write_flags(P11dWriter *writer, const P11dNames *names, CK_FLAGS flags)
{
    P11dArray array = p11d_writer_array_begin(writer, 4);
    for (size_t i = 0; i < names->count; i++) {
        if (flags & names->rows[i].number)
            p11d_writer_string(writer, names->rows[i].name);
    }
    p11d_writer_array_end(writer, array);
}

/* What computes here, and what for. */
static const struct {
    bool (*offers)(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest);
    CK_FLAGS flags;
} families[] = {
    {p11d_keysign_offers, CKF_SIGN | CKF_VERIFY},
    {p11d_keymac_offers, CKF_SIGN | CKF_VERIFY},
    {p11d_keyrecover_offers, CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER},
    {p11d_keycipher_offers, CKF_ENCRYPT | CKF_DECRYPT},
    {p11d_keyblock_offers, CKF_ENCRYPT | CKF_DECRYPT},
    {p11d_keyderive_offers, CKF_DERIVE | CKF_ENCAPSULATE | CKF_DECAPSULATE},
    {p11d_keywrap_offers, CKF_WRAP | CKF_UNWRAP},
    {p11d_keymaterial_generates, CKF_GENERATE_KEY_PAIR},
    {p11d_keymanage_generates, CKF_GENERATE},
};

/* The flags of a mechanism and the sizes of its keys; 0: it is none of ours. */
static CK_FLAGS flags_of(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest)
{
    CK_FLAGS flags = 0;
    CK_ULONG least, most;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (!families[i].offers(mechanism, &least, &most))
            continue;
        flags |= families[i].flags;
        *smallest = least;
        *largest = most;
    }
    return flags;
}

static void write_mechanisms(P11dWriter *writer)
{
    P11dArray array = p11d_writer_array_begin(writer, 8);
    for (size_t i = 0; i < p11d_mechanism_count; i++) {
        const P11dMechanism *mechanism = &p11d_mechanisms[i];
        CK_ULONG smallest = 0, largest = 0;
        CK_FLAGS flags = flags_of(mechanism, &smallest, &largest);
        if (flags == 0)
            continue;
        p11d_writer_struct(writer); /* the dict entry */
        p11d_writer_string(writer, mechanism->name);
        p11d_writer_struct(writer);
        p11d_writer_uint64(writer, smallest);
        p11d_writer_uint64(writer, largest);
        write_flags(writer, &p11d_names_mechanism_flag, flags);
    }
    p11d_writer_array_end(writer, array);
}

void p11d_keyproperties_write(const P11dKeyProperties *properties, const P11dKeyStanding *standing,
                              P11dWriter *writer)
{
    write_text(writer, "Label", *standing->label ? standing->label : properties->label);
    write_text(writer, "Manufacturer", "p11dbus");
    write_text(writer, "Model", "Key directory");
    write_text(writer, "Serial", properties->serial);
    begin_property(writer, "Flags");
    write_flags(writer, &p11d_names_token_flag,
                CKF_RNG | CKF_TOKEN_INITIALIZED | (standing->writable ? 0 : CKF_WRITE_PROTECTED) |
                    (standing->needs_login ? CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED : 0));
    begin_property(writer, "PinLength");
    p11d_writer_struct(writer);
    p11d_writer_uint32(writer, 1);
    p11d_writer_uint32(writer, P11D_WORKER_TOKEN_PIN_MAX);
    begin_property(writer, "Mechanisms");
    write_mechanisms(writer);
    begin_property(writer, "Features");
    P11dArray features = p11d_writer_array_begin(writer, 4);
    p11d_writer_string(writer, "prehashed");
    p11d_writer_string(writer, "streams");
    p11d_writer_array_end(writer, features);
    begin_property(writer, "Run");
    p11d_writer_uint64(writer, properties->run);
}
