// SPDX-License-Identifier: MIT
#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY_EVENTS                                                                           \
    (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB |            \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define PARENT_EVENTS (IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR)

static bool watch_directory(P11dWatch *watch)
{
    watch->directory = inotify_add_watch(watch->fd, watch->path, DIRECTORY_EVENTS);
    return watch->directory >= 0;
}

static void watch_parent(P11dWatch *watch)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(watch->path, '/');
    int size = slash > watch->path ? (int)(slash - watch->path) : 1;
    if (snprintf(parent, sizeof parent, "%.*s", size, watch->path) < (int)sizeof parent)
        watch->parent = inotify_add_watch(watch->fd, parent, PARENT_EVENTS);
}

bool p11d_watch_init(P11dWatch *watch, const char *path)
{
    *watch = (P11dWatch){.path = path, .directory = -1, .parent = -1};
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->fd < 0)
        return false;
    if (watch_directory(watch))
        return true;
    int error = errno;
    p11d_watch_clear(watch);
    errno = error;
    return false;
}

void p11d_watch_clear(P11dWatch *watch)
{
    if (watch->fd >= 0)
        close(watch->fd);
    watch->fd = -1;
}

/* A file that was just made is being written, and its end is told later; a link is complete. */
static bool is_link(const P11dWatch *watch, const char *name)
{
    char path[PATH_MAX];
    struct stat status;
    if (snprintf(path, sizeof path, "%s/%s", watch->path, name) >= (int)sizeof path ||
        lstat(path, &status) != 0)
        return true; /* whatever it is, a scan tells */
    return S_ISLNK(status.st_mode) || status.st_nlink > 1;
}

static bool is_our_name(const P11dWatch *watch, const struct inotify_event *event)
{
    return event->len > 0 && strcmp(strrchr(watch->path, '/') + 1, event->name) == 0;
}

static bool handle(P11dWatch *watch, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        return true;
    if (event->wd == watch->parent && event->wd != watch->directory)
        return is_our_name(watch, event);
    if (event->wd != watch->directory)
        return false; /* of a watch that is no more */
    if (event->mask & IN_MOVE_SELF)
        inotify_rm_watch(watch->fd, watch->directory);
    if (event->mask & (IN_MOVE_SELF | IN_DELETE_SELF | IN_IGNORED | IN_UNMOUNT)) {
        watch->directory = -1;
        return true;
    }
    if (event->mask & IN_CREATE)
        return event->len > 0 && is_link(watch, event->name);
    return true;
}

/* Finds the directory again, or waits for it at its parent. */
static void recover(P11dWatch *watch)
{
    if (watch_directory(watch)) {
        if (watch->parent >= 0)
            inotify_rm_watch(watch->fd, watch->parent);
        watch->parent = -1;
        return;
    }
    if (watch->parent < 0) {
        watch_parent(watch);
        watch_directory(watch); /* it may have come in between; the scan follows */
    }
}

bool p11d_watch_read(P11dWatch *watch)
{
    bool changed = false;
    for (;;) {
        _Alignas(struct inotify_event) char events[16 * 1024];
        ssize_t size = read(watch->fd, events, sizeof events);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            break;
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const void *)(events + at);
            if (handle(watch, event))
                changed = true;
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
    if (watch->directory < 0)
        recover(watch);
    return changed;
}
