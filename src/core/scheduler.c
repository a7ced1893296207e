#include "core/scheduler.h"

#include <assert.h>

#include "base/container_of.h"

enum wait_kind { WAIT_QUEUE, WAIT_SERVER };

static struct step_context context_at(struct scheduler *scheduler,
                                      uint64_t now_ms)
{
    return (struct step_context){
        .now_ms = now_ms,
        .random = &scheduler->random,
        .trace_cb = scheduler->queue_trace_cb,
        .data = scheduler->data,
    };
}

/* Servers in the rings */

/* The first queue whose wait has not ended. A token that has become too old
 * must not be posted, even if its timer has not been processed yet: a process
 * that was suspended may see a response before its timers. */
static struct queue *first_in_time(const struct queue_list *queues,
                                   uint64_t now_ms)
{
    struct queue *queue = TAILQ_FIRST(queues);
    while (queue != NULL && queue->due_ms <= now_ms) {
        queue = TAILQ_NEXT(queue, link);
    }
    return queue;
}

/* The next queue of the server, from two lists; NULL if none may start. */
static struct queue *first_of(const struct server *server,
                              const struct queue_list *proven_keys,
                              const struct queue_list *unproven_keys,
                              uint64_t now_ms)
{
    if (!server_has_slot(server)) {
        return NULL;
    }
    struct queue *proven = server_may_log_in(server, true)
                               ? first_in_time(proven_keys, now_ms)
                               : NULL;
    struct queue *unproven = server_may_log_in(server, false)
                                 ? first_in_time(unproven_keys, now_ms)
                                 : NULL;
    if (proven == NULL || unproven == NULL) {
        return proven != NULL ? proven : unproven;
    }
    return proven->ready_sequence < unproven->ready_sequence ? proven
                                                             : unproven;
}

static struct queue *server_first_mark(const struct server *server,
                                       uint64_t now_ms)
{
    return first_of(server, &server->marks, &server->unproven_marks, now_ms);
}

static struct queue *server_first_fetch(const struct server *server)
{
    return first_of(server, &server->fetches, &server->unproven_fetches, 0);
}

/* A ring is in the order of places. A server has one from when it has a slot
 * and a queue that waits, also while it may not log in, perhaps because another
 * server of its group tries a key: otherwise those that try keys one after the
 * other would go first for ever. */
static void mark_ring_enter(struct scheduler *scheduler, struct server *server)
{
    struct server *before = TAILQ_LAST(&scheduler->mark_ring, server_ring);
    if (before == NULL || before->mark_place < server->mark_place) {
        TAILQ_INSERT_TAIL(&scheduler->mark_ring, server, mark_link);
        return;
    }
    struct server *next = TAILQ_FIRST(&scheduler->mark_ring);
    while (next->mark_place < server->mark_place) {
        next = TAILQ_NEXT(next, mark_link);
    }
    TAILQ_INSERT_BEFORE(next, server, mark_link);
}

static void fetch_ring_enter(struct scheduler *scheduler, struct server *server)
{
    struct server *before = TAILQ_LAST(&scheduler->fetch_ring, server_ring);
    if (before == NULL || before->fetch_place < server->fetch_place) {
        TAILQ_INSERT_TAIL(&scheduler->fetch_ring, server, fetch_link);
        return;
    }
    struct server *next = TAILQ_FIRST(&scheduler->fetch_ring);
    while (next->fetch_place < server->fetch_place) {
        next = TAILQ_NEXT(next, fetch_link);
    }
    TAILQ_INSERT_BEFORE(next, server, fetch_link);
}

/* True if it has a slot, and a queue in one of the lists. */
static bool has_waiting(const struct server *server,
                        const struct queue_list *proven_keys,
                        const struct queue_list *unproven_keys)
{
    return server_has_slot(server) &&
           !(TAILQ_EMPTY(proven_keys) && TAILQ_EMPTY(unproven_keys));
}

static void mark_ring_refresh(struct scheduler *scheduler,
                              struct server *server)
{
    bool can_mark = server_first_mark(server, 0) != NULL;
    if (!has_waiting(server, &server->marks, &server->unproven_marks)) {
        server->mark_place = 0;
    } else if (server->mark_place == 0) {
        server->mark_place = ++scheduler->place;
    }
    if (can_mark && !server->in_mark_ring) {
        mark_ring_enter(scheduler, server);
    } else if (!can_mark && server->in_mark_ring) {
        TAILQ_REMOVE(&scheduler->mark_ring, server, mark_link);
    }
    server->in_mark_ring = can_mark;
}

