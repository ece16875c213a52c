// SPDX-License-Identifier: MIT
#include "fake-token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake-keys.h"
#include "interface.h"

FakeOptions fake_options = {.name = P11D_BUS_NAME,
                            .run = 1,
                            .channels = true,
                            .token = true,
                            .features = "prehashed,streams",
                            .mechanisms = "ecdsa,ecdsa-sha256,rsa-pkcs,sha256-rsa-pkcs",
                            .flags = "sign,verify",
                            .label = "fake"};

size_t fake_object_count = 4;
uint64_t fake_generation;

static const struct {
    const char *class;
    const char *label;
    const uint8_t *info;
    size_t info_size;
    bool private;
} objects[] = {
    {"private-key", "ec", fake_ec_info, sizeof fake_ec_info, false},
    {"public-key", "ec", fake_ec_info, sizeof fake_ec_info, false},
    {"private-key", "rsa", fake_rsa_info, sizeof fake_rsa_info, false},
    {"public-key", "rsa", fake_rsa_info, sizeof fake_rsa_info, false},
    {"data", "added", NULL, 0, false},
    {"data", "hidden", NULL, 0, true},
};

bool fake_set_option(const char *word, char *value)
{
    const struct {
        const char *word;
        bool *option;
    } switches[] = {
        {"channels", &fake_options.channels}, {"always", &fake_options.always},
        {"bare", &fake_options.bare},         {"login", &fake_options.login},
        {"pad", &fake_options.pad},           {"open", &fake_options.open},
        {"claims", &fake_options.claims},     {"token", &fake_options.token},
        {"ciphers", &fake_options.ciphers},   {"early", &fake_options.early},
    };
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        if (strcmp(word, switches[i].word) == 0) {
            *switches[i].option = strcmp(value, "yes") == 0;
            return true;
        }
    }
    if (strcmp(word, "name") == 0)
        fake_options.name = value;
    else if (strcmp(word, "run") == 0)
        fake_options.run = strtoull(value, NULL, 10);
    else if (strcmp(word, "features") == 0)
        snprintf(fake_options.features, sizeof fake_options.features, "%s", value);
    else if (strcmp(word, "mechanisms") == 0)
        snprintf(fake_options.mechanisms, sizeof fake_options.mechanisms, "%s", value);
    else if (strcmp(word, "flags") == 0)
        snprintf(fake_options.flags, sizeof fake_options.flags, "%s", value);
    else
        return false;
    return true;
}

void fake_write_names(P11dWriter *writer, const char *list)
{
    char copy[512];
    snprintf(copy, sizeof copy, "%s", list);
    const P11dArray array = p11d_writer_array_begin(writer, 4);
    for (char *name = strtok(copy, ","); name; name = strtok(NULL, ","))
        p11d_writer_string(writer, name);
    p11d_writer_array_end(writer, array);
}

static void write_mechanisms(P11dWriter *writer)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", fake_options.mechanisms);
    const P11dArray array = p11d_writer_array_begin(writer, 8);
    for (char *save, *name = strtok_r(copy, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
        p11d_writer_struct(writer);
        p11d_writer_string(writer, name);
        p11d_writer_struct(writer);
        p11d_writer_uint64(writer, 256);
        p11d_writer_uint64(writer, 4096);
        fake_write_names(writer, fake_options.claims
                                     ? "hw,message-encrypt,message-decrypt,message-sign,"
                                       "message-verify,multi-message,find-objects,encrypt,"
                                       "decrypt,digest,sign,sign-recover,verify,"
                                       "verify-recover,generate,generate-key-pair,wrap,"
                                       "unwrap,derive,encapsulate,decapsulate,extension"
                                     : fake_options.flags);
    }
    p11d_writer_array_end(writer, array);
}

void fake_write_flags(P11dWriter *writer)
{
    p11d_writer_entry(writer, "Flags", "as");
    fake_write_names(writer,
                     fake_options.claims  ? "token-initialized,login-required,"
                                            "restore-key-not-needed,clock-on-token,"
                                            "dual-crypto-operations,secondary-authentication,"
                                            "seed-random-required,async-session-supported"
                     : fake_options.pad   ? "token-initialized,login-required,"
                                            "protected-authentication-path"
                     : fake_options.login ? "token-initialized,login-required,write-protected"
                     : fake_options.open  ? "token-initialized"
                                          : "token-initialized,user-pin-initialized");
}

void fake_write_properties(P11dWriter *writer)
{
    const P11dArray array = p11d_writer_array_begin(writer, 8);
    p11d_writer_entry(writer, "Label", "s");
    p11d_writer_string(writer, fake_options.label);
    p11d_writer_entry(writer, "Mechanisms", "a{s(ttas)}");
    write_mechanisms(writer);
    p11d_writer_entry(writer, "Features", "as");
    fake_write_names(writer, fake_options.features);
    fake_write_flags(writer);
    if (fake_options.run != 0) {
        p11d_writer_entry(writer, "Run", "t");
        p11d_writer_uint64(writer, fake_options.run);
    }
    p11d_writer_array_end(writer, array);
}

void fake_write_token(P11dWriter *writer, const char *path)
{
    p11d_writer_string(writer, path);
    const P11dArray interfaces = p11d_writer_array_begin(writer, 8);
    p11d_writer_struct(writer);
    p11d_writer_string(writer, p11d_interface_token.name);
    fake_write_properties(writer);
    p11d_writer_array_end(writer, interfaces);
}

static void write_claims(P11dWriter *writer)
{
    static const char *const claims[] = {
        "modifiable",   "copyable",       "destroyable", "sign",        "verify",
        "sign-recover", "verify-recover", "encrypt",     "decrypt",     "wrap",
        "unwrap",       "derive",         "encapsulate", "decapsulate",
    };
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        p11d_writer_entry(writer, claims[i], "b");
        p11d_writer_boolean(writer, true);
    }
}

void fake_write_object(P11dWriter *writer, size_t i)
{
    p11d_writer_struct(writer);
    p11d_writer_uint64(writer, fake_options.run * 100 + i + 1);
    const P11dArray array = p11d_writer_array_begin(writer, 8);
    p11d_writer_entry(writer, "class", "s");
    p11d_writer_string(writer, objects[i].class);
    p11d_writer_entry(writer, "label", "s");
    p11d_writer_string(writer, objects[i].label);
    if (objects[i].private) {
        p11d_writer_entry(writer, "private", "b");
        p11d_writer_boolean(writer, true);
    }
    if (objects[i].info && !fake_options.bare) {
        p11d_writer_entry(writer, "public-key-info", "ay");
        p11d_writer_bytes(writer, objects[i].info, objects[i].info_size);
    } else if (objects[i].info) {
        p11d_writer_entry(writer, "key-type", "s");
        p11d_writer_string(writer, objects[i].label);
        if (strcmp(objects[i].class, "public-key") == 0) {
            p11d_writer_entry(writer, "public-key-info", "ay");
            p11d_writer_bytes(writer, objects[i].info, objects[i].info_size);
        }
    }
    if (fake_options.always && strcmp(objects[i].class, "private-key") == 0) {
        p11d_writer_entry(writer, "always-authenticate", "b");
        p11d_writer_boolean(writer, true);
    }
    if (fake_options.claims)
        write_claims(writer);
    else if (fake_options.ciphers && strcmp(objects[i].class, "data") != 0) {
        p11d_writer_entry(writer, objects[i].class[1] == 'r' ? "decrypt" : "encrypt", "b");
        p11d_writer_boolean(writer, true);
    }
    p11d_writer_array_end(writer, array);
}
