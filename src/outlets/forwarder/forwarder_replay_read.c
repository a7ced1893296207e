/*
 * forwarder_replay_read.c - reads the messages of a replay, and cuts them into
 * the same parcels as the first time.
 */
#include <assert.h>

#include "base/container_of.h"
#include "outlets/forwarder/forwarder_replay_private.h"

void replay_page_free(struct forwarder_replay *replay)
{
    replay->chosen_count = 0;
    if (replay->has_page) {
        replay->has_page = false;
        inbox_read_free(&replay->read);
    }
}

/* If memory runs out, the replay is lost, and begins again. */
static bool is_taken(struct forwarder_replay *replay,
                     const struct inbox_message *message)
{
    const struct inbox_replay *row = &replay->row;
    const struct inbox_filter filter = {.queue = row->queue,
                                        .since_ms = row->since_ms,
                                        .until_ms = row->until_ms};
    int result;

    if (!inbox_filter_takes_queue(&filter, message->server, message->queue) ||
        (!row->is_of_letters &&
         !inbox_filter_takes_time(&filter, message->received_at_ms))) {
        return false;
    }
    result = forwarder_accepts(replay->forwarder, message);
    replay->pass.is_lost |= result < 0;
    return result == 1;
}

static void on_read(struct inbox_read *read, int error, const char *why)
{
    struct forwarder_replay *replay =
        container_of(read, struct forwarder_replay, read);

    replay->is_reading = false;
    replay->forwarder->reads--;
    if (error != 0) {
        replay_fail(replay, why);
    } else {
        replay->has_page = true;
        replay->index = 0;
    }
    forwarder_pump(replay->forwarder);
}

static void read_start(struct forwarder_replay *replay)
{
    replay->read = (struct inbox_read){
        .outlet = replay->forwarder->progress,
        .after = replay->pass.next,
        .replay = &replay->row,
        .count_max = REPLAY_PAGE_COUNT_MAX,
        .bytes_max = replay->page_bytes_max,
        .read_cb = on_read,
    };
    replay->is_reading = true;
    replay->forwarder->reads++;
    inbox_read_start(&replay->read);
}

/* Passes messages that are not taken. True if there is one to be sent at the
 * index. */
static bool page_advance(struct forwarder_replay *replay)
{
    const struct inbox_read *read = &replay->read;
    struct replay_pass *pass = &replay->pass;

    while (replay->index < read->count) {
        const struct inbox_message *message = &read->messages[replay->index];

        if (message->arrival > pass->next) {
            if (is_taken(replay, message)) {
                return true;
            }
            replay_pass_skip(pass, message->arrival, replay_now(replay));
            if (pass->next != message->arrival) {
                replay_page_free(replay); /* it has gone back */
                return false;
            }
        }
        replay->index++;
    }
    return false;
}

/* Copies the messages of the parcel that begins at the index. False if the page
 * ends within it. */
static bool choose(struct forwarder_replay *replay)
{
    const struct inbox_read *read = &replay->read;
    const struct inbox_message *messages = &read->messages[replay->index];
    size_t count = replay->row.is_of_letters
                       ? 1 /* they were refused separately */
                       : forwarder_parcel_count(read, replay->index);

    assert(count <= FORWARDER_PARCEL_COUNT_MAX);
    for (size_t i = 0; i < count; i++) {
        if (is_taken(replay, &messages[i])) {
            replay->chosen[replay->chosen_count++] = messages[i];
        }
    }
    return count > 0;
}

/* The next page begins with the parcel that this one has only a part of. If it
 * has nothing else, the next one is larger. */
static void page_cut_off(struct forwarder_replay *replay)
{
    bool is_too_small = replay->index == 0;

    replay_page_free(replay);
    if (is_too_small && replay->page_bytes_max < SIZE_MAX / 2) {
        replay->page_bytes_max *= 2;
    } else {
        replay->page_bytes_max = REPLAY_PAGE_BYTES_MAX;
    }
}

/* All of it is done: the next one follows, or the end. */
static void page_end(struct forwarder_replay *replay)
{
    struct replay_pass *pass = &replay->pass;
    bool has_more = replay->read.has_more;

    replay_page_free(replay);
    if (!has_more && pass->next < pass->last) {
        replay_pass_skip(pass, pass->last, replay_now(replay));
    }
}

bool replay_page_next(struct forwarder_replay *replay)
{
    if (replay->chosen_count > 0) {
        return true; /* it waits for a place */
    }
    if (!page_advance(replay)) {
        if (replay->has_page) {
            page_end(replay);
        }
        return false;
    }
    if (!choose(replay)) {
        page_cut_off(replay);
        return false;
    }
    return !replay->pass.is_lost;
}

void replay_read(struct forwarder_replay *replay)
{
    const struct replay_pass *pass = &replay->pass;

    if (!replay->is_reading && !replay->has_page && !replay->is_in_flight &&
        pass->next < pass->last && replay_pass_may_send(pass) &&
        !replay->forwarder->dispatch.is_lost) {
        read_start(replay);
    }
}
