// SPDX-License-Identifier: MIT
#include "fake-signals.h"

#include "fake-connection.h"
#include "fake-token.h"
#include "interface.h"

static void begin_signal(FakeConnection *connection, P11dWriter *writer,
                         const P11dInterface *interface, const char *name, const char *path)
{
    P11dMessage signal = {.type = P11D_MESSAGE_SIGNAL,
                          .path = path,
                          .interface = interface->name,
                          .member = name,
                          .signature = p11d_interface_signal(interface, name)->signature};
    p11d_channel_begin(&connection->channel, writer, &signal);
}

static void say_changed(FakeConnection *connection)
{
    P11dWriter writer;
    if (connection->outstanding)
        return;
    connection->outstanding = true;
    begin_signal(connection, &writer, &p11d_interface_token, "ObjectsChanged", FAKE_TOKEN_PATH);
    p11d_writer_uint64(&writer, fake_generation);
    fake_send(connection, &writer, -1);
}

static void say_token(FakeConnection *connection)
{
    P11dWriter writer;
    begin_signal(connection, &writer, &p11d_interface_object_manager,
                 fake_options.token ? "InterfacesAdded" : "InterfacesRemoved", P11D_ROOT_PATH);
    if (fake_options.token) {
        fake_write_token(&writer, FAKE_TOKEN_PATH);
    } else {
        p11d_writer_string(&writer, FAKE_TOKEN_PATH);
        fake_write_names(&writer, p11d_interface_token.name);
    }
    fake_send(connection, &writer, -1);
}

static void say_properties(FakeConnection *connection)
{
    P11dWriter writer;
    begin_signal(connection, &writer, &p11d_interface_properties, "PropertiesChanged",
                 FAKE_TOKEN_PATH);
    p11d_writer_string(&writer, p11d_interface_token.name);
    const P11dArray changed = p11d_writer_array_begin(&writer, 8);
    p11d_writer_entry(&writer, "Label", "s");
    p11d_writer_string(&writer, fake_options.label);
    fake_write_flags(&writer);
    p11d_writer_array_end(&writer, changed);
    fake_write_names(&writer, "Features");
    fake_send(connection, &writer, -1);
}

static void say_to_all(FakeKind kind, void (*say)(FakeConnection *connection))
{
    for (int i = 1; i < FAKE_CONNECTIONS; i++) {
        if (fake_connections[i].open && fake_connections[i].kind == kind)
            say(&fake_connections[i]);
    }
}

void fake_say_changed(void)
{
    say_to_all(FAKE_CONTROL, say_changed);
}

void fake_say_token(void)
{
    say_to_all(FAKE_MANAGER, say_token);
}

void fake_say_properties(void)
{
    say_to_all(FAKE_MANAGER, say_properties);
}
