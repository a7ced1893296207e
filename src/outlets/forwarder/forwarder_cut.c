/*
 * forwarder_cut.c - cuts pages of messages into parcels.
 *
 *   - Messages of queues that the outlet does not want are skipped.
 *   - The others are cut into parcels: consecutive arrivals of one batch, at
 *     most FORWARDER_PARCEL_COUNT_MAX, counted from the start of the batch.
 *   - Of these, a parcel has those that match `when` (forwarder_route.c).
 *   - The dispatch gets each parcel as a span of its lane.
 *   - A page is freed with the last of its parcels.
 *
 * If the end of a parcel is not in the page, or memory runs out, the rest of
 * the page is not processed.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "outlets/forwarder/forwarder_private.h"

/* Memory */

void forwarder_page_leave(struct page *page)
{
    if (--page->user_count == 0) {
        page->forwarder->bytes_held -= page->bytes;
        inbox_read_free(&page->read);
        free(page);
    }
}

void forwarder_release_span(void *data, struct span *span)
{
    struct parcel *parcel = container_of(span, struct parcel, span);

    (void)data;
    forwarder_page_leave(parcel->page);
    free(parcel);
}

/* Cutting */

static uint64_t part_of_batch(const struct inbox_message *message)
{
    return (message->arrival - message->batch_first) /
           FORWARDER_PARCEL_COUNT_MAX;
}

/* True if b follows a in the same parcel. */
static bool is_joined(const struct inbox_message *a,
                      const struct inbox_message *b)
{
    return b->arrival == a->arrival + 1 && b->queue_id == a->queue_id &&
           b->batch_first == a->batch_first &&
           part_of_batch(b) == part_of_batch(a);
}

/* True if it is the last message of its parcel. */
static bool is_last(const struct inbox_message *message)
{
    uint64_t number = message->arrival - message->batch_first + 1;

    return number == message->batch_count ||
           number % FORWARDER_PARCEL_COUNT_MAX == 0;
}

size_t forwarder_parcel_count(const struct inbox_read *read, size_t index)
{
    size_t end = index + 1;

    while (end < read->count &&
           is_joined(&read->messages[end - 1], &read->messages[end])) {
        end++;
    }
    if (end == read->count && read->has_more &&
        !is_last(&read->messages[end - 1])) {
        return 0;
    }
    return end - index;
}

/* Adding */

/* The wanted ones of these messages; NULL if memory runs out. */
static struct parcel *parcel_new(const struct inbox_message *messages,
                                 const struct choice *choice)
{
    size_t count = choice->end - choice->first;
    size_t copied = count > choice->count ? choice->count : 0;
    struct parcel *parcel =
        malloc(sizeof(*parcel) + copied * sizeof(parcel->chosen[0]));

    if (parcel == NULL) {
        return NULL;
    }
    parcel->span.first = messages[choice->first].arrival;
    parcel->span.count = (uint32_t)count;
    parcel->messages = copied > 0 ? parcel->chosen : &messages[choice->first];
    parcel->count = 0;
    for (size_t i = choice->first; i < choice->end; i++) {
        if (choice->is_wanted[i] && copied > 0) {
            parcel->chosen[parcel->count] = messages[i];
        }
        parcel->count += choice->is_wanted[i];
    }
    return parcel;
}

/* False if memory runs out. */
static bool parcel_add(struct page *page, struct lane *lane, size_t index,
                       const struct choice *choice)
{
    struct dispatch *dispatch = &page->forwarder->dispatch;
    struct parcel *parcel = parcel_new(&page->read.messages[index], choice);
    bool is_used;

    if (parcel == NULL) {
        return false;
    }
    parcel->page = page;
    page->user_count++;
    is_used = page->lane_count > 0
                  ? dispatch_recall_add(dispatch, lane, &parcel->span)
                  : dispatch_onward_add(dispatch, lane, &parcel->span);
    if (!is_used) {
        forwarder_release_span(page->forwarder, &parcel->span);
    }
    return true;
}

size_t forwarder_page_lane(const struct page *page, size_t index)
{
    uint64_t queue_id = page->read.messages[index].queue_id;
    size_t at = 0;

    while (at < page->lane_count - 1 && page->lanes[at]->queue_id != queue_id) {
        at++;
    }
    assert(page->lanes[at]->queue_id == queue_id);
    return at;
}

/* Messages that the outlet does not want. In a backlog: no longer, or the inbox
 * has no order but that of its queues. */
static void messages_pass(struct page *page, size_t index, size_t count)
{
    struct forwarder *forwarder = page->forwarder;

    if (count == 0) {
        return;
    }
    forwarder->filtered_count += count;
    if (page->lane_count > 0) {
        dispatch_recall_pass(
            &forwarder->dispatch, page->lanes[forwarder_page_lane(page, index)],
            page->read.messages[index].arrival, (uint32_t)count);
    }
}

/* False if memory runs out. */
static bool chosen_add(struct page *page, size_t index,
                       const struct choice *choice)
{
    struct dispatch *dispatch = &page->forwarder->dispatch;
    const struct inbox_message *first = &page->read.messages[index];
    struct lane *lane;

    if (choice->count == 0) {
        return true;
    }
    if (page->lane_count > 0) {
        lane = page->lanes[forwarder_page_lane(page, index)];
        return parcel_add(page, lane, index, choice);
    }
    lane =
        dispatch_lane(dispatch, first->queue_id, first->server, first->queue);
    if (lane == NULL) {
        return false;
    }
    if (!parcel_add(page, lane, index, choice)) {
        dispatch_lane_drop_idle(dispatch, lane);
        return false;
    }
    return true;
}

/* Messages that could be one parcel. False if memory runs out. */
static bool messages_add(struct page *page, size_t index, size_t count)
{
    struct forwarder *forwarder = page->forwarder;
    const struct inbox_message *first = &page->read.messages[index];
    struct choice choice;

    if (!forwarder_wants(forwarder, first->server, first->queue)) {
        messages_pass(page, index, count);
        return true;
    }
    if (forwarder_choose(forwarder, first, count, &choice) != 0) {
        return false;
    }
    messages_pass(page, index, choice.first);
    if (!chosen_add(page, index, &choice)) {
        return false;
    }
    messages_pass(page, index + choice.end, count - choice.end);
    return true;
}

size_t forwarder_page_cut(struct page *page, bool *is_out_of_memory)
{
    size_t index = 0;

    *is_out_of_memory = false;
    while (index < page->read.count) {
        size_t count = forwarder_parcel_count(&page->read, index);

        if (count == 0) {
            break;
        }
        if (!messages_add(page, index, count)) {
            *is_out_of_memory = true;
            break;
        }
        index += count;
    }
    return index;
}
