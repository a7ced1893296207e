#include "book.h"

#include <string.h>

#include "process.h"
#include "world.h"

void book_posted(struct world *world, struct message *message)
{
    message->content->member_count++;
    message->content->demand_count++;
    message->stored_generation = -1;
    message->is_owed = true;
    message->posted_ms = world->now_ms;
    world->totals->messages++;
}

/* The decisive standing: the worst of all ordinals, as any may be the one. */
static enum standing standing_of(const struct content *content)
{
    enum standing standing = STANDING_NONE;
    for (int i = 0; i < MESSAGE_TWINS_MAX; i++) {
        enum standing own = content->standing[i];
        if (own == STANDING_OPEN) {
            return STANDING_OPEN;
        }
        if (own == STANDING_CLOSING ||
            (own == STANDING_CLOSED && standing == STANDING_NONE)) {
            standing = own;
        }
    }
    return standing;
}

/* True if a process has a token of the message that it may still post. */
static bool is_outstanding(const struct world *world,
                           const struct remote_queue *queue,
                           const struct message *message)
{
    for (unsigned host = 0; host < WORLD_HOSTS_MAX; host++) {
        const struct process *process = world->processes[host];
        const struct seen_queue *seen =
            process == NULL ? NULL : &process->queues[queue->index];
        const struct token *token =
            seen == NULL || !seen->guard.is_outstanding ? NULL : seen->token;
        for (unsigned i = 0; token != NULL && i < token->count; i++) {
            if (token->parts[i].message == message) {
                return true;
            }
        }
    }
    return false;
}

/* True if an unsend must lead to a new copy in the inbox. */
static bool is_promise(const struct world *world,
                       const struct remote_queue *queue,
                       const struct message *message, enum standing standing)
{
    return (standing == STANDING_CLOSED ||
            (standing == STANDING_CLOSING && world_process_count(world) < 2)) &&
           !is_outstanding(world, queue, message);
}

void book_unsent(struct world *world, const struct remote_queue *queue,
                 struct message *message)
{
    static const enum situation situations[] = {
        [STANDING_NONE] = SITUATION_UNSENT_BEFORE_STORED,
        [STANDING_OPEN] = SITUATION_UNSENT_UNCONFIRMED,
        [STANDING_CLOSING] = SITUATION_UNSENT_BEFORE_COMMIT,
        [STANDING_CLOSED] = SITUATION_UNSENT_CONFIRMED,
    };
    enum standing standing = standing_of(message->content);
    world->totals->unsends++;
    world_count(world, situations[standing]);
    message->content->demand_count++;
    message->is_taken = false;
    if (!message->is_owed && is_promise(world, queue, message, standing)) {
        message->is_owed = true;
        message->is_promise_fresh = standing == STANDING_CLOSING;
    }
}

void book_replayed(struct message *message)
{
    message->content->demand_count++;
    message->generation++;
}

void book_marked(struct world *world, const struct remote_queue *queue,
                 struct message *message, enum marker marker)
{
    uint64_t took_ms = world->now_ms - message->posted_ms;
    if (message->generation == 0 && took_ms > world->pace.mark_ms) {
        world->pace.mark_ms = took_ms;
    }
    if (!message->is_owed) {
        return;
    }
    if (marker == MARKER_US) {
        world_violation(world, "%s: message %u is marked and not in the inbox",
                        queue->name, message->number);
    }
    world_count(world, marker == MARKER_LATE ? SITUATION_TAKEN_LATE
                                             : SITUATION_TAKEN_FOREIGN);
    message->is_taken = true;
}

/* True if the process does not know that it is confirmed, from what is stored
 * and what it has learned since. */
static bool is_open_to(const struct content *content, unsigned host,
                       unsigned slot)
{
    return content->standing[slot] == STANDING_OPEN ||
           (content->standing[slot] == STANDING_CLOSING &&
            content->closing_number[host][slot] == 0);
}

static unsigned count_open_to(const struct content *content, unsigned host)
{
    unsigned count = 0;
    for (unsigned i = 0; i < MESSAGE_TWINS_MAX; i++) {
        count += is_open_to(content, host, i);
    }
    return count;
}

static void close_slot(struct seen_queue *queue, struct content *content,
                       unsigned slot)
{
    unsigned host = queue->process->host;
    content->standing[slot] = STANDING_CLOSING;
    content->closing_number[host][slot] = queue->remote->confirm_number;
    queue->confirm_is_due = true;
}