static void fetch_ring_refresh(struct scheduler *scheduler,
                               struct server *server)
{
    bool can_fetch = server_first_fetch(server) != NULL;
    if (!has_waiting(server, &server->fetches, &server->unproven_fetches)) {
        server->fetch_place = 0;
    } else if (server->fetch_place == 0) {
        server->fetch_place = ++scheduler->place;
    }
    if (can_fetch && !server->in_fetch_ring) {
        fetch_ring_enter(scheduler, server);
    } else if (!can_fetch && server->in_fetch_ring) {
        TAILQ_REMOVE(&scheduler->fetch_ring, server, fetch_link);
    }
    server->in_fetch_ring = can_fetch;
}

/* Adds the server to the rings or removes it, according to its state. */
static void server_refresh(struct scheduler *scheduler, struct server *server)
{
    mark_ring_refresh(scheduler, server);
    fetch_ring_refresh(scheduler, server);
}

static void wait_set(struct scheduler *scheduler, struct heap_entry *entry,
                     uint64_t due_ms)
{
    if (due_ms == HEAP_NEVER) {
        heap_remove(&scheduler->waits, entry);
    } else {
        heap_set(&scheduler->waits, entry, due_ms);
    }
}

static void server_settle(struct scheduler *scheduler, struct server *server)
{
    wait_set(scheduler, &server->wait, server->due_ms);
    server_refresh(scheduler, server);
}

/* Login groups */

static void group_settle(struct scheduler *scheduler, struct login_group *group)
{
    struct server *server;
    (void)login_group_update(group);
    TAILQ_FOREACH (server, &group->servers, group_link) {
        server_settle(scheduler, server);
    }
}

static void group_refresh(struct scheduler *scheduler,
                          struct login_group *group)
{
    if (login_group_update(group)) {
        group_settle(scheduler, group);
    }
}

/* A request has begun or ended. This matters to other servers of the group only
 * if its key is not proven, or if many are in flight or have failed. */
static void group_note_request(struct scheduler *scheduler,
                               struct login_group *group, bool is_unproven)
{
    if (is_unproven ||
        group->failed + group->in_flight + 1 >= LOGINS_AT_RISK_MAX) {
        group_refresh(scheduler, group);
    }
}

/* Servers have moved to other groups. */
static void groups_settle(struct scheduler *scheduler, uint64_t now_ms)
{
    struct step_context context = context_at(scheduler, now_ms);
    struct login_group *group;
    while ((group = login_sites_next_changed(&scheduler->sites)) != NULL) {
        server_tell_logins(group, &context, scheduler->server_trace_cb);
        group_settle(scheduler, group);
    }
}

/* Queues in the lists */

/* The list of its server in which a queue waits for its turn, or NULL. */
static struct queue_list *queue_list_of(const struct queue *queue)
{
    switch (queue->state) {
    case HAPLO_QUEUE_READY:
        return queue->key_proven ? &queue->server->fetches
                                 : &queue->server->unproven_fetches;
    case HAPLO_QUEUE_MARK_READY:
    case HAPLO_QUEUE_LAST_MARK_READY:
        return queue->key_proven ? &queue->server->marks
                                 : &queue->server->unproven_marks;
    default:
        return NULL;
    }
}

static void queue_settle(struct scheduler *scheduler, struct queue *queue,
                         struct queue_list *before)
{
    struct queue_list *after = queue_list_of(queue);
    wait_set(scheduler, &queue->wait, queue->due_ms);
    if (before == after) {
        return;
    }
    if (before != NULL) {
        TAILQ_REMOVE(before, queue, link);
    }
    if (after != NULL) {
        queue->ready_sequence = ++scheduler->ready_sequence;
        TAILQ_INSERT_TAIL(after, queue, link);
    }
    server_refresh(scheduler, queue->server);
}

enum queue_action scheduler_step(struct scheduler *scheduler,
                                 struct queue *queue,
                                 const struct queue_event *event,
                                 uint64_t now_ms)
{
    struct step_context context = context_at(scheduler, now_ms);
    struct queue_list *before = queue_list_of(queue);
    enum queue_action action = queue_step(queue, event, &context);
    queue_settle(scheduler, queue, before);
    return action;
}

/* Turns */

static struct queue *next_mark(struct scheduler *scheduler, uint64_t now_ms)
{
    struct server *server;
    TAILQ_FOREACH (server, &scheduler->mark_ring, mark_link) {
        struct queue *queue = server_first_mark(server, now_ms);
        if (queue != NULL) {
            server->mark_place = ++scheduler->place;
            TAILQ_REMOVE(&scheduler->mark_ring, server, mark_link);
            TAILQ_INSERT_TAIL(&scheduler->mark_ring, server, mark_link);
            return queue;
        }
    }
    return NULL;
}

