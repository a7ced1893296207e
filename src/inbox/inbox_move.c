/*
 * inbox_move.c - moves an inbox.
 *
 *   - The source is opened so that nobody else can store into it, until the
 *     end.
 *   - The target becomes its copy. From now on nobody can open it, and a
 *     process that had it open already cannot store these queues.
 *   - What was purged is copied, then messages in the order of their arrivals,
 *     in many transactions, then batches.
 *   - Everything that may have changed since an earlier attempt follows, in one
 *     transaction: the states of queues, outlets, dead letters, replays. The
 *     target is complete, and still cannot be opened.
 *   - The source remembers that it has moved: it can no longer be opened, nor
 *     stored into. This is the moment of the move.
 *   - The target can be opened. It has the UUID of the source now, because
 *     receivers know messages by it.
 *
 * Failures:
 *
 *   - This process dies, or a database fails, before the source has moved: the
 *     source is as it was, and may be used meanwhile. The next call continues
 *     after the last message that is in the target, erases there what was
 *     purged from the source since, and replaces the rest.
 *   - After that: the next call has only the last step left to do.
 *   - There are two targets, each with a part: the source knows to which one
 *     it has moved.
 */
#include "inbox/inbox_move.h"

#include <string.h>

struct moving {
    struct inbox_move *move;     /* borrowed */
    struct inbox_source *source; /* owned; NULL: not open */
    struct inbox_sink *sink;     /* owned; NULL: not open */
    enum inbox_move_part part;   /* being copied */
    struct reason *why;          /* borrowed; of a failure */
};

/* Rows */

const char *const inbox_move_columns[INBOX_MOVE_PART_COUNT] = {
    [INBOX_MOVE_QUEUES] = "nttnnnnb", [INBOX_MOVE_PURGED] = "nnntb",
    [INBOX_MOVE_MESSAGES] = "nnnnnb", [INBOX_MOVE_BATCHES] = "nnnnnnn",
    [INBOX_MOVE_OUTLETS] = "nt",      [INBOX_MOVE_POSITIONS] = "nnn",
    [INBOX_MOVE_LETTERS] = "nnntnn",  [INBOX_MOVE_REPLAYS] = "nntnnnnnnnnnnnt",
};

static int on_row(const struct inbox_move_value *row, void *data)
{
    struct moving *moving = data;
    struct inbox_move *move = moving->move;
    int error =
        moving->sink->ops->put(moving->sink, moving->part, row, moving->why);

    if (error != 0) {
        move->is_from_error = false;
        return error;
    }
    move->counts[moving->part]++;
    if (moving->part == INBOX_MOVE_MESSAGES) {
        move->at = (uint64_t)row[0].number;
        if (move->progress_cb != NULL) {
            move->progress_cb(move, move->data);
        }
    }
    return 0;
}

static int copy(struct moving *moving, enum inbox_move_part part,
                uint64_t after)
{
    struct inbox_source *source = moving->source;
    int error;

    moving->part = part;
    moving->move->counts[part] = 0;
    moving->move->is_from_error = true; /* unless on_row() says otherwise */
    error = source->ops->read(source, part, after, on_row, moving, moving->why);
    if (error == 0) {
        moving->move->is_from_error = false;
        error = moving->sink->ops->end(moving->sink, part, moving->why);
    }
    return error;
}

static int copy_parts(struct moving *moving, const enum inbox_move_part *parts,
                      size_t count)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < count; i++) {
        error = copy(moving, parts[i], 0);
    }
    return error;
}

/* Steps */

static int begin(struct moving *moving)
{
    struct inbox_move *move = moving->move;
    struct inbox_sink *sink = moving->sink;
    int error = sink->ops->begin(sink, moving->source, moving->why);

    move->last_arrival = moving->source->last_arrival;
    move->first_arrival = sink->copied_to + 1;
    move->at = sink->copied_to;
    return error == 0 ? copy(moving, INBOX_MOVE_QUEUES, 0) : error;
}

static int copy_messages(struct moving *moving)
{
    int error = copy(moving, INBOX_MOVE_PURGED, 0);

    if (error == 0) {
        error = copy(moving, INBOX_MOVE_MESSAGES, moving->sink->copied_to);
    }
    return error == 0 ? copy(moving, INBOX_MOVE_BATCHES, 0) : error;
}

static int seal(struct moving *moving)
{
    static const enum inbox_move_part parts[] = {
        INBOX_MOVE_QUEUES, INBOX_MOVE_OUTLETS, INBOX_MOVE_POSITIONS,
        INBOX_MOVE_LETTERS, INBOX_MOVE_REPLAYS};
    struct inbox_sink *sink = moving->sink;
    int error = sink->ops->seal(sink, moving->why);

    if (error == 0) {
        error = copy_parts(moving, parts, sizeof(parts) / sizeof(parts[0]));
    }
    return error == 0 ? sink->ops->sealed(sink, moving->why) : error;
}

