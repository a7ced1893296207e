/*
 * inbox.c - an inbox as a whole: its store, its queues and its outlets.
 *
 *   - inbox_open() opens the store, which adds the queues that it has stored,
 *     each with its state. Then opened_cb fires.
 *   - Queues are found by name; new ones are added in memory.
 *   - Deliveries, confirmed states and progress go to the group commit; reads
 *     go to the store directly.
 *   - inbox_close() lets the group commit, the tasks and the requests of a
 *     fleet finish, closes the store, closes the handles of the group commit,
 * and frees everything.
 *
 * If opening fails, the same shutdown runs, and opened_cb reports the error at
 * its end.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/command_hint.h"
#include "inbox/inbox_private.h"

#define QUEUE_STATE_KEEP_SIZE_MAX 4096 /* of a queue's copy of its state */

/* A server and its queues, found by name. */
struct inbox_server {
    struct name_table queues; /* owned struct inbox_queue */
    char name[];              /* NUL-terminated */
};

static const char *server_name(const void *object)
{
    return ((const struct inbox_server *)object)->name;
}

static const char *queue_name(const void *object)
{
    return ((const struct inbox_queue *)object)->name;
}

/* Queues */

static struct inbox_server *server_get(struct inbox *inbox, const char *name)
{
    struct inbox_server *server = name_table_find(&inbox->servers, name);
    size_t size = strlen(name) + 1;

    if (server != NULL) {
        return server;
    }
    server = malloc(sizeof(*server) + size);
    if (server == NULL) {
        return NULL;
    }
    server->queues = (struct name_table){.name_of = queue_name};
    memcpy(server->name, name, size);
    if (name_table_add(&inbox->servers, server) != 0) {
        free(server);
        return NULL;
    }
    return server;
}

/* The name is in the same block: there may be a million queues. */
static struct inbox_queue *queue_new(struct inbox *inbox,
                                     const struct inbox_server *server,
                                     const char *name)
{
    size_t size = strlen(name) + 1;
    struct inbox_queue *queue = malloc(sizeof(*queue) + size);

    if (queue != NULL) {
        memset(queue, 0, sizeof(*queue));
        memcpy(queue + 1, name, size);
        queue->inbox = inbox;
        queue->server = server->name;
        queue->name = (const char *)(queue + 1);
    }
    return queue;
}

static void queue_free(struct inbox_queue *queue)
{
    assert(queue->confirm == NULL);
    free((char *)queue->state.data);
    free(queue);
}

static struct inbox_queue *queue_get(struct inbox *inbox,
                                     const char *server_name_given,
                                     const char *name)
{
    struct inbox_server *server = server_get(inbox, server_name_given);
    struct inbox_queue *queue;

    if (server == NULL) {
        return NULL;
    }
    queue = name_table_find(&server->queues, name);
    if (queue != NULL) {
        return queue;
    }
    queue = queue_new(inbox, server, name);
    if (queue != NULL && name_table_add(&server->queues, queue) != 0) {
        queue_free(queue);
        return NULL;
    }
    return queue;
}

/* Resizes the copy's memory: it is kept from state to state, unless a huge
 * batch has made it grow. */
static bool queue_reserve_state(struct inbox_queue *queue, size_t size)
{
    char *memory;

    if (size <= queue->state_capacity &&
        queue->state_capacity <= QUEUE_STATE_KEEP_SIZE_MAX) {
        return true;
    }
    memory = realloc((char *)queue->state.data, size + 1);
    if (memory == NULL) {
        return size <= queue->state_capacity;
    }
    queue->state.data = memory;
    queue->state_capacity = size;
    return true;
}

bool inbox_queue_keep_state(struct inbox_queue *queue, struct haplo_slice state)
{
    if (!queue_reserve_state(queue, state.size)) {
        return false;
    }
    if (state.size > 0) {
        memcpy((char *)queue->state.data, state.data, state.size);
    }
    queue->state.size = state.size;
    queue->is_newer = true;
    return true;
}

struct inbox_queue *inbox_store_queue(struct inbox *inbox, uint64_t id,
                                      const char *server, const char *name,
                                      struct haplo_slice state)
{
    struct inbox_queue *queue = queue_get(inbox, server, name);

    if (queue == NULL ||
        (state.data != NULL && !inbox_queue_keep_state(queue, state))) {
        return NULL;
    }
    queue->id = queue->id == 0 ? id : queue->id;
    return queue;
}

void inbox_queue_take_state(struct inbox_queue *queue, struct haplo_slice state)
{
    free((char *)queue->state.data);
    queue->state = state;
    queue->state_capacity = state.size;
    queue->is_newer = true;
}

