#include "core/lane.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

#define BIT(state) (1u << LANE_##state)

/* The transition table: from each state, the states that may follow. */
static const uint32_t edges[] = {
    [LANE_IDLE] = BIT(READY) | BIT(RECALLING),
    [LANE_READY] = BIT(DELIVERING) | BIT(RECALLING) | BIT(IDLE),
    [LANE_DELIVERING] =
        BIT(IDLE) | BIT(READY) | BIT(WAITING) | BIT(BLOCKED) | BIT(RECALLING),
    [LANE_WAITING] = BIT(READY) | BIT(RECALLING) | BIT(IDLE),
    [LANE_BLOCKED] = BIT(RECALLING) | BIT(IDLE),
    [LANE_RECALLING] = BIT(READY) | BIT(IDLE) | BIT(WAITING),
};

static const char *const names[] = {
    [LANE_IDLE] = "IDLE",
    [LANE_READY] = "READY",
    [LANE_DELIVERING] = "DELIVERING",
    [LANE_WAITING] = "WAITING",
    [LANE_BLOCKED] = "BLOCKED",
    [LANE_RECALLING] = "RECALLING",
};

const char *lane_state_name(enum lane_state state)
{
    return names[state];
}

bool lane_may_follow(enum lane_state from, enum lane_state to)
{
    return (edges[from] & (1u << to)) != 0;
}

void lane_init(struct lane *lane, uint64_t queue_id, const char *server,
               const char *queue)
{
    *lane = (struct lane){
        .queue_id = queue_id,
        .server = server,
        .queue = queue,
        .state = LANE_IDLE,
    };
    TAILQ_INIT(&lane->spans);
    STAILQ_INIT(&lane->doubts);
}

void lane_free_doubts(struct lane *lane)
{
    while (!STAILQ_EMPTY(&lane->doubts)) {
        struct doubt *doubt = STAILQ_FIRST(&lane->doubts);
        STAILQ_REMOVE_HEAD(&lane->doubts, link);
        alloc_free(doubt);
    }
    alloc_free(lane->held_why);
    lane->held_why = NULL;
}

void lane_note_why(struct lane *lane, const char *why)
{
    size_t size = strlen(why) + 1;
    alloc_free(lane->held_why);
    lane->held_why = alloc_bytes(size);
    if (lane->held_why != NULL) {
        memcpy(lane->held_why, why, size);
    }
}

void lane_enter(struct lane *lane, enum lane_state to, lane_trace_cb trace_cb,
                void *data)
{
    enum lane_state from = lane->state;
    assert(lane_may_follow(from, to));
    lane->state = to;
    if (trace_cb != NULL) {
        trace_cb(data, lane, from);
    }
}

static bool lane_has_backlog(const struct lane *lane)
{
    return lane->known_to < lane->backlog_last || lane->is_cut;
}

enum lane_state lane_rest_state(const struct lane *lane)
{
    if (!TAILQ_EMPTY(&lane->spans)) {
        return LANE_READY;
    }
    if (lane_has_backlog(lane)) {
        return LANE_RECALLING;
    }
    /* A doubt without later messages: retry it after a wait. */
    return STAILQ_EMPTY(&lane->doubts) ? LANE_IDLE : LANE_WAITING;
}

/* A lane that waits because of a doubt will return to it. */
bool lane_defers(const struct lane *lane)
{
    return lane_has_backlog(lane) || lane->state == LANE_BLOCKED ||
           (lane->state == LANE_WAITING && !STAILQ_EMPTY(&lane->doubts));
}

void lane_add(struct lane *lane, struct span *span)
{
    assert(span->count > 0);
    assert(span->first > lane->known_to);
    span->lane = lane;
    lane->known_to = span_last(span);
    TAILQ_INSERT_TAIL(&lane->spans, span, in_lane);
}

uint64_t lane_head(const struct lane *lane)
{
    if (!STAILQ_EMPTY(&lane->doubts)) {
        return STAILQ_FIRST(&lane->doubts)->arrival;
    }
    return TAILQ_EMPTY(&lane->spans) ? 0 : TAILQ_FIRST(&lane->spans)->first;
}

uint64_t lane_position(const struct lane *lane)
{
    uint64_t head = lane_head(lane);
    return head != 0 ? head - 1 : lane->known_to;
}

void lane_note_try(struct lane *lane, uint64_t arrival)
{
    if (lane->tried_arrival != arrival) {
        lane->tried_arrival = arrival;
        lane->tries = 0;
    }
    lane->tries++;
}

unsigned lane_tries(const struct lane *lane, uint64_t arrival)
{
    const struct doubt *doubt;
    STAILQ_FOREACH (doubt, &lane->doubts, link) {
        if (doubt->arrival == arrival) {
            return doubt->tries;
        }
    }
    return lane->tried_arrival == arrival ? lane->tries : 0;
}

bool lane_doubt(struct lane *lane, uint64_t arrival, const char *why)
{
    size_t size = strlen(why) + 1;
    struct doubt *doubt = alloc_bytes(sizeof *doubt + size);
    if (doubt == NULL) {
        return false;
    }
    doubt->arrival = arrival;
    doubt->tries = lane_tries(lane, arrival);
    memcpy(doubt->why, why, size);
    STAILQ_INSERT_TAIL(&lane->doubts, doubt, link);
    return true;
}

uint64_t span_last(const struct span *span)
{
    return span->first + span->count - 1;
}