/* One of several equal messages. */
static void close_one(struct seen_queue *queue, struct content *content)
{
    for (unsigned i = 0; i < MESSAGE_TWINS_MAX; i++) {
        if (is_open_to(content, queue->process->host, i)) {
            close_slot(queue, content, i);
            return;
        }
    }
}

static void close_batch(struct seen_queue *queue, const struct token *token)
{
    for (unsigned i = 0; i < token->count; i++) {
        close_one(queue, token->parts[i].message->content);
    }
}

static void close_all(struct world *world, struct seen_queue *queue)
{
    bool was_due = queue->confirm_is_due;
    for (struct message *m = queue->remote->first; m != NULL; m = m->next) {
        while (count_open_to(m->content, queue->process->host) > 0) {
            close_one(queue, m->content);
        }
    }
    if (queue->confirm_is_due && !was_due) {
        world_count(world, SITUATION_CONFIRMED_BY_EMPTY_FETCH);
    }
}

static bool is_progress(const struct token *token, const struct answer *answer,
                        bool is_repeated)
{
    return token->posts > 1 || is_repeated || answer->marked_count > 0 ||
           answer->unread_count == 0;
}

void book_answered(struct world *world, struct seen_queue *queue,
                   const struct token *token, const struct answer *answer,
                   bool is_repeated)
{
    if (!queue->is_current) {
        return; /* whatever it stores will be stale */
    }
    if (answer->kind == ANSWER_MARKED && token != NULL) {
        if (!is_progress(token, answer, is_repeated)) {
            world_count(world, SITUATION_NO_PROGRESS);
            return;
        }
        queue->remote->confirm_number++;
        close_batch(queue, token);
        if (answer->unread_count == 0) {
            close_all(world, queue);
        }
    } else if (answer->kind == ANSWER_BATCH && answer->token == NULL) {
        queue->remote->confirm_number++;
        close_all(world, queue);
    }
}

