// SPDX-License-Identifier: MIT
/* How a key ring writes to its directory. */
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyring.h"
#include "keystore.h"
#include "log.h"

bool p11d_keyring_is_replaced(P11dKeyRing *ring)
{
    struct stat status;
    if (ring->replaced || !ring->writable || stat(ring->path, &status) != 0)
        return ring->replaced;
    if (!ring->inode) {
        ring->device = status.st_dev;
        ring->inode = status.st_ino;
    }
    ring->replaced = status.st_dev != ring->device || status.st_ino != ring->inode;
    if (ring->replaced)
        p11d_log("%s: another directory has come in its place, which this worker may not write to; "
                 "the next one begins with that",
                 ring->path);
    return ring->replaced;
}

/* For how long another service is waited for, in milliseconds. Those who wait behind somebody for
 * whom that was not enough do not each wait as long. */
#define PATIENCE 5000
#define PATIENCE_ONCE_MORE 100

CK_RV p11d_keyring_permits_writing(const P11dKeyView *view)
{
    const P11dKeyRing *ring = view->ring;
    bool owns = view->uid == geteuid() || view->uid == 0;
    if (!ring->writable)
        return CKR_TOKEN_WRITE_PROTECTED;
    return ring->writers == P11D_WORKER_TOKEN_ALL || owns ? CKR_OK : CKR_FUNCTION_REJECTED;
}

/* Waits for who is reading what others wrote. */
static void set_alone(P11dKeyRing *ring, bool alone)
{
    pthread_mutex_lock(&ring->reading);
    ring->alone = alone;
    pthread_mutex_unlock(&ring->reading);
}

/* Reads what others wrote since, so that what is written now is made of that: their events are
 * there, though nobody has taken them. */
static void catch_up(P11dKeyRing *ring)
{
    struct pollfd event = {.fd = ring->watch.fd, .events = POLLIN};
    if (poll(&event, 1, 0) > 0)
        p11d_keyring_reread(ring);
    set_alone(ring, true);
}

CK_RV p11d_keyring_begin_writing(P11dKeyRing *ring)
{
    if (!ring->writable)
        return CKR_TOKEN_WRITE_PROTECTED;
    pthread_mutex_lock(&ring->writing);
    CK_RV rv =
        p11d_keystore_lock(ring->path, ring->blocked ? PATIENCE_ONCE_MORE : PATIENCE, &ring->store);
    ring->blocked = ring->store < 0;
    if (rv == CKR_OK && p11d_keychange_is_pending(ring->path))
        rv = p11d_keychange_finish(ring->path);
    if (rv == CKR_OK)
        catch_up(ring);
    else
        p11d_keyring_end_writing(ring);
    return rv;
}

void p11d_keyring_end_writing(P11dKeyRing *ring)
{
    set_alone(ring, false);
    p11d_keystore_unlock(ring->store);
    ring->store = -1;
    pthread_mutex_unlock(&ring->writing);
}

/* Nobody reads the directory in the middle of it. What fails may be a disk that fails once. */
static CK_RV make_change(P11dKeyRing *ring)
{
    pthread_mutex_lock(&ring->reading);
    CK_RV rv = p11d_keychange_finish(ring->path);
    if (rv != CKR_OK)
        rv = p11d_keychange_finish(ring->path);
    pthread_mutex_unlock(&ring->reading);
    return rv;
}

CK_RV p11d_keyring_change(P11dKeyRing *ring, const P11dKeyChange *change, CK_RV rv)
{
    if (rv == CKR_OK && change->count > 0)
        rv = p11d_keychange_commit(change);
    if (rv != CKR_OK)
        p11d_keychange_abandon(change);
    else if (change->count > 0)
        rv = make_change(ring);
    p11d_keyring_reread(ring);
    return rv;
}