static struct queue *next_fetch(struct scheduler *scheduler)
{
    struct server *server = TAILQ_FIRST(&scheduler->fetch_ring);
    if (server == NULL || scheduler->held_bytes >= scheduler->held_bytes_max) {
        return NULL;
    }
    server->fetch_place = ++scheduler->place;
    TAILQ_REMOVE(&scheduler->fetch_ring, server, fetch_link);
    TAILQ_INSERT_TAIL(&scheduler->fetch_ring, server, fetch_link);
    return server_first_fetch(server);
}

bool scheduler_has_next(const struct scheduler *scheduler)
{
    return !TAILQ_EMPTY(&scheduler->mark_ring) ||
           !TAILQ_EMPTY(&scheduler->fetch_ring);
}

struct queue *scheduler_next(struct scheduler *scheduler, uint64_t now_ms)
{
    if (scheduler->in_flight >= scheduler->in_flight_max) {
        return NULL;
    }
    struct queue *queue = next_mark(scheduler, now_ms);
    if (queue == NULL) {
        queue = next_fetch(scheduler);
    }
    if (queue == NULL) {
        return NULL;
    }
    struct server *server = queue->server;
    scheduler->in_flight++;
    server->in_flight++;
    server->group->in_flight++;
    if (!queue->key_proven) {
        assert(server->group->prover_count == 0);
        server->prover = queue;
        server->group->prover_count++;
    }
    const struct queue_event started = {.kind = QUEUE_EVENT_STARTED};
    scheduler_step(scheduler, queue, &started, now_ms);
    group_note_request(scheduler, server->group, server->prover == queue);
    return queue;
}

bool scheduler_may_go_on(const struct queue *queue)
{
    const struct server *server = queue->server;
    return server->state != HAPLO_SERVER_SILENT &&
           login_group_may_go_on(server->group, server->prover != queue);
}

/* The server has responded: the count of its group may have changed, and the
 * state of every server in it. */
static void group_note_answer(struct scheduler *scheduler,
                              struct server *server, int error, uint64_t now_ms)
{
    struct step_context context = context_at(scheduler, now_ms);
    struct login_group *group = server->group;
    unsigned failed = group->failed;
    server_answered(server, error, &context, scheduler->server_trace_cb);
    if (group->failed != failed || error == HAPLO_ETHROTTLED) {
        login_sites_note_count(&scheduler->sites, group);
        if (group->failed == 0) {
            login_sites_divide(&scheduler->sites, group);
            groups_settle(scheduler, now_ms);
        }
        group_refresh(scheduler, group);
    }
    if (error == HAPLO_ETHROTTLED) {
        group_settle(scheduler, group);
    }
}

void scheduler_request_ended(struct scheduler *scheduler, struct queue *queue,
                             int error, uint64_t now_ms)
{
    struct server *server = queue->server;
    bool was_unproven = server->prover == queue;
    assert(server->in_flight > 0);
    assert(scheduler->in_flight > 0);
    scheduler->in_flight--;
    server->in_flight--;
    server->group->in_flight--;
    if (was_unproven) {
        server->prover = NULL;
        server->group->prover_count--;
    }
    if (error != HAPLO_ECANCELED) {
        group_note_answer(scheduler, server, error, now_ms);
    }
    if (server_error_proves_key(error)) {
        queue->key_proven = true;
    } else if (error == HAPLO_EREFUSED) {
        queue->key_proven = false;
    }
    group_note_request(scheduler, server->group, was_unproven);
    server_settle(scheduler, server);
}

/* Waits */

/* The server has forgotten the failed logins of the group, and so do we. */
static void group_expire(struct scheduler *scheduler, struct login_group *group,
                         const struct step_context *context)
{
    login_group_cleared(group);
    server_tell_logins(group, context, scheduler->server_trace_cb);
    group_settle(scheduler, group);
    login_sites_divide(&scheduler->sites, group);
    login_sites_note_count(&scheduler->sites, group);
    groups_settle(scheduler, context->now_ms);
}

static void groups_expire(struct scheduler *scheduler,
                          const struct step_context *context)
{
    struct login_group *group;
    while ((group = login_sites_take_due(&scheduler->sites, context->now_ms)) !=
           NULL) {
        group_expire(scheduler, group, context);
    }
}

struct queue *scheduler_take_due(struct scheduler *scheduler, uint64_t now_ms)
{
    struct step_context context = context_at(scheduler, now_ms);
    struct heap_entry *entry;
    if (login_sites_due_ms(&scheduler->sites) <= now_ms) {
        groups_expire(scheduler, &context);
    }
    while ((entry = heap_take_due(&scheduler->waits, now_ms)) != NULL) {
        if (entry->kind == WAIT_QUEUE) {
            return container_of(entry, struct queue, wait);
        }
        struct server *server = container_of(entry, struct server, wait);
        server_wait_over(server, &context, scheduler->server_trace_cb);
        server_settle(scheduler, server);
    }
    return NULL;
}

