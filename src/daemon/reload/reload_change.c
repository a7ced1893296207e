#include "daemon/reload/reload_change.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gather/gather_outlets.h"
#include "daemon/reload/reload_step.h"

#define WAIT_MIN_MS 10   /* before what waits is looked at again */
#define WAIT_MAX_MS 1000 /* the same, if nothing has happened for long */
#define NAME_SIZE (GATHER_NAME_SIZE + 16)

static const char *name_of(const void *change)
{
    return ((const struct reload_change *)change)->name;
}

static void name_make(char name[NAME_SIZE], enum config_part part,
                      const char *server, const char *own)
{
    snprintf(name, NAME_SIZE, "%s %s%s%s", config_part_name(part),
             server != NULL ? server : "", server != NULL ? "/" : "", own);
}

struct reload_change *reload_change_find(const struct reload_changes *changes,
                                         enum config_part part,
                                         const char *server, const char *own)
{
    char name[NAME_SIZE];
    name_make(name, part, server, own);
    return name_table_find(&changes->table, name);
}

/* Slices */

static void list_move(struct reload_change *change,
                      struct reload_change_list *to)
{
    TAILQ_REMOVE(change->list, change, link);
    change->list = to;
    TAILQ_INSERT_TAIL(to, change, link);
}

static void change_free(struct reload_change *change)
{
    TAILQ_REMOVE(change->list, change, link);
    name_table_remove(&change->changes->table, change);
    config_free(change->kept);
    free(change->state);
    free(change);
}

void reload_change_let_go(struct reload_change *change)
{
    config_free(change->kept);
    change->kept = NULL;
}

static enum reload_progress go_on(struct reload_change *change)
{
    switch (change->part) {
    case CONFIG_PART_INBOX:
        return reload_inbox_go_on(change);
    case CONFIG_PART_OUTLET:
        return reload_outlet_go_on(change);
    case CONFIG_PART_SERVER:
        return reload_server_go_on(change);
    default:
        return reload_queue_go_on(change);
    }
}

/* It is among the busy ones meanwhile, where a callback finds it. */
static void look_at(struct reload_changes *changes,
                    struct reload_change *change)
{
    list_move(change, &changes->busy);
    switch (go_on(change)) {
    case RELOAD_WAITS:
        list_move(change, &changes->waiting);
        break;
    case RELOAD_BUSY:
        break;
    case RELOAD_DONE:
        changes->wait_ms = WAIT_MIN_MS;
        change_free(change);
        break;
    }
}

static void on_timer(uv_timer_t *timer);
static void on_slice(uv_idle_t *idle);

static void work(struct reload_changes *changes)
{
    if (!changes->is_held_back && !changes->is_closed &&
        !TAILQ_EMPTY(&changes->ready)) {
        uv_idle_start(&changes->slices, on_slice); /* cannot fail */
    }
}

static void rest(struct reload_changes *changes)
{
    uv_idle_stop(&changes->slices);
    if (!TAILQ_EMPTY(&changes->waiting)) {
        uv_timer_start(&changes->timer, on_timer, changes->wait_ms, 0);
        changes->wait_ms *= 2;
        if (changes->wait_ms > WAIT_MAX_MS) {
            changes->wait_ms = WAIT_MAX_MS;
        }
    }
    if (changes->table.count == 0 && changes->settled_cb != NULL) {
        changes->settled_cb(changes->gather);
    }
}

static void on_slice(uv_idle_t *idle)
{
    struct reload_changes *changes = idle->data;
    for (size_t i = 0; i < RELOAD_SLICE_COUNT && !TAILQ_EMPTY(&changes->ready);
         i++) {
        look_at(changes, TAILQ_FIRST(&changes->ready));
    }
    if (TAILQ_EMPTY(&changes->ready)) {
        rest(changes);
    }
}

static void wake_waiting(struct reload_changes *changes)
{
    struct reload_change *change;
    TAILQ_FOREACH (change, &changes->waiting, link) {
        change->list = &changes->ready;
    }
    TAILQ_CONCAT(&changes->ready, &changes->waiting, link);
    uv_timer_stop(&changes->timer);
    work(changes);
}

static void on_timer(uv_timer_t *timer)
{
    wake_waiting(timer->data);
}

