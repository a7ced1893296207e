/*
 * forwarder_read.c - reads messages ahead.
 *
 *   - A page of messages is read, onward or from the backlog of one lane; or,
 *     if the outlet has positions, from those of many.
 *   - It is cut into parcels (forwarder_cut.c).
 *   - If the end of a parcel is not in the page, it is read again with the
 *     next page. If the page contains nothing else, the next one may be
 *     larger.
 *
 * After an error of the inbox, or if memory runs out, the rest is read again
 * later.
 */
#include <stdlib.h>

#include "base/container_of.h"
#include "outlets/forwarder/forwarder_private.h"

static size_t memory_of(const struct inbox_read *read)
{
    size_t bytes = 0;

    for (size_t i = 0; i < read->count; i++) {
        bytes += sizeof(read->messages[i]) + read->messages[i].body.size;
    }
    return bytes;
}

static size_t read_bytes_least(const struct forwarder *forwarder)
{
    return forwarder->policy.bytes_max / 4;
}

/* If a parcel is larger than a page, makes the next one larger. Pages that were
 * read at the same time tell nothing about it. */
static void adapt(const struct page *page, bool is_too_small)
{
    struct forwarder *forwarder = page->forwarder;

    if (page->read.bytes_max != forwarder->read_bytes_max) {
        return;
    }
    if (is_too_small && forwarder->read_bytes_max < SIZE_MAX / 2) {
        forwarder->read_bytes_max *= 2;
    } else {
        forwarder->read_bytes_max = read_bytes_least(forwarder);
    }
}

/* The first lane of a page, of whose messages `count` have been added, that may
 * have more. */
static size_t first_lane_with_more(const struct page *page, int error,
                                   size_t count)
{
    const struct inbox_read *read = &page->read;

    if (error != 0 || read->count == 0) {
        return error != 0 || read->has_more ? 0 : page->lane_count;
    }
    if (count < read->count) {
        return forwarder_page_lane(page, count);
    }
    return read->has_more ? forwarder_page_lane(page, count - 1)
                          : page->lane_count;
}

/* Lanes that were not reached are put in front of the others, the last one
 * first. */
static void recalls_done(struct page *page, int error, size_t count)
{
    struct dispatch *dispatch = &page->forwarder->dispatch;
    uint64_t now_ms = uv_now(page->forwarder->loop);
    size_t with_more = first_lane_with_more(page, error, count);
    size_t reached = with_more;

    if (error != 0) {
        reached = page->lane_count;
    } else if (count > 0 && forwarder_page_lane(page, count - 1) >= with_more) {
        reached = with_more + 1;
    }
    for (size_t i = 0; i < reached; i++) {
        dispatch_recall_done(
            dispatch, page->lanes[i],
            i < with_more ? DISPATCH_RECALL_ALL : DISPATCH_RECALL_MORE, now_ms);
    }
    for (size_t i = page->lane_count; i-- > reached;) {
        dispatch_recall_done(dispatch, page->lanes[i], DISPATCH_RECALL_NOTHING,
                             now_ms);
    }
}

static void page_done(struct page *page, int error)
{
    struct forwarder *forwarder = page->forwarder;
    struct inbox_read *read = &page->read;
    bool is_out_of_memory = false;
    size_t count = error == 0 ? forwarder_page_cut(page, &is_out_of_memory) : 0;
    bool has_more = error != 0 || read->has_more || count < read->count;
    uint64_t read_to =
        count > 0 ? read->messages[count - 1].arrival : read->after;

    if (is_out_of_memory) {
        forwarder_inbox_failed(forwarder, "out of memory");
    } else if (error == 0) {
        adapt(page, count == 0 && read->count > 0);
    }
    if (page->lane_count > 0) {
        recalls_done(page, is_out_of_memory ? HAPLO_ENOMEM : error, count);
    } else {
        dispatch_onward_done(&forwarder->dispatch, read_to, has_more);
    }
}

static void on_read(struct inbox_read *read, int error, const char *why)
{
    struct page *page = container_of(read, struct page, read);
    struct forwarder *forwarder = page->forwarder;

    forwarder->reads--;
    forwarder->bytes_reading -= read->bytes_max;
    if (error != 0) {
        forwarder_inbox_failed(forwarder, why);
    } else {
        forwarder_inbox_worked(forwarder);
    }
    page->bytes = memory_of(read);
    forwarder->bytes_held += page->bytes;
    page_done(page, error);
    forwarder_page_leave(page);
    forwarder_pump(forwarder);
}

static void page_add_lane(struct page *page, const struct dispatch_read *what)
{
    page->lanes[page->lane_count] = what->lane;
    page->places[page->lane_count++] = (struct inbox_read_lane){
        .queue_id = what->lane->queue_id,
        .after = what->after,
    };
}

/* Bytes that outstanding reads may add count as held. */
static size_t bytes_expected(const struct forwarder *forwarder)
{
    return forwarder->bytes_held + forwarder->bytes_reading;
}

/* Adds lanes that share the read, and its limits, with the first one. */
static void page_add_lanes(struct page *page)
{
    struct forwarder *forwarder = page->forwarder;
    struct dispatch_read what;

    while (page->lane_count < FORWARDER_READ_LANES_MAX &&
           dispatch_read_next(&forwarder->dispatch, bytes_expected(forwarder),
                              0, &what, uv_now(forwarder->loop))) {
        page_add_lane(page, &what);
    }
    page->read.lanes = page->places;
    page->read.lane_count = page->lane_count;
}

static void page_start(struct forwarder *forwarder, struct page *page,
                       const struct dispatch_read *what)
{
    *page = (struct page){
        .forwarder = forwarder,
        .user_count = 1,
        .read = {.outlet = forwarder->progress,
                 .after = what->after,
                 .count_max = FORWARDER_READ_COUNT_MAX,
                 .bytes_max = forwarder->read_bytes_max,
                 .read_cb = on_read},
    };
    if (what->lane != NULL) {
        page_add_lane(page, what);
        page->read.queue_id = what->lane->queue_id;
    }
    if (forwarder->progress->is_by_queue) {
        page_add_lanes(page);
    }
    forwarder->reads++;
    forwarder->bytes_reading += page->read.bytes_max;
    inbox_read_start(&page->read);
}

/* False if there is nothing to read now. */
static bool read_one(struct forwarder *forwarder)
{
    struct dispatch_read what;

    if (forwarder->spare == NULL) {
        forwarder->spare = malloc(sizeof(*forwarder->spare));
    }
    if (forwarder->spare == NULL) {
        forwarder_inbox_failed(forwarder, "out of memory");
        return false;
    }
    if (!dispatch_read_next(&forwarder->dispatch, bytes_expected(forwarder),
                            forwarder->read_bytes_max, &what,
                            uv_now(forwarder->loop))) {
        return false;
    }
    page_start(forwarder, forwarder->spare, &what);
    forwarder->spare = NULL;
    return true;
}

void forwarder_read(struct forwarder *forwarder)
{
    size_t bytes_held;

    if (uv_now(forwarder->loop) < forwarder->retry_at_ms) {
        return;
    }
    do { /* it may release memory, which makes room */
        bytes_held = forwarder->bytes_held;
        while (read_one(forwarder)) {
        }
    } while (forwarder->bytes_held < bytes_held);
}