uint64_t scheduler_due_ms(const struct scheduler *scheduler)
{
    uint64_t due_ms = heap_first_ms(&scheduler->waits);
    uint64_t logins_due_ms = login_sites_due_ms(&scheduler->sites);
    return due_ms < logins_due_ms ? due_ms : logins_due_ms;
}

/* Adding and removing */

void scheduler_init(struct scheduler *scheduler, unsigned in_flight_max,
                    size_t held_bytes_max, uint64_t seed)
{
    *scheduler = (struct scheduler){
        .random.state = seed,
        .in_flight_max = in_flight_max,
        .held_bytes_max = held_bytes_max,
    };
    login_sites_init(&scheduler->sites);
    TAILQ_INIT(&scheduler->mark_ring);
    TAILQ_INIT(&scheduler->fetch_ring);
}

void scheduler_free(struct scheduler *scheduler)
{
    login_sites_free(&scheduler->sites);
    heap_free(&scheduler->waits);
}

static int reserve_entries(struct scheduler *scheduler, uint32_t count)
{
    int error = heap_reserve(&scheduler->waits, scheduler->entry_count + count);
    if (error == 0) {
        scheduler->entry_count += count;
    }
    return error;
}

int scheduler_add_server(struct scheduler *scheduler, struct server *server,
                         enum server_location location,
                         const char *const *sites, unsigned site_count,
                         uint64_t now_ms)
{
    int error = reserve_entries(scheduler, 1);
    if (error != 0) {
        return error;
    }
    server->wait.kind = WAIT_SERVER;
    server->location = location;
    error = login_sites_place(&scheduler->sites, server, sites, site_count);
    if (error != 0) {
        scheduler->entry_count--;
        return error;
    }
    /* What it joins is no news of this server. */
    server->logins_held = login_group_is_held(server->group);
    groups_settle(scheduler, now_ms);
    return 0;
}

int scheduler_locate_server(struct scheduler *scheduler, struct server *server,
                            enum server_location location,
                            const char *const *sites, unsigned site_count,
                            uint64_t now_ms)
{
    enum server_location before = server->location;
    server->location = location;
    int error = login_sites_place(&scheduler->sites, server, sites, site_count);
    if (error != 0) {
        server->location = before;
        return error;
    }
    groups_settle(scheduler, now_ms);
    server_refresh(scheduler, server);
    return 0;
}

void scheduler_set_policy(struct scheduler *scheduler, struct server *server,
                          const struct server_policy *policy)
{
    server->policy = *policy;
    login_group_recount(server->group);
    group_settle(scheduler, server->group);
}

void scheduler_try_server(struct scheduler *scheduler, struct server *server,
                          uint64_t now_ms)
{
    struct step_context context = context_at(scheduler, now_ms);
    if (server->state == HAPLO_SERVER_DOWN) {
        server_wait_over(server, &context, scheduler->server_trace_cb);
        server_settle(scheduler, server);
    }
}

void scheduler_lose_server(struct scheduler *scheduler, struct server *server)
{
    server->location = LOCATION_UNKNOWN;
    server_refresh(scheduler, server);
}

int scheduler_recall_logins(struct scheduler *scheduler,
                            const struct haplo_failed_logins *logins,
                            uint64_t now_ms)
{
    int error = login_sites_recall(&scheduler->sites, logins, now_ms);
    groups_settle(scheduler, now_ms);
    return error;
}

int scheduler_add_queue(struct scheduler *scheduler, struct queue *queue)
{
    int error = reserve_entries(scheduler, 1);
    if (error == 0) {
        queue->wait.kind = WAIT_QUEUE;
        queue_settle(scheduler, queue, NULL);
    }
    return error;
}

void scheduler_remove_server(struct scheduler *scheduler, struct server *server,
                             uint64_t now_ms)
{
    assert(server->in_flight == 0);
    assert(!server->in_mark_ring);
    assert(!server->in_fetch_ring);
    heap_remove(&scheduler->waits, &server->wait);
    scheduler->entry_count--;
    login_sites_leave(&scheduler->sites, server);
    groups_settle(scheduler, now_ms);
}

void scheduler_remove_queue(struct scheduler *scheduler, struct queue *queue)
{
    assert(!queue_is_in_flight(queue));
    struct queue_list *list = queue_list_of(queue);
    if (list != NULL) {
        TAILQ_REMOVE(list, queue, link);
        server_refresh(scheduler, queue->server);
    }
    heap_remove(&scheduler->waits, &queue->wait);
    scheduler->entry_count--;
}
