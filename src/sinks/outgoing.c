#include "sinks/outgoing.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_COUNT_MIN 64 /* room at first */

bool outgoing_init(struct outgoing *outgoing, size_t message_count_max)
{
    memset(outgoing, 0, sizeof(*outgoing));
    outgoing->messages =
        calloc(message_count_max, sizeof(const struct haplo_message *));
    outgoing->items = calloc(message_count_max, sizeof(*outgoing->items));
    outgoing->message_count_max = message_count_max;
    if (outgoing->messages == NULL || outgoing->items == NULL) {
        outgoing_free(outgoing);
        return false;
    }
    return true;
}

/* -- Keys ----------------------------------------------------------------- */

static uint64_t lane_read(const uint8_t *bytes)
{
    uint64_t lane = 0;

    for (size_t i = 0; i < sizeof(lane); i++) {
        lane = lane << 8 | bytes[i];
    }
    return lane;
}

static void lane_write(uint64_t lane, uint8_t *bytes)
{
    for (size_t i = sizeof(lane); i-- > 0; lane >>= 8) {
        bytes[i] = (uint8_t)lane;
    }
}

/* A sum, as their order may be another one the next time. The messages' keys
 * are hashes already; the odd factor keeps equal ones apart. */
static void key_write(const struct outlet_batch *batch,
                      uint8_t key[OUTLET_KEY_SIZE])
{
    uint64_t lanes[2] = {0, 0};

    static_assert(sizeof(lanes) == OUTLET_KEY_SIZE &&
                      sizeof(batch->messages[0]->key) == OUTLET_KEY_SIZE,
                  "a key is two lanes");
    for (size_t i = 0; i < batch->message_count; i++) {
        const struct haplo_message *message = batch->messages[i];
        uint64_t factor = 2 * (uint64_t)message->ordinal + 1;

        lanes[0] += factor * lane_read(message->key);
        lanes[1] += factor * lane_read(message->key + sizeof(lanes[0]));
    }
    lane_write(lanes[0], key);
    lane_write(lanes[1], key + sizeof(lanes[0]));
}

/* -- Batches -------------------------------------------------------------- */

/* Room for one more. */
static struct outlet_batch *batch_new(struct outgoing *outgoing)
{
    size_t count_max = outgoing->batch_count_max;
    struct outlet_batch *batches = outgoing->batches;

    if (outgoing->batch_count == count_max) {
        count_max = count_max > 0 ? 2 * count_max : BATCH_COUNT_MIN;
        batches = realloc(batches, count_max * sizeof(*batches));
        if (batches == NULL) {
            return NULL;
        }
        outgoing->batches = batches;
        outgoing->batch_count_max = count_max;
    }
    memset(&batches[outgoing->batch_count], 0, sizeof(*batches));
    return &batches[outgoing->batch_count++];
}

static bool is_at(const struct record_new *item, struct outlet_place place)
{
    return item->message != NULL && item->place.epoch == place.epoch &&
           item->place.number == place.number;
}

/* Moves the messages of one place from the items into the batch. */
static void batch_fill(struct outgoing *outgoing, struct outlet_batch *batch,
                       struct record_new *items, size_t count)
{
    batch->messages = outgoing->messages + outgoing->message_count;
    for (size_t i = 0; i < count; i++) {
        if (is_at(&items[i], batch->place)) {
            assert(outgoing->message_count < outgoing->message_count_max);
            outgoing->messages[outgoing->message_count++] = items[i].message;
            items[i].message = NULL;
            batch->message_count++;
        }
    }
    assert(batch->message_count > 0);
    key_write(batch, batch->key);
}

bool outgoing_add(struct outgoing *outgoing, struct sink_delivery *delivery,
                  size_t count)
{
    struct record_new *items = outgoing->items;

    delivery->out_first = outgoing->batch_count;
    delivery->out_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct outlet_batch *batch;

        if (items[i].message == NULL) {
            continue; /* with an earlier one of its place */
        }
        batch = batch_new(outgoing);
        if (batch == NULL) {
            return false;
        }
        batch->server = delivery->queue->server;
        batch->queue = delivery->queue->queue;
        batch->place = items[i].place;
        batch->format = delivery->format;
        batch->verdict = SINK_RETRY;
        (void)snprintf(batch->why, sizeof(batch->why), "not delivered");
        batch_fill(outgoing, batch, items + i, count - i);
        delivery->out_count++;
    }
    return true;
}

const struct outlet_batch *outgoing_refused(
    const struct outgoing *outgoing, const struct sink_delivery *delivery)
{
    for (size_t i = 0; i < delivery->out_count; i++) {
        const struct outlet_batch *batch =
            &outgoing->batches[delivery->out_first + i];

        if (batch->verdict != SINK_ACCEPT) {
            return batch;
        }
    }
    return NULL;
}

void outgoing_free(struct outgoing *outgoing)
{
    free(outgoing->batches);
    free(outgoing->messages);
    free(outgoing->items);
    memset(outgoing, 0, sizeof(*outgoing));
}
