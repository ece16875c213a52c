// SPDX-License-Identifier: MIT
#include "properties.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"
#include "mechanism.h"
#include "name.h"

void p11d_properties_pad(unsigned char *field, size_t size, const char *text)
{
    size_t length = strlen(text);
    if (length > size) {
        length = size;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--; /* the byte behind the cut must begin a character */
    }
    memset(field, ' ', size);
    memcpy(field, text, length);
}

/* One property: how it is read, and which part of the structure it fills. */
typedef struct Row {
    const char *name;
    void (*read)(P11dProperties *properties, const struct Row *row, P11dReader *reader);
    size_t offset;
    size_t size;
} Row;

static void read_text(P11dProperties *properties, const Row *row, P11dReader *reader)
{
    const char *text;
    if (p11d_reader_string(reader, &text, NULL))
        p11d_properties_pad((unsigned char *)properties + row->offset, row->size, text);
}

/* Reads an 'as' of names of bits; unknown ones are ignored. */
static CK_FLAGS read_bits(P11dReader *reader, const P11dNames *names)
{
    CK_FLAGS flags = 0;
    P11dReader elements;
    const char *name;
    if (!p11d_reader_array(reader, 4, &elements))
        return 0;
    while (!p11d_reader_at_end(&elements) && p11d_reader_string(&elements, &name, NULL)) {
        CK_ULONG bit;
        if (p11d_name_parse(names, name, &bit))
            flags |= bit;
    }
    return flags;
}

static void read_flags(P11dProperties *properties, const Row *row, P11dReader *reader)
{
    (void)row;
    properties->flags = read_bits(reader, &p11d_names_token_flag);
}

static void read_pin_length(P11dProperties *properties, const Row *row, P11dReader *reader)
{
    (void)row;
    uint32_t shortest;
    uint32_t longest;
    if (!p11d_reader_struct(reader) || !p11d_reader_uint32(reader, &shortest) ||
        !p11d_reader_uint32(reader, &longest))
        return;
    properties->pin.shortest = shortest;
    properties->pin.longest = longest;
}

static void read_version(P11dProperties *properties, const Row *row, P11dReader *reader)
{
    CK_VERSION version;
    if (p11d_reader_struct(reader) && p11d_reader_byte(reader, &version.major) &&
        p11d_reader_byte(reader, &version.minor))
        memcpy((char *)properties + row->offset, &version, sizeof version);
}

static CK_ULONG limited(uint64_t number)
{
    return number > CK_UNAVAILABLE_INFORMATION ? CK_UNAVAILABLE_INFORMATION : (CK_ULONG)number;
}

/* What the token can do with messages follows from what it does else, whatever the service says of
 * that: each is an operation of its own. Those that are encrypted have a tag beside them. */
static CK_FLAGS with_messages(const P11dMechanism *row, CK_FLAGS flags)
{
    const bool sealed = row && row->shape == &p11d_parameters_gcm;
    const struct {
        CK_FLAGS flag, each;
        bool fits;
    } messages[] = {
        {CKF_MESSAGE_SIGN, CKF_SIGN, true},
        {CKF_MESSAGE_VERIFY, CKF_VERIFY, true},
        {CKF_MESSAGE_ENCRYPT, CKF_ENCRYPT, sealed},
        {CKF_MESSAGE_DECRYPT, CKF_DECRYPT, sealed},
    };
    flags &= ~CKF_MULTI_MESSAGE;
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        flags &= ~messages[i].flag;
        if (messages[i].fits && flags & messages[i].each)
            flags |= messages[i].flag | CKF_MULTI_MESSAGE;
    }
    return flags;
}

/* Reads one entry of the a{s(ttas)}. Returns false for a mechanism that nobody could name. */
static bool read_offer(P11dReader *elements, P11dOffer *offer)
{
    const char *name;
    uint64_t smallest;
    uint64_t largest;
    if (!p11d_reader_struct(elements) || !p11d_reader_string(elements, &name, NULL) ||
        !p11d_reader_struct(elements) || !p11d_reader_uint64(elements, &smallest) ||
        !p11d_reader_uint64(elements, &largest))
        return false;
    offer->info = (CK_MECHANISM_INFO){.ulMinKeySize = limited(smallest),
                                      .ulMaxKeySize = limited(largest),
                                      .flags = read_bits(elements, &p11d_names_mechanism_flag)};
    if (!p11d_mechanism_parse_name(name, &offer->type))
        return false;
    const P11dMechanism *row = p11d_mechanism_find(offer->type);
    offer->key = row ? row->key_type : CK_UNAVAILABLE_INFORMATION;
    offer->info.flags = with_messages(row, offer->info.flags);
    return true;
}

static void add_offer(P11dProperties *properties, const P11dOffer *offer)
{
    const size_t count = properties->offered.count;
    if (count == P11D_PROPERTIES_MECHANISMS || p11d_properties_offer(properties, offer->type))
        return;
    if (count % 32 == 0) {
        P11dOffer *more = realloc(properties->offers, (count + 32) * sizeof *more);
        if (!more)
            return;
        properties->offers = more;
    }
    properties->offers[properties->offered.count++] = *offer;
}

