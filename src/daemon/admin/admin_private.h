/*
 * admin_private.h - what the parts of the admin socket share.
 */
#ifndef DAEMON_ADMIN_PRIVATE_H
#define DAEMON_ADMIN_PRIVATE_H

#include <sys/types.h>

#include "daemon/admin/admin.h"
#include "daemon/admin/admin_events.h"
#include "daemon/admin/admin_port.h"
#include "daemon/admin/admin_tokens.h"
#include "daemon/admin/admin_view.h"

struct admin {
    uv_loop_t *loop;            /* borrowed */
    struct gather *gather;      /* borrowed */
    struct reload *reload;      /* borrowed */
    struct admin_port local;    /* the unix socket */
    struct admin_port remote;   /* the TCP port */
    char *path;                 /* owned; of the unix socket */
    dev_t device;               /* of the file at this path, when bound */
    ino_t inode;                /* the same */
    unsigned open_ports;        /* that have not been closed */
    uint64_t started_at_ms;     /* wall clock */
    struct admin_tokens tokens; /* who may use the TCP port */
    struct admin_events events; /* clients that listen to them */
    struct admin_views views;   /* requests that read an inbox */
    unsigned stream_count;      /* responses that are made piece by piece */
};

/* A port is closed: all its clients are gone. */
void admin_port_closed(struct admin *admin);

/* True while servers, queues and outlets can be read. */
bool admin_is_readable(const struct admin *admin);

#endif
