// SPDX-License-Identifier: MIT
#include "connection.h"

void p11d_connection_init(P11dConnection *connection)
{
    *connection = (P11dConnection){.most = P11D_CONNECTION_CHANNELS};
}

void p11d_connection_close_idle(P11dConnection *connection)
{
    while (connection->idle_count > 0) {
        connection->open--;
        p11d_peer_release(connection->idle[--connection->idle_count]);
    }
}

void p11d_connection_clear(P11dConnection *connection)
{
    p11d_connection_close_idle(connection);
    p11d_peer_release(connection->control);
    connection->control = NULL;
    connection->on_bus = false;
    connection->epoch++;
    connection->open = 0;
    connection->held = 0;
    connection->most = P11D_CONNECTION_CHANNELS;
}