struct inbox_queue *inbox_queue_next(struct inbox *inbox, const char *server,
                                     size_t *cursor)
{
    const struct inbox_server *known = name_table_find(&inbox->servers, server);

    return known != NULL ? name_table_next(&known->queues, cursor) : NULL;
}

int inbox_queue_open(struct inbox *inbox, const char *server, const char *name,
                     struct inbox_queue **out)
{
    struct inbox_queue *queue;

    *out = NULL;
    assert(inbox->store != NULL);
    if (server[0] == '\0' || name[0] == '\0') {
        return HAPLO_EINVAL;
    }
    queue = queue_get(inbox, server, name);
    if (queue == NULL) {
        return HAPLO_ENOMEM;
    }
    if (queue->is_open) {
        return HAPLO_EEXIST;
    }
    queue->is_open = true;
    *out = queue;
    return 0;
}

/* The queue stays in memory: outlets may still refer to its name. */
void inbox_queue_close(struct inbox_queue *queue)
{
    assert(queue->is_open);
    queue->is_open = false;
    group_commit_forget(&queue->inbox->commit, queue);
}

void inbox_deliver(struct inbox_delivery *delivery)
{
    assert(delivery->queue->is_open);
    group_commit_deliver(&delivery->queue->inbox->commit, delivery);
}

void inbox_batch_dropped(struct inbox_queue *queue)
{
    group_commit_forget(&queue->inbox->commit, queue);
}

void inbox_confirmed(struct inbox_queue *queue, const struct haplo_mark *mark)
{
    assert(queue->is_open);
    group_commit_confirm(&queue->inbox->commit, queue, mark);
}

bool inbox_queue_is_settled(const struct inbox_queue *queue)
{
    return queue->confirm == NULL && !queue->is_confirming;
}

