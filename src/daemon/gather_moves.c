/*
 * gather_moves.c - what becomes of the state of a queue whose messages go to
 * another inbox than before, step by step (move_on), each step durable before
 * the next:
 *
 *   - the state is stored in the inbox of the queue;
 *   - the inbox that had it keeps a note in its place. The note is no state:
 *     whoever still stores the queue there, such as a process with an older
 *     configuration, is stale and stops;
 *   - nothing is left to do: only now is the queue polled.
 *
 * Otherwise:
 *
 *   - the process ends in between: both inboxes have the same state, and the
 *     next start writes the note. The state in the queue's own inbox always
 *     wins: the other is at most as new, as nothing is polled before the note;
 *   - the queue comes back to an inbox with a note: it is moved in the same
 *     way;
 *   - the inbox that it moved to is not configured any more: it begins without
 *     a state, and what is still unread may be stored once more, which a
 *     warning says;
 *   - a step fails: nothing starts.
 */
#include "daemon/gather_moves.h"

#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "daemon/log.h"

static const char note[] = "moved to another inbox";

struct move {
    struct inbox_replace replace; /* the step that is being made */
    struct gather_queue *queue;   /* that moves */
    struct inbox_queue *old;      /* where the step leaves a note, or NULL */
    char *state;                  /* owned; what the step stores, or NULL */
};

bool gather_moves_is_note(struct haplo_slice stored)
{
    return stored.size == sizeof note - 1 &&
           memcmp(stored.data, note, stored.size) == 0;
}

static bool is_state(struct haplo_slice stored)
{
    return stored.size > 0 && !gather_moves_is_note(stored);
}

static const char *server_of(const struct gather_queue *queue)
{
    return queue->server->config->options.name;
}

/* An inbox that is not the queue's own and has its state, or NULL. */
static struct inbox *find_elsewhere(const struct gather_queue *queue,
                                    struct haplo_slice *state)
{
    const struct gather_inbox *inbox;
    size_t cursor = 0;
    while (
        (inbox = name_table_next(&queue->server->gather->inboxes, &cursor))) {
        if (inbox->inbox != queue->stored->inbox) {
            *state = inbox_stored_state(inbox->inbox, server_of(queue),
                                        queue->config->name);
            if (is_state(*state)) {
                return inbox->inbox;
            }
        }
    }
    return NULL;
}

static void move_on(struct move *move);

static void end_move(struct move *move, int error, const char *why)
{
    struct gather *gather = move->queue->server->gather;
    char name[GATHER_NAME_SIZE];
    if (error != 0) {
        log_line(LOG_LEVEL_ERROR,
                 "%s: its state cannot be moved to inbox %s: %s",
                 gather_queue_name(move->queue, name),
                 inbox_name(move->queue->stored->inbox), why);
    }
    free(move);
    gather_answered(gather, error);
}

static void on_replaced(struct inbox_replace *replace, int error,
                        const char *why)
{
    struct move *move = container_of(replace, struct move, replace);
    if (move->old != NULL) {
        inbox_queue_close(move->old);
        move->old = NULL;
    }
    free(move->state);
    move->state = NULL;
    if (error != 0 || move->queue->server->gather->phase != GATHER_MOVING) {
        end_move(move, error, why);
    } else {
        move_on(move);
    }
}

/* The state is copied: where it stands may change when the loop runs. */
static void store(struct move *move, struct inbox_queue *queue,
                  struct haplo_slice state)
{
    if (state.size > 0) {
        move->state = malloc(state.size);
        if (move->state == NULL) {
            end_move(move, HAPLO_ENOMEM, haplo_error_text(HAPLO_ENOMEM));
            return;
        }
        memcpy(move->state, state.data, state.size);
    }
    move->replace = (struct inbox_replace){
        .queue = queue,
        .state = {.data = move->state, .size = state.size},
        .replaced_cb = on_replaced,
    };
    inbox_replace_state(&move->replace);
}

static void leave_note(struct move *move, struct inbox *inbox)
{
    const struct gather_queue *queue = move->queue;
    char name[GATHER_NAME_SIZE];
    int error = inbox_queue_open(inbox, server_of(queue), queue->config->name,
                                 &move->old);
    if (error != 0) {
        move->old = NULL;
        end_move(move, error, haplo_error_text(error));
        return;
    }
    log_line(LOG_LEVEL_INFO, "%s: its state has moved from inbox %s to %s",
             gather_queue_name(queue, name), inbox_name(inbox),
             inbox_name(queue->stored->inbox));
    store(move, move->old,
          (struct haplo_slice){.data = note, .size = sizeof note - 1});
}

static void move_on(struct move *move)
{
    struct gather_queue *queue = move->queue;
    struct haplo_slice elsewhere;
    struct inbox *other = find_elsewhere(queue, &elsewhere);
    char name[GATHER_NAME_SIZE];
    if (other != NULL && is_state(queue->stored->state)) {
        leave_note(move, other);
    } else if (other != NULL) {
        store(move, queue->stored, elsewhere);
    } else if (gather_moves_is_note(queue->stored->state)) {
        log_line(LOG_LEVEL_WARNING,
                 "%s: its state has moved from inbox %s to one that is not "
                 "configured any more: messages that are stored there and "
                 "still unread may be stored once more",
                 gather_queue_name(queue, name),
                 inbox_name(queue->stored->inbox));
        store(move, queue->stored, (struct haplo_slice){.data = NULL});
    } else {
        end_move(move, 0, "");
    }
}

static void start_move(struct gather_queue *queue)
{
    struct gather *gather = queue->server->gather;
    struct haplo_slice elsewhere;
    if (!gather_moves_is_note(queue->stored->state) &&
        find_elsewhere(queue, &elsewhere) == NULL) {
        return;
    }
    struct move *move = calloc(1, sizeof *move);
    gather->pending_count++;
    if (move == NULL) {
        log_line(LOG_LEVEL_ERROR, "%s", haplo_error_text(HAPLO_ENOMEM));
        gather_answered(gather, HAPLO_ENOMEM);
        return;
    }
    move->queue = queue;
    move_on(move);
}

void gather_moves_start(struct gather *gather)
{
    const struct gather_server *server;
    size_t cursor = 0;
    while ((server = name_table_next(&gather->servers, &cursor)) != NULL) {
        struct gather_queue *queue;
        size_t queue_cursor = 0;
        while ((queue = name_table_next(&server->queues, &queue_cursor))) {
            start_move(queue);
        }
    }
}
