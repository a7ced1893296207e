/*
 * gather_moves.c - moves the state of a queue that is now stored in another
 * inbox. Each step (move_on) is durable before the next:
 *
 *   - The state is stored in the new inbox.
 *   - The old inbox stores a note in place of that state. The note is not a
 *     state, so a process that still stores the queue there, such as one with
 *     an older configuration, becomes stale and stops.
 *   - Only now is the queue polled.
 *
 * Other cases:
 *
 *   - The old inbox has another state than the one that was moved: a commit of
 *     unknown outcome did succeed, or another process has stored the queue.
 *     Then that state is moved.
 *   - The process dies in between: both inboxes have the same state, and the
 *     next start writes the note. The state in the queue's own inbox always
 *     wins: the other one cannot be newer, because nothing is polled before
 *     the note is written.
 *   - The queue returns to an inbox that has a note: it is moved in the same
 *     way.
 *   - The inbox that it was moved to is no longer configured: it starts
 *     without a state. Messages that are still unread may be stored again,
 *     which a warning says.
 *   - A step fails: at the start, nothing starts; in a reload, this queue is
 *     not polled, and it is tried again.
 */
#include "daemon/gather/gather_moves.h"

#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "daemon/log/log.h"

static const char note[] = INBOX_NOTE_MOVED;

struct move {
    struct inbox_replace replace; /* the current step */
    struct gather_queue *queue;   /* the queue being moved */
    struct inbox_queue *old;      /* gets a note in this step, or NULL */
    bool is_stale;                /* the state in the new inbox */
    struct gather_inbox *used;    /* the old inbox, or NULL */
    char *state;                  /* owned; stored in this step, or NULL */
    char *expected;               /* owned; what that replaces, or NULL */
    gather_moved_cb moved_cb;     /* fires at the end */
    void *data;                   /* for moved_cb */
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
    return queue->server->name;
}

/* An inbox other than its own that has the state of the queue, or may have one
 * that is not known here; or NULL. */
static struct gather_inbox *find_elsewhere(const struct gather_queue *queue,
                                           struct haplo_slice *state)
{
    struct gather_inbox *inbox;
    size_t cursor = 0;
    while (
        (inbox = name_table_next(&queue->server->gather->inboxes, &cursor))) {
        if (inbox->is_open && inbox->inbox != queue->stored->inbox) {
            *state = inbox_stored_state(inbox->inbox, server_of(queue),
                                        queue->config->name);
            if (is_state(*state) ||
                inbox_state_is_doubtful(inbox->inbox, server_of(queue),
                                        queue->config->name)) {
                return inbox;
            }
        }
    }
    return NULL;
}

static void move_on(struct move *move);

static void move_free_states(struct move *move)
{
    free(move->state);
    free(move->expected);
    move->state = NULL;
    move->expected = NULL;
}

/* It must not be closed meanwhile. */
static void use(struct move *move, struct gather_inbox *inbox)
{
    if (move->used != NULL) {
        move->used->user_count--;
    }
    if (inbox != NULL) {
        inbox->user_count++;
    }
    move->used = inbox;
}

static void end_move(struct move *move, int error, const char *why)
{
    gather_moved_cb moved_cb = move->moved_cb;
    struct gather_queue *queue = move->queue;
    void *data = move->data;
    char name[GATHER_NAME_SIZE];
    if (error != 0) {
        log_line(LOG_LEVEL_ERROR,
                 "%s: its state cannot be moved to inbox %s: %s",
                 gather_queue_name(move->queue, name),
                 inbox_name(move->queue->stored->inbox), why);
    }
    use(move, NULL);
    free(move);
    moved_cb(queue, error, data);
}

static void on_replaced(struct inbox_replace *replace, int error,
                        const char *why)
{
    struct move *move = container_of(replace, struct move, replace);
    if (move->old != NULL) {
        inbox_queue_close(move->old);
        move->old = NULL;
    }
    move_free_states(move);
    move->is_stale = error == HAPLO_ESTALE;
    if ((error != 0 && !move->is_stale) ||
        move->queue->server->gather->phase > GATHER_OPEN) {
        end_move(move, error, why);
    } else {
        move_on(move);
    }
}

