/*
 * poll_answer.c - the product's own readers on the bytes of an answer.
 */
#include "book.h"
#include "core/batch.h"
#include "core/fetch_reply.h"
#include "poll_private.h"
#include "process.h"
#include "world.h"

uint64_t poll_retry_after_ms(const struct exchange *exchange)
{
    return exchange->answer.kind == ANSWER_BUSY
               ? exchange->answer.retry_after_ms
               : 0;
}

/* Reads the answer to a fetch in some pieces, or half of it. */
int poll_read_fetch(struct poll_queue *queue, const struct exchange *exchange)
{
    struct world *world = queue->process->world;
    struct http_head head;
    struct fetch_reply reply;
    struct reason why;
    bool is_cut = exchange->fate == FATE_ANSWER_CUT;
    size_t size = answer_write(&exchange->answer, exchange->queue->server,
                               false, &head, world->body);
    size_t half = (size_t)dice_below(&world->dice, size);
    fetch_reply_begin(&reply, &queue->process->format, queue->batch,
                      ANSWER_SIZE_MAX, &why);
    fetch_reply_head(&reply, &head);
    int error = fetch_reply_data(&reply, world->body, half);
    poll_count_bytes(queue);
    if (is_cut) {
        world_count(world, SITUATION_ANSWER_CUT);
        fetch_reply_abandon(&reply);
        return error != 0 ? error : HAPLO_ERESET;
    }
    if (error == 0) {
        error = fetch_reply_data(&reply, world->body + half, size - half);
        poll_count_bytes(queue);
    }
    if (error != 0) {
        fetch_reply_abandon(&reply);
        return error;
    }
    return fetch_reply_end(&reply);
}

int poll_read_mark(const struct poll_queue *queue,
                   const struct exchange *exchange, struct mark_reply *reply)
{
    struct world *world = queue->process->world;
    struct http_head head;
    struct reason why;
    size_t size = answer_write(&exchange->answer, exchange->queue->server, true,
                               &head, world->body);
    mark_reply_begin(reply, &why);
    mark_reply_head(reply, &head);
    (void)mark_reply_data(reply, world->body, size);
    return exchange->fate == FATE_ANSWER_CUT ? HAPLO_ERESET
                                             : mark_reply_end(reply);
}
