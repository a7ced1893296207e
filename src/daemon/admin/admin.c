/*
 * admin.c - opens and closes the places where clients connect.
 */
#include "daemon/admin/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wall_clock.h"
#include "daemon/admin/admin_listen.h"
#include "daemon/admin/admin_private.h"
#include "daemon/log/log.h"

bool admin_is_readable(const struct admin *admin)
{
    return admin->gather->phase == GATHER_OPEN ||
           admin->gather->phase == GATHER_DRAINING;
}

static void tell(const char *where, const char *why, const char *effect)
{
    log_line(LOG_LEVEL_WARNING, "admin: cannot listen on %s: %s: %s", where,
             why, effect);
}

static void open_local(struct admin *admin)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    int descriptor;
    int error = admin_listen_unix(admin->path, &descriptor, why, sizeof why);
    if (error == 0) {
        admin_listen_note(admin->path, &admin->device, &admin->inode);
        error = admin_port_open(&admin->local, admin, descriptor, true);
        if (error != 0) {
            admin_listen_remove(admin->path, admin->device, admin->inode);
            snprintf(why, sizeof why, "%s", haplo_error_text(error));
        }
    }
    if (error != 0) {
        tell(admin->path, why,
             "status and other commands will not reach this process");
        return;
    }
    admin->open_ports++;
}

static void open_remote(struct admin *admin, const char *where)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    int descriptor;
    if (where == NULL) {
        return;
    }
    int error = admin_listen_tcp(where, &descriptor, why, sizeof why);
    if (error == 0) {
        error = admin_port_open(&admin->remote, admin, descriptor, false);
        snprintf(why, sizeof why, "%s", haplo_error_text(error));
    }
    if (error != 0) {
        tell(where, why, "the page cannot be reached");
        return;
    }
    admin->open_ports++;
}

struct admin *admin_open(uv_loop_t *loop, const struct config *config,
                         struct gather *gather, struct reload *reload)
{
    struct admin *admin = calloc(1, sizeof *admin);
    char *path = admin_socket_path(config);
    if (admin == NULL || path == NULL) {
        log_line(LOG_LEVEL_WARNING, "admin: out of memory: no command will "
                                    "reach this process");
        free(admin);
        free(path);
        return NULL;
    }
    *admin = (struct admin){
        .loop = loop,
        .gather = gather,
        .reload = reload,
        .path = path,
        .open_ports = 2, /* of the events and the views */
        .started_at_ms = wall_clock_ms(),
    };
    admin_events_init(&admin->events, admin);
    admin_views_init(&admin->views, admin);
    open_local(admin);
    open_remote(admin, config->admin.listen);
    return admin;
}

void admin_port_closed(struct admin *admin)
{
    if (--admin->open_ports == 0) {
        free(admin->path);
        free(admin);
    }
}

void admin_close(struct admin *admin)
{
    if (admin == NULL) {
        return;
    }
    if (admin->local.daemon != NULL) {
        admin_listen_remove(admin->path, admin->device, admin->inode);
    }
    admin_port_close(&admin->local);
    admin_port_close(&admin->remote);
    admin_views_close(&admin->views);
    admin_events_close(&admin->events);
}
