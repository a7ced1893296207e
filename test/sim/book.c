#include "book.h"

#include "world.h"

/* -- On the server -------------------------------------------------------- */

void book_posted(struct world *world, struct message *message)
{
    message->content->member_count++;
    message->content->demand_count++;
    message->stored_generation = -1;
    message->reached_generation = -1;
    message->is_owed = true;
    world->totals->messages++;
}

/* The standing that decides: the worst of all ordinals, as any may be met. */
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
    (void)queue;
    world->totals->unsends++;
    world_count(world, situations[standing]);
    message->content->demand_count++;
    message->is_taken = false;
    if (!message->is_owed &&
        (standing == STANDING_CLOSING || standing == STANDING_CLOSED)) {
        message->is_owed = true;
        message->is_promise_fresh = standing == STANDING_CLOSING;
    }
}

void book_marked(struct world *world, const struct remote_queue *queue,
                 struct message *message, enum marker marker)
{
    if (!message->is_owed) {
        return;
    }
    if (marker == MARKER_US) {
        world_violation(world, "%s: message %u is marked and not in the sink",
                        queue->name, message->number);
    }
    world_count(world, marker == MARKER_LATE ? SITUATION_TAKEN_LATE
                                             : SITUATION_TAKEN_FOREIGN);
    message->is_taken = true;
}

/* -- At the client -------------------------------------------------------- */

static void close_ordinal(struct remote_queue *queue, struct content *content,
                          unsigned ordinal)
{
    if (content->standing[ordinal] == STANDING_OPEN) {
        content->standing[ordinal] = STANDING_CLOSING;
        content->closing_number[ordinal] = queue->confirm_number;
        queue->confirm_is_due = true;
    }
}

static void close_batch(struct remote_queue *queue, const struct token *token)
{
    for (unsigned i = 0; i < token->count; i++) {
        close_ordinal(queue, token->parts[i].message->content,
                      token->parts[i].ordinal);
    }
}

static void close_all(struct world *world, struct remote_queue *queue)
{
    bool was_due = queue->confirm_is_due;
    for (struct message *m = queue->first; m != NULL; m = m->next) {
        for (unsigned i = 0; i < MESSAGE_TWINS_MAX; i++) {
            close_ordinal(queue, m->content, i);
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

void book_answered(struct world *world, struct remote_queue *queue,
                   const struct token *token, const struct answer *answer,
                   bool is_repeated)
{
    if (answer->kind == ANSWER_MARKED && token != NULL) {
        if (!is_progress(token, answer, is_repeated)) {
            world_count(world, SITUATION_NO_PROGRESS);
            return;
        }
        queue->confirm_number++;
        close_batch(queue, token);
        if (answer->unread_count == 0) {
            close_all(world, queue);
        }
    } else if (answer->kind == ANSWER_BATCH && answer->token == NULL) {
        queue->confirm_number++;
        close_all(world, queue);
    }
}

uint64_t book_told_sink(struct remote_queue *queue)
{
    queue->confirm_is_due = false;
    return queue->confirm_number;
}

void book_check_told(struct world *world)
{
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (world->queues[i].confirm_is_due) {
            world_violation(world, "%s: confirmed, and the sink is not told",
                            world->queues[i].name);
        }
    }
}

/* A promise made on the strength of an answer that is forgotten now. */
static void reopen(struct world *world, struct message *message)
{
    for (unsigned i = 0; i < MESSAGE_TWINS_MAX; i++) {
        if (message->content->standing[i] == STANDING_CLOSING) {
            message->content->standing[i] = STANDING_OPEN;
            world_count(world, SITUATION_CONFIRMATION_FORGOTTEN);
        }
    }
    if (message->is_promise_fresh) {
        message->is_promise_fresh = false;
        message->is_owed = false;
        world_count(world, SITUATION_PROMISE_REVOKED);
    }
}

void book_ended(struct world *world)
{
    for (unsigned i = 0; i < world->queue_count; i++) {
        struct remote_queue *queue = &world->queues[i];
        queue->confirm_is_due = false;
        for (struct message *m = queue->first; m != NULL; m = m->next) {
            reopen(world, m);
        }
    }
}

/* -- On the disk ---------------------------------------------------------- */

void book_durable(struct remote_queue *queue, uint64_t confirm_number)
{
    for (struct message *m = queue->first; m != NULL; m = m->next) {
        struct content *content = m->content;
        for (unsigned i = 0; i < content->member_count; i++) {
            if (content->standing[i] == STANDING_CLOSING &&
                content->closing_number[i] <= confirm_number) {
                content->standing[i] = STANDING_CLOSED;
            }
        }
        if (m->is_promise_fresh && standing_of(content) != STANDING_CLOSING) {
            m->is_promise_fresh = false;
        }
    }
}

/* Equal messages of which some are stored and not confirmed: which ones the
 * server sends now, nobody can tell. */
static void note_ambiguity(struct world *world, const struct token *token)
{
    for (unsigned i = 0; i < token->count; i++) {
        struct content *content = token->parts[i].message->content;
        if (content->member_count > 1 && !content->is_ambiguous &&
            standing_of(content) == STANDING_OPEN) {
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
                      const struct token_part *part, bool has_outlet)
{
    struct message *message = part->message;
    message->content->stored_count++;
    check_not_twice(world, token, part);
    if (has_outlet && message->reached_generation < (int)part->generation) {
        world_violation(world, "%s: message %u is in the ledger, not out",
                        token->queue->name, message->number);
    }
    if (part->generation > 0) {
        world_count(world, SITUATION_RESENT);
    }
    message->stored_generation = (int)part->generation;
    message->is_owed = false;
    message->is_promise_fresh = false;
    message->is_outlet_only = false;
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

void book_stored(struct world *world, struct token *token, const bool *is_new,
                 bool has_outlet)
{
    note_ambiguity(world, token);
    for (unsigned i = 0; i < token->count; i++) {
        const struct token_part *part = &token->parts[i];
        uint8_t *standing = &part->message->content->standing[part->ordinal];
        if (is_new[i] == (*standing == STANDING_OPEN)) {
            world_violation(world, "%s: message %u: %s", token->queue->name,
                            part->message->number,
                            is_new[i] ? "a repeat is stored as new"
                                      : "a resend is taken for a repeat");
        }
        if (is_new[i]) {
            store_new(world, token, part, has_outlet);
        } else {
            store_repeat(world, token, part);
        }
        *standing = STANDING_OPEN;
    }
    token->is_stored = true;
}

void book_reached(struct world *world, const struct token *token,
                  const bool *is_new)
{
    note_ambiguity(world, token);
    for (unsigned i = 0; i < token->count; i++) {
        const struct token_part *part = &token->parts[i];
        struct message *message = part->message;
        if (!is_new[i]) {
            continue;
        }
        if (message->reached_generation >= (int)part->generation &&
            !message->content->is_ambiguous) {
            world->totals->repeats++;
            if (!message->is_outlet_only) {
                world_violation(world, "%s: message %u is sent out twice",
                                token->queue->name, message->number);
            }
        }
        message->reached_generation = (int)part->generation;
        message->is_owed = false;
        message->is_promise_fresh = false;
        world->totals->reached++;
    }
}

void book_rolled_back(const struct token *token, const bool *is_new)
{
    for (unsigned i = 0; i < token->count; i++) {
        if (is_new[i]) {
            token->parts[i].message->is_outlet_only = true;
        }
    }
}

/* -- At the end ----------------------------------------------------------- */

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
