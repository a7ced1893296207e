#include "remote.h"

#include <stdio.h>
#include <string.h>

#include "book.h"
#include "world.h"

#define BODY_SIZE_MAX 160
#define UNREAD_MAX 8192  /* messages considered */
#define OVERRIDDEN_IDS 3 /* few, so that they collide */
#define TIE_MS 3000      /* messages of the same time have the same date */

static const char *copy_text(struct world *world, const char *text, size_t size)
{
    char *copy = pool_take(&world->pool, size);
    return memcpy(copy, text, size);
}

/* A message's own data may override id and datetime. They then belong to
 * another message, and the whole message may equal another one. */
static struct content *content_new(struct world *world,
                                   const struct remote_queue *queue,
                                   uint32_t number, bool is_overridden)
{
    struct content *content = pool_take(&world->pool, sizeof *content);
    char text[BODY_SIZE_MAX];
    int size;
    unsigned id = number;
    if (is_overridden) {
        id = (unsigned)dice_below(&world->dice, OVERRIDDEN_IDS);
        size = snprintf(text, sizeof text,
                        "{\"id\": \"x%u\", \"datetime\": null, "
                        "\"value\": \"%s %u\"}",
                        id, queue->name, number);
    } else {
        size = snprintf(text, sizeof text,
                        "{\"id\": \"%s-%u\", \"datetime\": "
                        "\"2020-02-15T10:32:01Z\", \"value\": %u}",
                        queue->name, number, number * 7);
    }
    content->id_end = (char)('0' + id % 10);
    content->is_overridden = is_overridden;
    if (dice_hit(&world->dice, world->plan.poison_permille)) {
        content->poison = (uint8_t)dice_next(&world->dice);
    }
    content->size = (size_t)size;
    content->body = copy_text(world, text, content->size);
    return content;
}

/* A content of the queue that another message may share, or NULL. */
static struct content *find_twin(struct world *world,
                                 const struct remote_queue *queue)
{
    struct content *twin = NULL;
    unsigned seen = 0;
    for (struct message *m = queue->first; m != NULL; m = m->next) {
        struct content *content = m->content;
        if (content->is_overridden &&
            content->member_count < MESSAGE_TWINS_MAX &&
            dice_below(&world->dice, ++seen) == 0) {
            twin = content;
        }
    }
    return twin;
}

static struct content *pick_content(struct world *world,
                                    const struct remote_queue *queue,
                                    uint32_t number)
{
    struct content *content = NULL;
    bool is_overridden = dice_hit(&world->dice, world->plan.override_permille);
    if (is_overridden && dice_hit(&world->dice, 400)) {
        content = find_twin(world, queue);
    }
    if (content == NULL) {
        return content_new(world, queue, number, is_overridden);
    }
    world_count(world, SITUATION_EQUAL_MESSAGES);
    return content;
}

void remote_post(struct world *world, struct remote_queue *queue,
                 unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct message *message = pool_take(&world->pool, sizeof *message);
        message->number = ++queue->message_count;
        message->content = pick_content(world, queue, message->number);
        message->date = (uint32_t)(world->now_ms / TIE_MS);
        message->is_unread = true;
        queue->unread_count++;
        if (queue->last != NULL) {
            queue->last->next = message;
        } else {
            queue->first = message;
        }
        queue->last = message;
        book_posted(world, message);
    }
    TRACE(world, "%s: %u posted, %u unread", queue->name, count,
          queue->unread_count);
}

void remote_unsend(struct world *world, struct remote_queue *queue,
                   struct message *message)
{
    if (message->is_unread) {
        return;
    }
    message->is_unread = true;
    message->generation++;
    queue->unread_count++;
    book_unsent(world, queue, message);
    TRACE(world, "%s: message %u unsent, %s", queue->name, message->number,
          message->is_owed ? "owed" : "not owed");
}

static void expire_logins(const struct world *world,
                          struct remote_logins *logins)
{
    if (world->now_ms >= logins->newest_ms + REMOTE_THROTTLE_MS) {
        *logins = (struct remote_logins){0};
    }
}