static void on_stirred(struct gather *gather)
{
    struct reload_changes *changes = gather->changes;
    struct reload_change *change;
    if (changes->is_closed) {
        return;
    }
    /* Inboxes and outlets among the busy ones wait for just this. */
    for (change = TAILQ_FIRST(&changes->busy); change != NULL;) {
        struct reload_change *next = TAILQ_NEXT(change, link);
        if (change->part == CONFIG_PART_INBOX ||
            change->part == CONFIG_PART_OUTLET) {
            list_move(change, &changes->ready);
        }
        change = next;
    }
    changes->wait_ms = WAIT_MIN_MS;
    wake_waiting(changes);
}

void reload_change_ready(struct reload_change *change)
{
    struct reload_changes *changes = change->changes;
    changes->wait_ms = WAIT_MIN_MS;
    list_move(change, &changes->ready);
    work(changes);
}

/* Beginning */

static int change_new(struct reload_changes *changes, enum config_part part,
                      const char *server, const char *own,
                      struct reload_change **out)
{
    char name[NAME_SIZE];
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
        list_move(*out, &changes->ready);
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

/* Telling */

static size_t list_tell(const struct reload_change_list *list, size_t count_max,
                        reload_wait_cb wait_cb, void *data)
{
    const struct reload_change *change;
    size_t count = 0;
    TAILQ_FOREACH (change, list, link) {
        char line[NAME_SIZE + HAPLO_TEXT_SIZE_MAX];
        char why[HAPLO_TEXT_SIZE_MAX];
        if (count++ < count_max) {
            reload_change_explain(change, why, sizeof why);
            snprintf(line, sizeof line, "%s: %s", change->name, why);
            wait_cb(data, line);
        }
    }
    return count;
}

size_t reload_changes_tell(const struct reload_changes *changes,
                           size_t count_max, reload_wait_cb wait_cb, void *data)
{
    const struct reload_change_list *const lists[] = {
        &changes->waiting, &changes->busy, &changes->ready};
    size_t count = 0;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        count += list_tell(lists[i], count < count_max ? count_max - count : 0,
                           wait_cb, data);
    }
    return count;
}

size_t reload_changes_count(const struct reload_changes *changes)
{
    return changes->table.count;
}

/* From beginning to end */

void reload_changes_init(struct reload_changes *changes, uv_loop_t *loop,
                         struct gather *gather)
{
    *changes = (struct reload_changes){
        .gather = gather,
        .table.name_of = name_of,
        .wait_ms = WAIT_MIN_MS,
    };
    TAILQ_INIT(&changes->ready);
    TAILQ_INIT(&changes->waiting);
    TAILQ_INIT(&changes->busy);
    TAILQ_INIT(&changes->pins);
    uv_idle_init(loop, &changes->slices); /* cannot fail */
    uv_timer_init(loop, &changes->timer); /* cannot fail */
    uv_unref((uv_handle_t *)&changes->timer);
    changes->slices.data = changes;
    changes->timer.data = changes;
    gather->changes = changes;
    gather->stirred_cb = on_stirred;
}

void reload_changes_hold_back(struct reload_changes *changes)
{
    changes->is_held_back = true;
    changes->told_count = 0;
    uv_idle_stop(&changes->slices);
}

void reload_changes_let_go(struct reload_changes *changes)
{
    changes->is_held_back = false;
    changes->wait_ms = WAIT_MIN_MS;
    wake_waiting(changes);
    if (changes->table.count == 0 && changes->settled_cb != NULL) {
        changes->settled_cb(changes->gather);
    }
}

void reload_changes_close(struct reload_changes *changes)
{
    changes->is_closed = true;
    uv_close((uv_handle_t *)&changes->slices, NULL);
    uv_close((uv_handle_t *)&changes->timer, NULL);
}

static void list_free(struct reload_change_list *list)
{
    struct reload_change *change;
    while ((change = TAILQ_FIRST(list)) != NULL) {
        change_free(change);
    }
}

void reload_changes_free(struct reload_changes *changes)
{
    list_free(&changes->ready);
    list_free(&changes->waiting);
    list_free(&changes->busy);
    name_table_free(&changes->table);
    reload_pins_free(&changes->pins);
}
