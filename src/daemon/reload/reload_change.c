#include "daemon/reload/reload_change.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gather/gather_outlets.h"
#include "daemon/reload/reload_step.h"

static void name_make(char name[RELOAD_NAME_SIZE], enum config_part part,
                      const char *server, const char *own)
{
    snprintf(name, RELOAD_NAME_SIZE, "%s %s%s%s", config_part_name(part),
             server != NULL ? server : "", server != NULL ? "/" : "", own);
}

struct reload_change *reload_change_find(const struct reload_changes *changes,
                                         enum config_part part,
                                         const char *server, const char *own)
{
    char name[RELOAD_NAME_SIZE];
    name_make(name, part, server, own);
    return name_table_find(&changes->table, name);
}

void reload_change_let_go(struct reload_change *change)
{
    config_free(change->kept);
    change->kept = NULL;
}

static int change_new(struct reload_changes *changes, enum config_part part,
                      const char *server, const char *own,
                      struct reload_change **out)
{
    char name[RELOAD_NAME_SIZE];
    name_make(name, part, server, own);
    size_t size = strlen(name) + 1;
    struct reload_change *change = calloc(1, sizeof *change + size);
    if (change == NULL) {
        return HAPLO_ENOMEM;
    }
    memcpy(change->name, name, size);
    if (name_table_add(&changes->table, change) != 0) {
        free(change);
        return HAPLO_ENOMEM;
    }
    change->changes = changes;
    change->part = part;
    change->step = RELOAD_FINISHING;
    change->list = &changes->ready;
    TAILQ_INSERT_TAIL(change->list, change, link);
    *out = change;
    return 0;
}

/* Begins one, or finds the one that has begun. */
static int lead(struct reload_changes *changes, enum config_part part,
                const char *server, const char *own, bool is_changing,
                const void *next, struct config *from,
                struct reload_change **out)
{
    *out = reload_change_find(changes, part, server, own);
    assert((*out != NULL) == is_changing);
    int error = is_changing ? 0 : change_new(changes, part, server, own, out);
    if (error != 0) {
        return error;
    }
    (*out)->next = next;
    if ((*out)->kept == NULL && from != NULL) {
        (*out)->kept = config_keep(from);
    }
    if ((*out)->list == &changes->waiting) {
        reload_change_list_move(*out, &changes->ready);
    }
    return 0;
}

int reload_change_inbox(struct reload_changes *changes,
                        struct gather_inbox *inbox,
                        const struct config_inbox *next, struct config *from)
{
    struct reload_change *change;
    int error = lead(changes, CONFIG_PART_INBOX, NULL, inbox->name,
                     inbox->is_changing, next, from, &change);
    if (error == 0) {
        change->object = inbox;
        change->due_ms = 0;
        inbox->is_changing = true;
    }
    return error;
}

int reload_change_outlet(struct reload_changes *changes,
                         struct gather_outlet *outlet,
                         const struct config_outlet *next, struct config *from)
{
    struct reload_change *change;
    int error = lead(changes, CONFIG_PART_OUTLET, NULL, outlet->name,
                     outlet->is_changing, next, from, &change);
    if (error == 0 && !outlet->is_changing) {
        change->object = outlet;
        outlet->is_changing = true;
        gather_outlet_stop(outlet, changes->gather->config->drain_timeout_ms);
    }
    if (error == 0 && from != NULL) {
        reload_pin_keep(&changes->pins, outlet, from);
    }
    return error;
}

int reload_change_server(struct reload_changes *changes,
                         struct gather_server *server,
                         const struct config_server *next, struct config *from)
{
    struct reload_change *change;
    int error = lead(changes, CONFIG_PART_SERVER, NULL, server->name,
                     server->is_changing, next, from, &change);
    if (error == 0) {
        change->object = server;
        server->is_changing = true;
    }
    return error;
}

int reload_change_queue(struct reload_changes *changes,
                        struct gather_queue *queue,
                        const struct config_queue *next, struct config *from)
{
    struct reload_change *change;
    bool is_new = !queue->is_changing;
    int error = lead(changes, CONFIG_PART_QUEUE, queue->server->name,
                     queue->config->name, !is_new, next, from, &change);
    if (error == 0 && is_new) {
        change->object = queue;
        queue->is_changing = true;
        reload_queue_begin(change);
    }
    return error;
}