/* False: out of memory. */
static bool copy(struct haplo_slice from, char **to)
{
    *to = from.size > 0 ? malloc(from.size) : NULL;
    if (*to != NULL) {
        memcpy(*to, from.data, from.size);
    }
    return *to != NULL || from.size == 0;
}

/* Copies what is stored, and for a note the state that it replaces: they are
 * valid only until the loop runs again. */
static void store(struct move *move, struct inbox_queue *queue,
                  struct haplo_slice state)
{
    if (!copy(state, &move->state) || !copy(queue->state, &move->expected)) {
        move_free_states(move);
        end_move(move, HAPLO_ENOMEM, haplo_error_text(HAPLO_ENOMEM));
        return;
    }
    move->replace = (struct inbox_replace){
        .queue = queue,
        .state = {.data = move->state, .size = state.size},
        .expected = {.data = move->expected, .size = queue->state.size},
        .is_expected = queue == move->old,
        .replaced_cb = on_replaced,
    };
    inbox_replace_state(&move->replace);
}

static void leave_note(struct move *move, struct inbox *inbox)
{
    const struct gather_queue *queue = move->queue;
    int error = inbox_queue_open(inbox, server_of(queue), queue->config->name,
                                 &move->old);
    if (error != 0) {
        move->old = NULL;
        end_move(move, error, haplo_error_text(error));
        return;
    }
    store(move, move->old,
          (struct haplo_slice){.data = note, .size = sizeof note - 1});
}

static void move_on(struct move *move)
{
    struct gather_queue *queue = move->queue;
    struct haplo_slice elsewhere;
    struct gather_inbox *other = find_elsewhere(queue, &elsewhere);
    use(move, other);
    char name[GATHER_NAME_SIZE];
    if (other != NULL && !is_state(elsewhere)) {
        leave_note(move, other->inbox); /* nothing, unless it is stale */
    } else if (other != NULL && !move->is_stale &&
               is_state(queue->stored->state)) {
        log_line(LOG_LEVEL_INFO, "%s: its state has moved from inbox %s to %s",
                 gather_queue_name(queue, name), other->name,
                 inbox_name(queue->stored->inbox));
        leave_note(move, other->inbox);
    } else if (other != NULL) {
        store(move, queue->stored, elsewhere);
    } else if (gather_moves_is_note(queue->stored->state)) {
        log_line(LOG_LEVEL_WARNING,
                 "%s: its state was moved from inbox %s to one that is no "
                 "longer configured: messages that are stored there and "
                 "still unread may be stored again",
                 gather_queue_name(queue, name),
                 inbox_name(queue->stored->inbox));
        store(move, queue->stored, (struct haplo_slice){.data = NULL});
    } else {
        end_move(move, 0, "");
    }
}

bool gather_move_is_due(const struct gather_queue *queue)
{
    struct haplo_slice elsewhere;
    return gather_moves_is_note(queue->stored->state) ||
           find_elsewhere(queue, &elsewhere) != NULL;
}

int gather_move_start(struct gather_queue *queue, gather_moved_cb moved_cb,
                      void *data)
{
    struct move *move = calloc(1, sizeof *move);
    if (move == NULL) {
        log_line(LOG_LEVEL_ERROR, "%s", haplo_error_text(HAPLO_ENOMEM));
        return HAPLO_ENOMEM;
    }
    move->queue = queue;
    move->moved_cb = moved_cb;
    move->data = data;
    move_on(move);
    return 0;
}

static void on_moved(struct gather_queue *queue, int error, void *data)
{
    (void)data;
    gather_answered(queue->server->gather, error);
}

static void start_move(struct gather_queue *queue)
{
    struct gather *gather = queue->server->gather;
    if (!gather_move_is_due(queue)) {
        return;
    }
    gather->pending_count++;
    if (gather_move_start(queue, on_moved, NULL) != 0) {
        gather_answered(gather, HAPLO_ENOMEM);
    }
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