enum remote_login remote_log_in(struct world *world, struct remote_queue *queue,
                                unsigned address, int key, bool is_kept)
{
    struct remote_logins *logins = &world->logins[address];
    expire_logins(world, logins);
    if (logins->failed >= REMOTE_FAILED_LOGINS_MAX) {
        return LOGIN_THROTTLED;
    }
    if (key == queue->key) {
        *logins = (struct remote_logins){0};
        return LOGIN_GOOD;
    }
    logins->failed++;
    logins->by_runs += is_kept;
    logins->by_us++;
    logins->newest_ms = world->now_ms;
    TRACE(world, "%s: login failed, %u counted", queue->name, logins->failed);
    totals_note_logins(world->totals, logins->by_runs, logins->by_us);
    if (logins->by_runs >= REMOTE_FAILED_LOGINS_MAX) {
        world_violation(world, "%s: throttled by our failed logins alone",
                        queue->server->name);
    }
    return LOGIN_REFUSED;
}

void remote_fail_logins(struct world *world, struct remote_server *server,
                        unsigned count)
{
    struct remote_logins *logins = &world->logins[server->address];
    expire_logins(world, logins);
    logins->failed += count;
    logins->newest_ms = world->now_ms;
    TRACE(world, "%s: %u logins of others failed, %u counted", server->name,
          count, logins->failed);
}

/* Collects the unread messages in the order of posting, which is by id and,
 * except for ties, by date. */
static unsigned gather_unread(const struct remote_queue *queue,
                              struct message **unread)
{
    unsigned count = 0;
    for (struct message *m = queue->first; m != NULL; m = m->next) {
        if (m->is_unread && count < UNREAD_MAX) {
            unread[count++] = m;
        }
    }
    return count;
}

/* Messages of equal date come in a different order in each fetch. */
static void shuffle_ties(struct world *world, struct message **unread,
                         unsigned count)
{
    unsigned begin = 0;
    for (unsigned i = 0; i < count; i++) {
        if (unread[i]->date != unread[begin]->date) {
            begin = i;
        }
        unsigned with = (unsigned)dice_between(&world->dice, begin, i);
        struct message *message = unread[i];
        unread[i] = unread[with];
        unread[with] = message;
    }
}

static unsigned ordinal_of(const struct token *token,
                           const struct content *content)
{
    unsigned ordinal = 0;
    if (content->member_count > 1) {
        for (unsigned i = 0; i < token->count; i++) {
            ordinal += token->parts[i].message->content == content;
        }
    }
    return ordinal;
}

struct token *remote_fetch(struct world *world, struct remote_queue *queue)
{
    static struct message *unread[UNREAD_MAX];
    unsigned count = gather_unread(queue, unread);
    unsigned limit = queue->server->batch_max;
    if (count == 0) {
        return NULL;
    }
    if (!queue->server->is_by_id) {
        shuffle_ties(world, unread, count);
    }
    limit = limit == 0 ? REMOTE_BATCH_MAX : limit;
    count = limit < count ? limit : count;
    struct token *token = world_token_new(world, queue, count);
    for (unsigned i = 0; i < count; i++) {
        token->parts[i] = (struct token_part){
            .message = unread[i],
            .generation = unread[i]->generation,
            .ordinal = ordinal_of(token, unread[i]->content),
        };
        token->count++;
    }
    queue->cached = token;
    return token;
}

static bool is_marked(const struct token *token)
{
    for (unsigned i = 0; i < token->count; i++) {
        if (token->parts[i].message->is_unread) {
            return false;
        }
    }
    return true;
}

/* For a client, a batch from a cache is a resend: it cannot know better. */
struct token *remote_replay(struct world *world, struct remote_queue *queue)
{
    const struct token *cached = queue->cached;
    if (cached == NULL || cached->is_poison || queue->ignores_tokens ||
        !is_marked(cached)) {
        return NULL;
    }
    size_t size = sizeof *cached + cached->count * sizeof cached->parts[0];
    struct token *token = pool_take(&world->pool, size);
    memcpy(token, cached, size);
    token->is_stored = false;
    token->was_new = false;
    token->outcome = OUTCOME_NONE;
    token->posts = 0;
    for (unsigned i = 0; i < token->count; i++) {
        struct message *message = token->parts[i].message;
        book_replayed(message);
        token->parts[i].generation = message->generation;
    }
    world_count(world, SITUATION_REPLAYED);
    return token;
}

unsigned remote_mark(struct world *world, const struct token *token,
                     unsigned part_count, enum marker marker)
{
    unsigned marked_count = 0;
    for (unsigned i = 0; i < part_count; i++) {
        struct message *message = token->parts[i].message;
        if (message->is_unread) {
            message->is_unread = false;
            token->queue->unread_count--;
            marked_count++;
            book_marked(world, token->queue, message, marker);
        }
    }
    return marked_count;
}