static bool is_equal(struct haplo_slice a, struct haplo_slice b)
{
    return a.size == b.size &&
           (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

enum haplo_compare inbox_replace_compare(const struct inbox_replace *replace,
                                         struct haplo_slice stored)
{
    if (!replace->is_expected) {
        return HAPLO_COMPARE_CURRENT;
    }
    if (is_equal(stored, replace->state)) {
        return HAPLO_COMPARE_STORED; /* by a commit of unknown outcome */
    }
    if (is_equal(stored, replace->expected)) {
        return HAPLO_COMPARE_CURRENT;
    }
    return haplo_state_compare(replace->expected, stored);
}

void inbox_replace_state(struct inbox_replace *replace)
{
    assert(replace->queue->is_open);
    group_commit_replace(&replace->queue->inbox->commit, replace);
}

static const struct inbox_queue *queue_find(const struct inbox *inbox,
                                            const char *server,
                                            const char *name)
{
    const struct inbox_server *known = name_table_find(&inbox->servers, server);

    return known != NULL ? name_table_find(&known->queues, name) : NULL;
}

struct haplo_slice inbox_stored_state(const struct inbox *inbox,
                                      const char *server, const char *name)
{
    const struct inbox_queue *queue = queue_find(inbox, server, name);

    return queue != NULL ? queue->state : (struct haplo_slice){NULL, 0};
}

bool inbox_state_is_doubtful(const struct inbox *inbox, const char *server,
                             const char *name)
{
    const struct inbox_queue *queue = queue_find(inbox, server, name);

    return queue != NULL && queue->is_doubtful;
}

/* Outlets */

static struct inbox_outlet *outlet_get(struct inbox *inbox, const char *name)
{
    struct inbox_outlet *outlet;

    SLIST_FOREACH (outlet, &inbox->outlets, link) {
        if (strcmp(outlet->name, name) == 0) {
            return outlet;
        }
    }
    outlet = calloc(1, sizeof(*outlet));
    if (outlet == NULL) {
        return NULL;
    }
    outlet->inbox = inbox;
    outlet->name = strdup(name);
    if (outlet->name == NULL) {
        free(outlet);
        return NULL;
    }
    SLIST_INSERT_HEAD(&inbox->outlets, outlet, link);
    return outlet;
}

static void outlet_opened(struct inbox_outlet_request *request)
{
    request->opened_cb(request->error == 0 ? request->outlet : NULL,
                       request->error, request->why.text, request->data);
    free(request);
}

int inbox_outlet_open(struct inbox *inbox, const char *name, uint64_t start_ms,
                      inbox_outlet_opened_cb opened_cb, void *data)
{
    struct inbox_outlet *outlet = outlet_get(inbox, name);
    struct inbox_outlet_request *request = calloc(1, sizeof(*request));

    if (outlet == NULL || request == NULL) {
        free(request);
        return HAPLO_ENOMEM;
    }
    request->outlet = outlet;
    request->start_ms = start_ms;
    request->opened_cb = opened_cb;
    request->data = data;
    request->done_cb = outlet_opened;
    inbox->type->ops->outlet_open(inbox->store, request);
    return 0;
}

static void lanes_known(struct inbox_outlet_request *request)
{
    request->lanes_cb(request->outlet, request->error, request->why.text,
                      request->lanes, request->lane_count, request->data);
    free(request->lanes);
    free(request);
}

int inbox_outlet_lanes(struct inbox_outlet *outlet, const bool *slots,
                       inbox_lanes_cb lanes_cb, void *data)
{
    struct inbox *inbox = outlet->inbox;
    struct inbox_outlet_request *request = calloc(1, sizeof(*request));

    if (request == NULL) {
        return HAPLO_ENOMEM;
    }
    request->outlet = outlet;
    request->slots = slots;
    request->lanes_cb = lanes_cb;
    request->data = data;
    request->done_cb = lanes_known;
    inbox->type->ops->lanes(inbox->store, request);
    return 0;
}

void inbox_retain(struct inbox *inbox, const char *const *outlets,
                  size_t outlet_count)
{
    if (inbox->type->ops->retain != NULL) {
        inbox->type->ops->retain(inbox->store, outlets, outlet_count);
    }
}

void inbox_pause_retention(struct inbox *inbox, bool is_paused)
{
    if (inbox->type->ops->pause_retention != NULL) {
        inbox->type->ops->pause_retention(inbox->store, is_paused);
    }
}

void inbox_read_start(struct inbox_read *read)
{
    struct inbox *inbox = read->outlet->inbox;

    read->messages = NULL;
    read->count = 0;
    read->has_more = false;
    read->memory = NULL;
    inbox->type->ops->read(inbox->store, read);
}

void inbox_read_free(struct inbox_read *read)
{
    read->outlet->inbox->type->ops->read_free(read);
    read->messages = NULL;
    read->count = 0;
}

void inbox_advance(struct inbox_progress *progress)
{
    group_commit_advance(&progress->outlet->inbox->commit, progress);
}

void inbox_listen(struct inbox *inbox, inbox_stored_cb stored_cb, void *data)
{
    inbox->stored_cb = stored_cb;
    inbox->stored_data = data;
}

void inbox_stored(struct inbox *inbox, const struct inbox_queue *queue,
                  uint64_t last_arrival, size_t count)
{
    if (inbox->stored_cb != NULL) {
        inbox->stored_cb(inbox, queue, last_arrival, count, inbox->stored_data);
    }
}

void inbox_store_changed(struct inbox *inbox)
{
    inbox_stored(inbox, NULL, 0, 0);
}

void inbox_warn(struct inbox *inbox, const char *format, ...)
{
    struct reason line;
    va_list arguments;

    if (inbox->warning_cb == NULL) {
        return;
    }
    va_start(arguments, format);
    (void)reason_set_list(&line, 0, format, arguments);
    va_end(arguments);
    inbox->warning_cb(inbox, line.text, inbox->warning_data);
}

void inbox_warn_removed(struct inbox *inbox, const char *names)
{
    char hint[COMMAND_HINT_SIZE];
    bool is_one = strchr(names, ',') == NULL;

    inbox_warn(inbox,
               "inbox %s: not in the configuration any more: outlet %s. What "
               "it has not forwarded is kept until `%s`",
               inbox_name(inbox), names,
               command_hint(hint, "outlet forget", is_one ? names : "OUTLET",
                            inbox_name(inbox), NULL));
}

void inbox_listen_space(struct inbox *inbox, inbox_space_cb space_cb,
                        void *data)
{
    inbox->space_cb = space_cb;
    inbox->space_data = data;
}

struct inbox_disk inbox_disk(const struct inbox *inbox)
{
    return inbox->disk;
}

void inbox_store_disk(struct inbox *inbox, const struct inbox_disk *disk)
{
    inbox->disk = *disk;
}

void inbox_listen_commits(struct inbox *inbox, inbox_committed_cb committed_cb,
                          void *data)
{
    inbox->committed_cb = committed_cb;
    inbox->committed_data = data;
}

void inbox_committed(struct inbox *inbox, uint64_t duration_us, bool is_stored)
{
    if (inbox->committed_cb != NULL) {
        inbox->committed_cb(inbox, duration_us, is_stored,
                            inbox->committed_data);
    }
}

const char *inbox_short_why(const struct inbox *inbox)
{
    return inbox->commit.is_short ? inbox->commit.short_why.text : NULL;
}

void inbox_store_space(struct inbox *inbox, bool is_short, const char *why)
{
    group_commit_note_space(&inbox->commit, is_short, why);
    if (inbox->space_cb != NULL) {
        inbox->space_cb(inbox, is_short, why, inbox->space_data);
    }
}

void inbox_set_undelivered_max(struct inbox *inbox, size_t bytes_max)
{
    inbox->commit.held_max = bytes_max;
}

void *inbox_data(const struct inbox *inbox)
{
    return inbox->data;
}

const char *inbox_name(const struct inbox *inbox)
{
    return inbox->name;
}

const char *inbox_uuid(const struct inbox *inbox)
{
    return inbox->uuid;
}

/* Opening and closing */

static void queues_free(struct inbox *inbox)
{
    struct inbox_server *server;
    struct inbox_queue *queue;
    size_t server_cursor = 0;
    size_t cursor;

    while ((server = name_table_next(&inbox->servers, &server_cursor)) !=
           NULL) {
        cursor = 0;
        while ((queue = name_table_next(&server->queues, &cursor)) != NULL) {
            queue_free(queue);
        }
        name_table_free(&server->queues);
        free(server);
    }
    name_table_free(&inbox->servers);
}

static void inbox_free(struct inbox *inbox)
{
    struct inbox_outlet *outlet;

    while ((outlet = SLIST_FIRST(&inbox->outlets)) != NULL) {
        SLIST_REMOVE_HEAD(&inbox->outlets, link);
        free((char *)outlet->name);
        free(outlet);
    }
    queues_free(inbox);
    free(inbox->name);
    free(inbox);
}

static struct inbox *inbox_new(uv_loop_t *loop,
                               const struct inbox_options *options)
{
    struct inbox *inbox = calloc(1, sizeof(*inbox));

    if (inbox == NULL) {
        return NULL;
    }
    inbox->name = strdup(options->name);
    if (inbox->name == NULL) {
        free(inbox);
        return NULL;
    }
    inbox->loop = loop;
    inbox->type = options->type;
    inbox->servers = (struct name_table){.name_of = server_name};
    inbox->warning_cb = options->warning_cb;
    inbox->warning_data = options->warning_data;
    SLIST_INIT(&inbox->outlets);
    TAILQ_INIT(&inbox->tasks);
    return inbox;
}

struct inbox *inbox_open(uv_loop_t *loop, const struct inbox_options *options,
                         inbox_opened_cb opened_cb, void *data)
{
    struct inbox *inbox = inbox_new(loop, options);

    if (inbox == NULL) {
        return NULL;
    }
    inbox->opened_cb = opened_cb;
    inbox->data = data;
    inbox->store = inbox->type->ops->open(loop, inbox, options);
    if (inbox->store == NULL) {
        inbox_free(inbox);
        return NULL;
    }
    group_commit_open(&inbox->commit, inbox, loop,
                      options->undelivered_bytes_max);
    inbox->commit.ops = inbox->type->ops;
    inbox->commit.store = inbox->store;
    return inbox;
}

void inbox_store_opened(struct inbox *inbox, const char *uuid, int error,
                        const char *why)
{
    inbox_opened_cb opened_cb = inbox->opened_cb;

    if (error != 0) {
        inbox->store = NULL;
        inbox->open_error = reason_set(&inbox->open_why, error, "%s", why);
        group_commit_close(&inbox->commit);
        return;
    }
    (void)snprintf(inbox->uuid, sizeof(inbox->uuid), "%s", uuid);
    inbox->opened_cb = NULL;
    opened_cb(inbox, 0, "", inbox->data);
}

void inbox_group_written(struct inbox *inbox)
{
    group_commit_written(&inbox->commit);
}

void inbox_close(struct inbox *inbox, inbox_closed_cb closed_cb, void *data)
{
    assert(inbox->store != NULL);
    assert(!inbox->is_closing);
    inbox->is_closing = true;
    inbox->closed_cb = closed_cb;
    inbox->closed_data = data;
    group_commit_finish(&inbox->commit);
}

void inbox_tasks_changed(struct inbox *inbox)
{
    if (inbox->is_commit_done && TAILQ_EMPTY(&inbox->tasks) &&
        inbox->ask_count == 0) {
        inbox->is_commit_done = false;
        inbox->type->ops->close(inbox->store);
    }
}

void inbox_commit_done(struct inbox *inbox)
{
    inbox->is_commit_done = true;
    inbox_tasks_changed(inbox);
}

void inbox_store_closed(struct inbox *inbox)
{
    inbox->store = NULL;
    group_commit_close(&inbox->commit);
}

/* Last step of closing: informs the owner. */
void inbox_commit_closed(struct inbox *inbox)
{
    struct inbox gone = *inbox;

    inbox_free(inbox);
    if (gone.opened_cb != NULL) {
        gone.opened_cb(NULL, gone.open_error, gone.open_why.text, gone.data);
    } else if (gone.closed_cb != NULL) {
        gone.closed_cb(gone.closed_data);
    }
}