/* FNV-1a. States are compared by their bytes and never parsed. */
static uint64_t hash_of(struct haplo_slice state)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < state.size; i++) {
        hash = (hash ^ (unsigned char)state.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

void book_told_inbox(struct seen_queue *queue, struct haplo_slice state)
{
    struct told *told = &queue->told[queue->told_count++ % SEEN_TOLD_MAX];
    told->state_hash = hash_of(state);
    told->confirm_number = queue->remote->confirm_number;
    queue->confirm_is_due = false;
}

uint64_t book_number_of(const struct seen_queue *queue,
                        struct haplo_slice state)
{
    uint64_t hash = hash_of(state);
    for (unsigned i = 0; i < SEEN_TOLD_MAX; i++) {
        if (queue->told[i].state_hash == hash) {
            return queue->told[i].confirm_number;
        }
    }
    guard_violation(queue, "stores a state of no confirmation");
}

void book_check_told(struct world *world)
{
    for (unsigned host = 0; host < WORLD_HOSTS_MAX; host++) {
        struct process *process = world->processes[host];
        for (unsigned i = 0; process != NULL && i < world->queue_count; i++) {
            struct seen_queue *queue = &process->queues[i];
            if (queue->confirm_is_due && process->is_open) {
                guard_violation(queue, "confirmed, and the inbox is not told");
            }
            if (queue->confirm_is_due) {
                world_count(world, SITUATION_CONFIRMED_TOO_LATE);
                queue->confirm_is_due = false;
            }
        }
    }
}

/* True if a process has learned of a confirmation that is not stored. */
static bool is_closing_to_any(const struct content *content, unsigned slot)
{
    for (unsigned host = 0; host < MESSAGE_HOSTS_MAX; host++) {
        if (content->closing_number[host][slot] != 0) {
            return true;
        }
    }
    return false;
}

/* Drops what a process knew of a confirmation. */
static void reopen(struct world *world, struct content *content, unsigned host,
                   unsigned slot)
{
    if (content->closing_number[host][slot] == 0) {
        return;
    }
    content->closing_number[host][slot] = 0;
    world_count(world, SITUATION_CONFIRMATION_FORGOTTEN);
    if (content->standing[slot] == STANDING_CLOSING &&
        !is_closing_to_any(content, slot)) {
        content->standing[slot] = STANDING_OPEN;
    }
}

/* Revokes a promise that relied on a response which is now forgotten. */
static void revoke_promise(struct world *world, struct message *message)
{
    if (message->is_promise_fresh) {
        message->is_promise_fresh = false;
        message->is_owed = false;
        world_count(world, SITUATION_PROMISE_REVOKED);
    }
}

void book_ended(struct process *process)
{
    struct world *world = process->world;
    for (unsigned i = 0; i < world->queue_count; i++) {
        struct remote_queue *queue = &world->queues[i];
        for (struct message *m = queue->first; m != NULL; m = m->next) {
            for (unsigned j = 0; j < MESSAGE_TWINS_MAX; j++) {
                reopen(world, m->content, process->host, j);
            }
            revoke_promise(world, m);
        }
    }
}

void book_started(struct process *process)
{
    struct world *world = process->world;
    bool has_several = world_process_count(world) > 1;
    for (unsigned i = 0; i < world->queue_count && has_several; i++) {
        for (struct message *m = world->queues[i].first; m != NULL;
             m = m->next) {
            revoke_promise(world, m);
        }
    }
}

/* The stored state is now this process's and lacks what another one has
 * learned meanwhile. */
static void settle_slot(struct content *content, unsigned host, unsigned slot,
                        uint64_t confirm_number)
{
    uint64_t own = content->closing_number[host][slot];
    for (unsigned other = 0; other < MESSAGE_HOSTS_MAX; other++) {
        if (other != host) {
            content->closing_number[other][slot] = 0;
        }
    }
    if (content->standing[slot] != STANDING_CLOSING) {
        return;
    }
    if (own == 0) {
        content->standing[slot] = STANDING_OPEN;
    } else if (own <= confirm_number) {
        content->standing[slot] = STANDING_CLOSED;
        content->closing_number[host][slot] = 0;
    }
}

void book_durable(struct world *world, const struct seen_queue *queue,
                  uint64_t confirm_number)
{
    (void)world;
    for (struct message *m = queue->remote->first; m != NULL; m = m->next) {
        struct content *content = m->content;
        for (unsigned i = 0; i < MESSAGE_TWINS_MAX; i++) {
            settle_slot(content, queue->process->host, i, confirm_number);
        }
        if (m->is_promise_fresh && standing_of(content) != STANDING_CLOSING) {
            m->is_promise_fresh = false;
        }
    }
}

/* Some of several equal messages are stored and not confirmed. No client can
 * know which of them the server sends now. */
static void note_ambiguity(struct world *world, const struct seen_queue *queue)
{
    const struct token *token = queue->token;
    for (unsigned i = 0; i < token->count; i++) {
        struct content *content = token->parts[i].message->content;
        if (content->member_count > 1 && !content->is_ambiguous &&
            count_open_to(content, queue->process->host) > 0) {
            content->is_ambiguous = true;
            world_count(world, SITUATION_AMBIGUOUS_TWINS);
        }
    }
}

static void check_not_twice(struct world *world, const struct token *token,
                            const struct token_part *part)
{
    const struct content *content = part->message->content;
    if (content->is_ambiguous) {
        return;
    }
    if (content->stored_count > content->demand_count ||
        (content->member_count == 1 &&
         part->message->stored_generation >= (int)part->generation)) {
        world_violation(world, "%s: message %u is stored twice",
                        token->queue->name, part->message->number);
    }
}

static void store_new(struct world *world, const struct token *token,
                      const struct token_part *part)
{
    struct message *message = part->message;
    message->content->stored_count++;
    check_not_twice(world, token, part);
    if (part->generation > 0) {
        world_count(world, SITUATION_RESENT);
    }
    message->stored_generation = (int)part->generation;
    message->is_owed = false;
    message->is_promise_fresh = false;
    world->totals->stored++;
}

static void store_repeat(struct world *world, const struct token *token,
                         const struct token_part *part)
{
    struct message *message = part->message;
    world_count(world, SITUATION_REPEAT_RECOGNISED);
    if (!message->is_owed) {
        return;
    }
    if (!message->content->is_ambiguous) {
        world_violation(world, "%s: message %u is taken for a repeat",
                        token->queue->name, message->number);
    }
    message->is_owed = false;
}

/* Among equal messages in a batch, as many are repeats as are stored and not
 * known to be confirmed. All others are new. */
static void check_content(const struct seen_queue *queue,
                          const struct token_part *first, const bool *is_new)
{
    const struct token *token = queue->token;
    const struct content *content = first->message->content;
    unsigned open = count_open_to(content, queue->process->host);
    unsigned count = 0;
    unsigned new_count = 0;
    for (unsigned i = 0; i < token->count; i++) {
        if (token->parts[i].message->content == content) {
            count++;
            new_count += is_new[i];
        }
    }
    if (new_count != (count > open ? count - open : 0)) {
        world_violation(queue->process->world, "%s: message %u: %s",
                        queue->remote->name, first->message->number,
                        new_count + open > count
                            ? "a repeat is stored as new"
                            : "a resend is taken for a repeat");
    }
}

static void open_slot(struct world *world, struct content *content)
{
    for (unsigned i = 0; i < MESSAGE_TWINS_MAX; i++) {
        if (content->standing[i] == STANDING_NONE ||
            content->standing[i] == STANDING_CLOSED) {
            content->standing[i] = STANDING_OPEN;
            return;
        }
    }
    world_violation(world, "more equal messages than there can be");
}

void book_stored(struct world *world, struct seen_queue *queue,
                 const bool *is_new)
{
    struct token *token = queue->token;
    note_ambiguity(world, queue);
    for (unsigned i = 0; i < token->count && !queue->was_restored; i++) {
        if (token->parts[i].ordinal == 0) {
            check_content(queue, &token->parts[i], is_new);
        }
    }
    book_durable(world, queue, token->confirm_number);
    for (unsigned i = 0; i < token->count; i++) {
        if (is_new[i]) {
            store_new(world, token, &token->parts[i]);
            open_slot(world, token->parts[i].message->content);
        } else {
            store_repeat(world, token, &token->parts[i]);
        }
    }
    token->is_stored = true;
}

struct book_copy book_copy_of(const struct message *message)
{
    const struct content *content = message->content;
    struct book_copy copy = {
        .stored_count = content->stored_count,
        .stored_generation = message->stored_generation,
    };
    for (unsigned i = 0; i < MESSAGE_TWINS_MAX; i++) {
        uint8_t standing = content->standing[i];
        copy.standing[i] =
            standing == STANDING_CLOSING ? STANDING_OPEN : standing;
    }
    return copy;
}

void book_restore(struct message *message, const struct book_copy *copy)
{
    struct content *content = message->content;
    memcpy(content->standing, copy->standing, sizeof content->standing);
    memset(content->closing_number, 0, sizeof content->closing_number);
    content->stored_count = copy->stored_count;
    message->stored_generation = copy->stored_generation;
    message->is_promise_fresh = false;
}

/* Messages stored since the backup that are still unread must be stored again,
 * except those that a process is about to mark. */
void book_restored(struct world *world, const struct remote_queue *queue)
{
    for (struct message *m = queue->first; m != NULL; m = m->next) {
        m->is_owed = m->is_unread && standing_of(m->content) != STANDING_OPEN &&
                     !is_outstanding(world, queue, m);
    }
}

void book_reread(struct seen_queue *queue)
{
    struct world *world = queue->process->world;
    queue->is_current = true;
    queue->was_restored = false;
    for (struct message *m = queue->remote->first; m != NULL; m = m->next) {
        for (unsigned i = 0; i < MESSAGE_TWINS_MAX; i++) {
            /* A state given to the inbox may still be stored. */
            queue->was_restored |=
                m->content->closing_number[queue->process->host][i] > 0;
            reopen(world, m->content, queue->process->host, i);
        }
        revoke_promise(world, m);
    }
}

void book_is_open(struct content *content, unsigned count)
{
    content->is_ambiguous |= content->member_count > 1;
    memset(content->closing_number, 0, sizeof content->closing_number);
    for (unsigned i = 0; i < MESSAGE_TWINS_MAX; i++) {
        if (i < count) {
            content->standing[i] = STANDING_OPEN;
        } else if (content->standing[i] != STANDING_NONE) {
            content->standing[i] = STANDING_CLOSED;
        }
    }
}

void book_dropped(struct content *content)
{
    content->is_ambiguous = true;
    for (unsigned i = 0; i < MESSAGE_TWINS_MAX; i++) {
        if (content->standing[i] == STANDING_OPEN) {
            content->standing[i] = STANDING_CLOSED;
        }
    }
}

bool book_is_settled(const struct remote_queue *queue)
{
    for (const struct message *m = queue->first; m != NULL; m = m->next) {
        enum standing standing = standing_of(m->content);
        if (standing == STANDING_OPEN || standing == STANDING_CLOSING) {
            return false;
        }
    }
    return true;
}

void book_check_end(struct world *world)
{
    for (unsigned i = 0; i < world->queue_count; i++) {
        const struct remote_queue *queue = &world->queues[i];
        for (struct message *m = queue->first; m != NULL; m = m->next) {
            if (m->is_owed && !m->is_taken) {
                world_violation(world, "%s: message %u has never come",
                                queue->name, m->number);
            }
        }
    }
}