static void read_mechanisms(P11dProperties *properties, const Row *row, P11dReader *reader)
{
    (void)row;
    P11dReader elements;
    if (!p11d_reader_array(reader, 8, &elements))
        return;
    properties->offered.known = true;
    properties->offered.count = 0;
    while (!p11d_reader_at_end(&elements)) {
        P11dOffer offer;
        if (read_offer(&elements, &offer))
            add_offer(properties, &offer);
    }
}

static void read_features(P11dProperties *properties, const Row *row, P11dReader *reader)
{
    (void)row;
    P11dReader elements;
    const char *name;
    if (!p11d_reader_array(reader, 4, &elements))
        return;
    properties->features.prehashed = properties->features.streams = false;
    while (!p11d_reader_at_end(&elements) && p11d_reader_string(&elements, &name, NULL)) {
        if (strcmp(name, "prehashed") == 0)
            properties->features.prehashed = true;
        else if (strcmp(name, "streams") == 0)
            properties->features.streams = true;
    }
}

static void read_run(P11dProperties *properties, const Row *row, P11dReader *reader)
{
    (void)row;
    properties->run.known = p11d_reader_uint64(reader, &properties->run.number);
}

#define PART(member) offsetof(P11dProperties, member), sizeof((P11dProperties *)NULL)->member

static const Row rows[] = {
    {"Label", read_text, PART(label)},
    {"Manufacturer", read_text, PART(manufacturer)},
    {"Model", read_text, PART(model)},
    {"Serial", read_text, PART(serial)},
    {"Flags", read_flags, PART(flags)},
    {"PinLength", read_pin_length, PART(pin)},
    {"HardwareVersion", read_version, PART(hardware)},
    {"FirmwareVersion", read_version, PART(firmware)},
    {"Mechanisms", read_mechanisms, PART(offered)},
    {"Features", read_features, PART(features)},
    {"Run", read_run, PART(run)},
};

static const Row *find_row(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    return NULL;
}

void p11d_properties_init(P11dProperties *properties, const char *name)
{
    *properties = (P11dProperties){.flags = CKF_TOKEN_INITIALIZED, .pin.longest = 255};
    p11d_properties_pad(properties->label, sizeof properties->label, name);
    p11d_properties_pad(properties->manufacturer, sizeof properties->manufacturer, "");
    p11d_properties_pad(properties->model, sizeof properties->model, "");
    p11d_properties_pad(properties->serial, sizeof properties->serial, "");
}

void p11d_properties_clear(P11dProperties *properties)
{
    free(properties->offers);
    properties->offers = NULL;
    properties->offered.count = 0;
}

void p11d_properties_read(P11dProperties *properties, P11dReader elements)
{
    const char *key;
    const char *signature;
    while (!p11d_reader_at_end(&elements) && p11d_reader_entry(&elements, &key, &signature)) {
        const Row *row = find_row(key);
        const P11dProperty *property = p11d_interface_property(&p11d_interface_token, key);
        if (row && property && strcmp(property->signature, signature) == 0)
            row->read(properties, row, &elements);
        else
            p11d_reader_skip(&elements, signature);
    }
}

void p11d_properties_reset(P11dProperties *properties, const char *property, const char *name)
{
    const Row *row = find_row(property);
    if (!row)
        return;
    P11dProperties fresh;
    p11d_properties_init(&fresh, name);
    memcpy((char *)properties + row->offset, (const char *)&fresh + row->offset, row->size);
}

const P11dOffer *p11d_properties_offer(const P11dProperties *properties, CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < properties->offered.count; i++) {
        if (properties->offers[i].type == type)
            return &properties->offers[i];
    }
    return NULL;
}

/* Whether that is what is asked for of a service that names no mechanisms. */
static bool is_asked(const P11dProperties *properties, CK_FLAGS flag)
{
    return !properties->offered.known && (flag == CKF_SIGN || flag == CKF_MESSAGE_SIGN);
}

CK_FLAGS p11d_properties_flags(const P11dProperties *properties, const P11dOffer *offer)
{
    const CK_FLAGS streamed = CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER;
    return offer->info.flags & ~(properties->features.streams ? 0 : streamed);
}

bool p11d_properties_can(const P11dProperties *properties, CK_MECHANISM_TYPE type, CK_FLAGS flag)
{
    const P11dOffer *offer = p11d_properties_offer(properties, type);
    return offer ? (p11d_properties_flags(properties, offer) & flag) != 0
                 : is_asked(properties, flag);
}

bool p11d_properties_serves(const P11dProperties *properties, CK_KEY_TYPE key, CK_FLAGS flag)
{
    for (size_t i = 0; i < properties->offered.count; i++) {
        const P11dOffer *offer = &properties->offers[i];
        const bool fits = offer->key == key || offer->key == CK_UNAVAILABLE_INFORMATION ||
                          key == CK_UNAVAILABLE_INFORMATION;
        if (fits && (p11d_properties_flags(properties, offer) & flag) != 0)
            return true;
    }
    return is_asked(properties, flag);
}