static int leave(struct moving *moving)
{
    struct inbox_source *source = moving->source;
    int error = source->ops->leave(source, moving->sink->uuid, moving->why);

    moving->move->is_from_error = error != 0;
    return error;
}

static int move_all(struct moving *moving)
{
    int error = begin(moving);

    if (error == 0) {
        error = copy_messages(moving);
    }
    if (error == 0) {
        error = seal(moving);
    }
    if (error == 0) {
        error = leave(moving);
    }
    return error == 0 ? moving->sink->ops->finish(moving->sink, moving->why)
                      : error;
}

/* What is there already */

/* The source remembers that it has moved. */
static int move_rest(struct moving *moving)
{
    const struct inbox_source *source = moving->source;
    struct inbox_sink *sink = moving->sink;

    moving->move->was_moved = true;
    if (sink->state == INBOX_SINK_COMPLETE &&
        strcmp(sink->moved_from, source->uuid) == 0) {
        return 0;
    }
    if (sink->state == INBOX_SINK_PARTIAL &&
        strcmp(sink->uuid, source->moved_to) == 0) {
        return sink->ops->finish(sink, moving->why);
    }
    moving->move->is_from_error = true;
    return reason_set(moving->why, HAPLO_EINVAL,
                      "has been moved to another inbox than this one: the UUID "
                      "of that was %s",
                      source->moved_to);
}

static int refuse_used(struct moving *moving)
{
    return reason_set(moving->why, HAPLO_EINVAL,
                      "has been used already: an inbox can only be moved to "
                      "one in which nothing was ever stored; create another");
}

static int refuse_other(struct moving *moving)
{
    return reason_set(moving->why, HAPLO_EINVAL,
                      "has a part of another inbox, whose UUID is %s: move "
                      "that to its end, or drop this and create it again",
                      moving->sink->moved_from);
}

/* It was finished, but the source does not know: it is not the same file. */
static int refuse_copy(struct moving *moving)
{
    moving->move->is_from_error = true;
    return reason_set(moving->why, HAPLO_EINVAL,
                      "has been moved already, and this is a copy from before "
                      "that: use the inbox that it was moved to");
}

static int move_opened(struct moving *moving)
{
    const struct inbox_sink *sink = moving->sink;
    bool is_same = strcmp(sink->moved_from, moving->source->uuid) == 0;

    if (moving->source->moved_to[0] != '\0') {
        return move_rest(moving);
    }
    switch (sink->state) {
    case INBOX_SINK_EMPTY:
        return move_all(moving);
    case INBOX_SINK_PARTIAL:
        moving->move->is_resumed = true;
        return is_same ? move_all(moving) : refuse_other(moving);
    case INBOX_SINK_COMPLETE:
        return is_same ? refuse_copy(moving) : refuse_used(moving);
    case INBOX_SINK_USED:
        break;
    }
    return refuse_used(moving);
}

/* Opening */

static int check_types(struct inbox_move *move, struct reason *why)
{
    if (move->from->source_open == NULL) {
        move->is_from_error = true;
        return reason_set(why, HAPLO_EINVAL,
                          "inboxes of type %s cannot be moved with this "
                          "command: use the tools of their database",
                          move->from->name);
    }
    if (move->to->sink_open == NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "an inbox cannot be moved to one of type %s: only to "
                          "one of type postgres",
                          move->to->name);
    }
    return 0;
}

static int open_both(struct moving *moving)
{
    struct inbox_move *move = moving->move;
    int error = check_types(move, moving->why);

    if (error != 0) {
        return error;
    }
    error =
        move->from->source_open(move->from_options, move->to_open.environment,
                                &moving->source, moving->why);
    if (error != 0) {
        move->is_from_error = true;
        return error;
    }
    return move->to->sink_open(&move->to_open, &moving->sink, moving->why);
}

int inbox_move(struct inbox_move *move, struct reason *why)
{
    struct moving moving = {.move = move, .why = why};
    int error;

    memset(move->counts, 0, sizeof(move->counts));
    move->is_from_error = false;
    error = open_both(&moving);
    if (error == 0) {
        error = move_opened(&moving);
    }
    if (moving.sink != NULL) {
        moving.sink->ops->close(moving.sink);
    }
    if (moving.source != NULL) {
        moving.source->ops->close(moving.source);
    }
    return error;
}
