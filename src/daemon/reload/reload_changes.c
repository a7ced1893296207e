#include "daemon/reload/reload_changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log/log.h"
#include "daemon/reload/reload_step.h"

#define WAIT_MIN_MS 10        /* before what waits is looked at again */
#define WAIT_MAX_MS 1000      /* the same, if nothing has happened for long */
#define GIVE_UP_AGAIN_MS 1000 /* if its batch was still being stored */

static const char *name_of(const void *change)
{
    return ((const struct reload_change *)change)->name;
}

/* Slices */

void reload_change_list_move(struct reload_change *change,
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
    free(change->left);
    free(change);
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

static void on_timer(uv_timer_t *timer);
static void on_slice(uv_idle_t *idle);
static void arm_deadline(struct reload_changes *changes);

/* It is among the busy ones meanwhile, where a callback finds it. */
static void look_at(struct reload_changes *changes,
                    struct reload_change *change)
{
    reload_change_list_move(change, &changes->busy);
    switch (go_on(change)) {
    case RELOAD_WAITS:
        reload_change_list_move(change, &changes->waiting);
        break;
    case RELOAD_FINISHES:
        reload_change_list_move(change, &changes->finishing);
        arm_deadline(changes);
        break;
    case RELOAD_BUSY:
        break;
    case RELOAD_DONE:
        changes->wait_ms = WAIT_MIN_MS;
        change_free(change);
        break;
    }
}

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
            reload_change_list_move(change, &changes->ready);
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
    reload_change_list_move(change, &changes->ready);
    work(changes);
}

/* Deadlines */

static void tell_given_up(struct reload_given_up *given_up)
{
    if (given_up->count == 1) {
        log_line(LOG_LEVEL_WARNING,
                 "reload: %s: its mark was not confirmed within drain_timeout: "
                 "the server will send the batch again, and what is stored is "
                 "recognised",
                 given_up->first);
    } else if (given_up->count > 1) {
        log_line(LOG_LEVEL_WARNING,
                 "reload: %s and %zu more: their marks were not confirmed "
                 "within drain_timeout: the servers will send the batches "
                 "again, and what is stored is recognised",
                 given_up->first, given_up->count - 1);
    }
    given_up->count = 0;
}

/* One whose batch is still being stored is asked again. */
static void give_up(struct reload_changes *changes,
                    struct reload_change *change)
{
    struct reload_given_up *given_up = &changes->given_up;
    change->deadline_ms = uv_now(changes->gather->loop) + GIVE_UP_AGAIN_MS;
    reload_change_list_move(change, &changes->finishing);
    if (reload_queue_give_up(change) && given_up->count++ == 0) {
        memcpy(given_up->first, change->name, strlen(change->name) + 1);
    }
}

static bool is_first_due(const struct reload_changes *changes)
{
    const struct reload_change *first = TAILQ_FIRST(&changes->finishing);
    return first != NULL && first->deadline_ms <= uv_now(changes->gather->loop);
}

static void on_deadline(uv_timer_t *timer)
{
    struct reload_changes *changes = timer->data;
    for (size_t i = 0; i < RELOAD_SLICE_COUNT && is_first_due(changes); i++) {
        give_up(changes, TAILQ_FIRST(&changes->finishing));
    }
    if (!is_first_due(changes)) {
        tell_given_up(&changes->given_up);
    }
    arm_deadline(changes);
}

static void arm_deadline(struct reload_changes *changes)
{
    const struct reload_change *first = TAILQ_FIRST(&changes->finishing);
    uint64_t now_ms = uv_now(changes->gather->loop);
    if (first != NULL && !uv_is_active((uv_handle_t *)&changes->deadline)) {
        uv_timer_start(
            &changes->deadline, on_deadline,
            first->deadline_ms > now_ms ? first->deadline_ms - now_ms : 0, 0);
    }
}

/* Telling */

size_t reload_changes_count(const struct reload_changes *changes)
{
    return changes->table.count;
}

static void tell(const struct reload_change *change, reload_wait_cb wait_cb,
                 void *data)
{
    char line[RELOAD_NAME_SIZE + HAPLO_TEXT_SIZE_MAX];
    char why[HAPLO_TEXT_SIZE_MAX];
    reload_change_explain(change, why, sizeof why);
    snprintf(line, sizeof line, "%s: %s", change->name, why);
    wait_cb(data, line);
}

void reload_changes_tell(const struct reload_changes *changes, size_t count_max,
                         reload_wait_cb wait_cb, void *data)
{
    const struct reload_change_list *const lists[] = {
        &changes->finishing, &changes->waiting, &changes->busy,
        &changes->ready};
    const struct reload_change *change;
    size_t count = 0;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        TAILQ_FOREACH (change, lists[i], link) {
            if (count++ == count_max) {
                return;
            }
            tell(change, wait_cb, data);
        }
    }
}

/* From beginning to end */

static void timer_init(struct reload_changes *changes, uv_timer_t *timer,
                       uv_loop_t *loop)
{
    uv_timer_init(loop, timer); /* cannot fail */
    uv_unref((uv_handle_t *)timer);
    timer->data = changes;
}

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
    TAILQ_INIT(&changes->finishing);
    TAILQ_INIT(&changes->busy);
    TAILQ_INIT(&changes->pins);
    uv_idle_init(loop, &changes->slices); /* cannot fail */
    changes->slices.data = changes;
    timer_init(changes, &changes->timer, loop);
    timer_init(changes, &changes->deadline, loop);
    gather->changes = changes;
    gather->stirred_cb = on_stirred;
    gather->left_cb = reload_queue_left;
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
    uv_close((uv_handle_t *)&changes->deadline, NULL);
}

static void list_free(struct reload_change_list *list)
{
    struct reload_change *next;
    for (struct reload_change *change = TAILQ_FIRST(list); change != NULL;
         change = next) {
        next = TAILQ_NEXT(change, link);
        change_free(change);
    }
}

void reload_changes_free(struct reload_changes *changes)
{
    list_free(&changes->ready);
    list_free(&changes->waiting);
    list_free(&changes->finishing);
    list_free(&changes->busy);
    name_table_free(&changes->table);
    reload_pins_free(&changes->pins);
}
