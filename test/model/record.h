/*
 * record.h - C code inside spin's verifier that watches what the models do,
 * and does not take part in it:
 *
 *   - which edges of table.h were taken;
 *   - each distinct step of queue.pml, state.pml, server.pml and fleet.pml, and
 *     of the parts of dispatch.pml: what was before, the event, what came of
 * it;
 *   - in a replay of an error (pan -r), one line for each event.
 *
 * At the verifier's end the first two go to the file named by MODEL_RECORD.
 * Steps are recorded only where there is no choice, so that nothing comes
 * between their begin and their end.
 */
#ifndef TEST_MODEL_RECORD_H
#define TEST_MODEL_RECORD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern int readtrail; /* spin's: a replay */

/* Names in the order of their declaration; spin counts them backwards. */
static const char *const queue_state_names[] = {
    "no_state",
#define QUEUE_STATE(name) #name,
#include "table.h"
};
static const char *const server_state_names[] = {
    "no_server_state",
#define SERVER_STATE(name) #name,
#include "table.h"
};
static const char *const lane_state_names[] = {
    "no_lane_state",
#define LANE_STATE(name) #name,
#include "table.h"
};
static const char *const event_names[] = {
    "NO_EVENT", "DUE",    "STARTED", "FETCHED",  "EMPTY",    "FAILED",
    "ACCEPTED", "RETRY",  "STALE",   "DROPPED",  "REJECTED", "MARKED",
    "PAUSE",    "RESUME", "GIVE_UP", "POLL_NOW", "NEW_KEY"};
static const char *const failure_names[] = {"NO_FAILURE", "TRANSIENT",
                                            "PERMANENT", "REFUSED_KEY"};
static const char *const unread_names[] = {"NOT_TOLD", "NONE_LEFT",
                                           "SOME_LEFT"};
static const char *const action_names[] = {"NO_ACTION", "DELIVER", "CONFIRM",
                                           "DROP", "CANCEL"};

static const char *const stored_names[] = {
    "BATCH_STATE", "CONFIRMED_2", "CONFIRMED_1", "KNOWN_STATE", "OTHER_STATE"};
static const char *const verdict_names[] = {"NO_VERDICT", "ALIVE",
                                            "LOGGED_IN",  "REFUSED_LOGIN",
                                            "THROTTLED",  "FAILING"};

static const char *const breaker_state_names[] = {"no_breaker_state", "UP",
                                                  "BROKEN", "PROBING"};
static const char *const breaker_event_names[] = {"ACCEPTED", "FAILED",
                                                  "REFUSED", "BROKEN", "DUE"};

static const char *const fleet_state_names[] = {"no_fleet_state", "OUTSIDE",
                                                "MEMBER", "LEAVING", "LEFT"};
static const char *const slot_state_names[] = {"no_slot_state", "ELSEWHERE",
                                               "OWN", "DRAINING", "DRAINED"};
static const char *const whose_names[] = {"NO_ONE", "SELF", "OTHER"};
static const char *const fleet_request_names[] = {"NO_REQUEST", "JOIN", "RENEW",
                                                  "LEAVE"};
static const char *const fleet_move_names[] = {"NO_MOVE", "TO_NO_ONE",
                                               "TO_SELF", "TO_OTHER"};
static const char *const fleet_event_names[] = {"DRAINED", "EXPIRED", "MOVES",
                                                "LEAVES"};

#define RECORD_COUNT(array) (sizeof(array) / sizeof *(array))
#define RECORD_NAME(array, value) record_name(array, RECORD_COUNT(array), value)

/* Of a value of spin's; the first is that of a variable never set, too. */
static const char *record_name(const char *const *names, size_t count,
                               unsigned value)
{
    return value == 0 || value > count ? names[0] : names[count - value];
}

/* -- Lines of a replay ---------------------------------------------------- */

static void tell(const char *format, ...)
{
    va_list arguments;
    if (!readtrail) {
        return;
    }
    printf("| ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

#define SET_TEXT_SIZE 8 /* of four messages, of one digit each */

/* "1.3" are the messages 1 and 3. */
static void set_text(unsigned set, char text[SET_TEXT_SIZE])
{
    size_t size = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (set & 1u << i) {
            size +=
                (size_t)sprintf(text + size, "%s%u", size ? "." : "", i + 1);
        }
    }
    text[size] = '\0';
}

static void tell_sets(const char *what, unsigned unread, unsigned batch,
                      unsigned known, unsigned stored_keys, unsigned stored)
{
    const unsigned sets[] = {unread, batch, known, stored_keys};
    char texts[4][SET_TEXT_SIZE];
    for (size_t i = 0; i < 4; i++) {
        set_text(sets[i], texts[i]);
    }
    tell("%-40s unread %-5s  batch %-3s  K %-5s  stored %-5s %s", what,
         texts[0], texts[1], texts[2], texts[3],
         RECORD_NAME(stored_names, stored));
}

/* The event, its message, and what is stored. */
static void tell_lanes(const char *what, unsigned who, unsigned message,
                       unsigned cursor, unsigned deferred, unsigned reached)
{
    const unsigned sets[] = {message, deferred, reached};
    char texts[3][SET_TEXT_SIZE];
    for (size_t i = 0; i < 3; i++) {
        set_text(sets[i], texts[i]);
    }
    tell("%-46s lane %u message %-3s  cursor %u deferred %-5s  reached %s",
         what, who, texts[0], cursor, texts[1], texts[2]);
}

/* Whose step, whose slot, and what is left of the memberships in the database
 * and of the leases at their hosts. */
static void tell_fleet(const char *what, unsigned who, unsigned owner,
                       unsigned left_0, unsigned left_1, unsigned lease_0,
                       unsigned lease_1)
{
    tell("host %u: %-42s owner %c  left %u %u  leases %u %u", who, what,
         owner < 2 ? (int)('0' + owner) : '-', left_0, left_1, lease_0,
         lease_1);
}

/* -- Edges ---------------------------------------------------------------- */

#define RECORD_STATES_MAX 32

struct record_edge {
    const char *from;
    const char *to;
};

static const struct record_edge queue_edges[] = {
#define QUEUE_EDGE(from, to) {#from, #to},
#include "table.h"
};
static const struct record_edge server_edges[] = {
#define SERVER_EDGE(from, to) {#from, #to},
#include "table.h"
};

static const struct record_edge lane_edges[] = {
#define LANE_EDGE(from, to) {#from, #to},
#include "table.h"
};

static unsigned edge_from;
static bool queue_edges_seen[RECORD_STATES_MAX][RECORD_STATES_MAX];
static bool server_edges_seen[RECORD_STATES_MAX][RECORD_STATES_MAX];
static bool lane_edges_seen[RECORD_STATES_MAX][RECORD_STATES_MAX];
static bool record_is_edge; /* of table.h: the newest change of state */

static bool is_in_table(const struct record_edge *edges, size_t count,
                        const char *from, const char *to)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(edges[i].from, from) == 0 && strcmp(edges[i].to, to) == 0) {
            return true;
        }
    }
    return false;
}

static void record_from(unsigned state)
{
    edge_from = state;
}

static void record_to(unsigned who, unsigned state)
{
    const char *from = RECORD_NAME(queue_state_names, edge_from);
    const char *to = RECORD_NAME(queue_state_names, state);
    record_is_edge =
        queue_edges_seen[edge_from][state] ||
        is_in_table(queue_edges, RECORD_COUNT(queue_edges), from, to);
    queue_edges_seen[edge_from][state] = record_is_edge;
    tell("queue %u: %s -> %s", who, from, to);
}

static void record_server_to(unsigned state)
{
    const char *from = RECORD_NAME(server_state_names, edge_from);
    const char *to = RECORD_NAME(server_state_names, state);
    record_is_edge =
        server_edges_seen[edge_from][state] ||
        is_in_table(server_edges, RECORD_COUNT(server_edges), from, to);
    server_edges_seen[edge_from][state] = record_is_edge;
    tell("server: %s -> %s", from, to);
}

static void record_lane_to(unsigned who, unsigned state)
{
    const char *from = RECORD_NAME(lane_state_names, edge_from);
    const char *to = RECORD_NAME(lane_state_names, state);
    record_is_edge =
        lane_edges_seen[edge_from][state] ||
        is_in_table(lane_edges, RECORD_COUNT(lane_edges), from, to);
    lane_edges_seen[edge_from][state] = record_is_edge;
    tell("lane %u: %s -> %s", who, from, to);
}

/* -- A set of lines ------------------------------------------------------- */

#define RECORD_LINE_SIZE 24
#define RECORD_LINES_MAX 65536 /* a power of two */

struct record_line {
    unsigned char kind; /* 0: none */
    unsigned char values[RECORD_LINE_SIZE - 1];
};

static struct record_line record_lines[RECORD_LINES_MAX];
static size_t record_line_count;

static void record_add(const struct record_line *line)
{
    unsigned hash = 2166136261u;
    for (size_t i = 0; i < sizeof *line; i++) {
        hash = (hash ^ ((const unsigned char *)line)[i]) * 16777619u;
    }
    for (hash %= RECORD_LINES_MAX; record_lines[hash].kind != 0;
         hash = (hash + 1) % RECORD_LINES_MAX) {
        if (memcmp(&record_lines[hash], line, sizeof *line) == 0) {
            return;
        }
    }
    if (++record_line_count == RECORD_LINES_MAX) {
        fprintf(stderr, "record.h: RECORD_LINES_MAX is too small\n");
        abort();
    }
    record_lines[hash] = *line;
}

/* -- Steps of a queue ----------------------------------------------------- */

struct seen_queue {
    unsigned state, is_unconfirmed, has_failed, was_stale, mark_attempts;
};

struct seen_event {
    unsigned kind, error, too_late, is_nothing, is_repeated, unread, action;
};

static struct seen_queue step_before;

static void record_step_begin(struct seen_queue queue)
{
    step_before = queue;
}

static void record_step_end(struct seen_event event, struct seen_queue after)
{
    const struct seen_queue *before = &step_before;
    const struct record_line line = {
        'q',
        {event.kind, event.error, event.too_late, event.is_nothing,
         event.is_repeated, event.unread, before->state, before->is_unconfirmed,
         before->has_failed, before->was_stale, before->mark_attempts,
         after.state, after.has_failed, after.was_stale, after.mark_attempts,
         event.action}};
    record_add(&line);
}

static void record_print_step(FILE *file, const unsigned char *v)
{
    fprintf(file,
            "QUEUE_STEP(%s, %s, %u, %u, %u, %s, "
            "%s, %u, %u, %u, %u, %s, %u, %u, %u, %s)\n",
            RECORD_NAME(event_names, v[0]), RECORD_NAME(failure_names, v[1]),
            v[2], v[3], v[4], RECORD_NAME(unread_names, v[5]),
            RECORD_NAME(queue_state_names, v[6]), v[7], v[8], v[9], v[10],
            RECORD_NAME(queue_state_names, v[11]), v[12], v[13], v[14],
            RECORD_NAME(action_names, v[15]));
}

/* -- Steps of the state ---------------------------------------------------- */

/* A batch is evaluated: K, its messages; new ones, leftovers. */
static void record_batch(unsigned known, unsigned batch, unsigned fresh,
                         unsigned leftovers)
{
    const struct record_line line = {'b', {known, batch, fresh, leftovers}};
    record_add(&line);
}

/* A mark, or with batch 0 an empty fetch, confirms: K before and after. */
static void record_confirm(unsigned known, unsigned batch, unsigned is_drained,
                           unsigned after)
{
    const struct record_line line = {'c', {known, batch, is_drained, after}};
    record_add(&line);
}

/* A state is compared: which, after how many confirmed ones, with what is
 * stored; may it take its place, is it there already? */
static void record_compare(unsigned which, unsigned confirms, unsigned stored,
                           unsigned is_current, unsigned is_stored)
{
    const struct record_line line = {
        's', {which, confirms, stored, is_current, is_stored}};
    record_add(&line);
}

static void record_print_compare(FILE *file, const unsigned char *v)
{
    fprintf(file, "STATE_COMPARE(%s, %u, %s, %s)\n",
            RECORD_NAME(stored_names, v[0]), v[1],
            RECORD_NAME(stored_names, v[2]),
            v[3]   ? "CURRENT"
            : v[4] ? "STORED"
                   : "STALE");
}

static void record_print_state(FILE *file, const struct record_line *line)
{
    const unsigned char *v = line->values;
    if (line->kind == 's') {
        record_print_compare(file, v);
    } else {
        fprintf(file, "%s(%u, %u, %u, %u)\n",
                line->kind == 'b' ? "STATE_BATCH" : "STATE_CONFIRM", v[0], v[1],
                v[2], v[3]);
    }
}

/* -- Steps of the server -------------------------------------------------- */

struct seen_server {
    unsigned state, failures, failed_logins, logins_held, in_flight, has_prover;
};

static struct seen_server server_before;

static void record_server_begin(struct seen_server server)
{
    server_before = server;
}

static void record_server_end(unsigned verdict, struct seen_server after)
{
    const struct seen_server *before = &server_before;
    const struct record_line line = {
        'v',
        {verdict, before->state, before->failures, before->failed_logins,
         before->logins_held, after.state, after.failures, after.failed_logins,
         after.logins_held}};
    record_add(&line);
}

static void record_print_server(FILE *file, const unsigned char *v)
{
    fprintf(file, "SERVER_STEP(%s, %s, %u, %u, %u, %s, %u, %u, %u)\n",
            RECORD_NAME(verdict_names, v[0]),
            RECORD_NAME(server_state_names, v[1]), v[2], v[3], v[4],
            RECORD_NAME(server_state_names, v[5]), v[6], v[7], v[8]);
}

/* What the state says of the next request. */
static void record_server_ask(struct seen_server server, unsigned said)
{
    const struct record_line line = {
        'a',
        {server.state, server.in_flight, server.has_prover, server.logins_held,
         server.failed_logins, said & 1, said >> 1 & 1, said >> 2 & 1}};
    record_add(&line);
}

static void record_print_ask(FILE *file, const unsigned char *v)
{
    fprintf(file, "SERVER_ASK(%s, %u, %u, %u, %u, %u, %u, %u)\n",
            RECORD_NAME(server_state_names, v[0]), v[1], v[2], v[3], v[4], v[5],
            v[6], v[7]);
}

/* -- Steps of an outlet -----------------------------------------------------
 */

enum record_breaker_event {
    RECORD_ACCEPTED,
    RECORD_FAILED,
    RECORD_REFUSED,
    RECORD_BROKEN,
    RECORD_DUE
};

struct seen_breaker {
    unsigned state, failures, refusals, is_refused;
};

static struct seen_breaker breaker_before;

static void record_breaker_begin(struct seen_breaker breaker)
{
    breaker_before = breaker;
}

static void record_breaker_end(enum record_breaker_event event,
                               unsigned is_repeat, struct seen_breaker after)
{
    const struct seen_breaker *before = &breaker_before;
    const struct record_line line = {
        'k',
        {event, is_repeat, before->state, before->failures, before->refusals,
         before->is_refused, after.state, after.failures, after.refusals,
         after.is_refused}};
    record_add(&line);
}

static void record_print_breaker(FILE *file, const unsigned char *v)
{
    fprintf(file, "BREAKER_STEP(%s, %u, %s, %u, %u, %u, %s, %u, %u, %u)\n",
            breaker_event_names[v[0]], v[1],
            RECORD_NAME(breaker_state_names, v[2]), v[3], v[4], v[5],
            RECORD_NAME(breaker_state_names, v[6]), v[7], v[8], v[9]);
}

struct seen_lane {
    unsigned state, spans, doubts, known_to, backlog_last;
};

/* Where a lane belongs, whether later messages are deferred, which is first. */
static void record_lane_ask(struct seen_lane lane, unsigned rest,
                            unsigned defers, unsigned head)
{
    const struct record_line line = {'l',
                                     {lane.state, lane.spans, lane.doubts,
                                      lane.known_to, lane.backlog_last, rest,
                                      defers, head}};
    record_add(&line);
}

static void record_print_lane(FILE *file, const unsigned char *v)
{
    fprintf(file, "LANE_ASK(%s, %u, %u, %u, %u, %s, %u, %u)\n",
            RECORD_NAME(lane_state_names, v[0]), v[1], v[2], v[3], v[4],
            RECORD_NAME(lane_state_names, v[5]), v[6], v[7]);
}

struct seen_progress {
    unsigned deferred, settled, letters; /* sets */
};

/* What is saved of what is pending; the message that holds the cursor back. */
static void record_save(unsigned window, unsigned read_to, unsigned done_to,
                        struct seen_progress left, unsigned cursor,
                        unsigned holder, struct seen_progress saved)
{
    const struct record_line line = {
        'p',
        {window, read_to, done_to, left.deferred | saved.deferred,
         left.settled | saved.settled, left.letters | saved.letters, cursor,
         holder, saved.deferred, saved.settled, saved.letters}};
    record_add(&line);
}

static void record_print_save(FILE *file, const unsigned char *v)
{
    fprintf(file, "SAVE_STEP(%u, %u, %u, %u, %u, %u, %u, %u, %u, %u, %u)\n",
            v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10]);
}

/* -- Steps of a fleet ------------------------------------------------------ */

struct seen_fleet {
    unsigned state, slot, owner, desired, must_leave;
};

struct seen_shown {
    unsigned is_member, owner, is_same_term, self_drains, other_takes_part;
};

/* What the host is told, in this order. */
struct seen_calls {
    unsigned does_lose, does_gain, does_drain;
};

enum record_fleet_event {
    RECORD_DRAINED,
    RECORD_EXPIRED,
    RECORD_MOVES,
    RECORD_LEAVES
};

static struct seen_fleet fleet_before;
static unsigned fleet_who;

static void record_fleet_begin(unsigned who, struct seen_fleet fleet)
{
    fleet_before = fleet;
    fleet_who = who;
}

static void record_fleet_replied(struct seen_shown shown,
                                 struct seen_calls calls,
                                 struct seen_fleet after)
{
    const struct seen_fleet *before = &fleet_before;
    const struct record_line line = {
        'r',
        {fleet_who, before->state, before->slot, shown.is_member, shown.owner,
         shown.is_same_term, shown.self_drains, shown.other_takes_part,
         after.state, after.slot, calls.does_lose, calls.does_gain}};
    record_add(&line);
}

static void record_print_replied(FILE *file, const unsigned char *v)
{
    fprintf(file,
            "FLEET_REPLIED(%u, %s, %s, %u, %s, %u, %u, %u, %s, %s, %u, %u)\n",
            v[0], RECORD_NAME(fleet_state_names, v[1]),
            RECORD_NAME(slot_state_names, v[2]), v[3],
            RECORD_NAME(whose_names, v[4]), v[5], v[6], v[7],
            RECORD_NAME(fleet_state_names, v[8]),
            RECORD_NAME(slot_state_names, v[9]), v[10], v[11]);
}

static void record_fleet_step(enum record_fleet_event event,
                              unsigned other_takes_part,
                              struct seen_calls calls, struct seen_fleet after)
{
    const struct seen_fleet *before = &fleet_before;
    const struct record_line line = {'f',
                                     {event, other_takes_part, before->state,
                                      before->slot, after.state, after.slot,
                                      calls.does_lose, calls.does_drain}};
    record_add(&line);
}

static void record_print_fleet(FILE *file, const unsigned char *v)
{
    fprintf(file, "FLEET_STEP(%s, %u, %s, %s, %s, %s, %u, %u)\n",
            fleet_event_names[v[0]], v[1], RECORD_NAME(fleet_state_names, v[2]),
            RECORD_NAME(slot_state_names, v[3]),
            RECORD_NAME(fleet_state_names, v[4]),
            RECORD_NAME(slot_state_names, v[5]), v[6], v[7]);
}

static void record_fleet_asks(unsigned claims, unsigned kind, unsigned move,
                              unsigned does_lose)
{
    const struct seen_fleet *before = &fleet_before;
    const struct record_line line = {
        'm',
        {before->state, before->slot, before->owner, before->desired,
         before->must_leave, claims, kind, move, does_lose}};
    record_add(&line);
}

static void record_print_asks(FILE *file, const unsigned char *v)
{
    fprintf(file, "FLEET_ASKS(%s, %s, %s, %s, %u, %u, %s, %s, %u)\n",
            RECORD_NAME(fleet_state_names, v[0]),
            RECORD_NAME(slot_state_names, v[1]), RECORD_NAME(whose_names, v[2]),
            RECORD_NAME(whose_names, v[3]), v[4], v[5],
            RECORD_NAME(fleet_request_names, v[6]),
            RECORD_NAME(fleet_move_names, v[7]), v[8]);
}

/* -- The end -------------------------------------------------------------- */

static void record_print_edges(FILE *file)
{
    for (unsigned from = 0; from < RECORD_STATES_MAX; from++) {
        for (unsigned to = 0; to < RECORD_STATES_MAX; to++) {
            if (queue_edges_seen[from][to]) {
                fprintf(file, "QUEUE_EDGE(%s, %s)\n",
                        RECORD_NAME(queue_state_names, from),
                        RECORD_NAME(queue_state_names, to));
            }
            if (server_edges_seen[from][to]) {
                fprintf(file, "SERVER_EDGE(%s, %s)\n",
                        RECORD_NAME(server_state_names, from),
                        RECORD_NAME(server_state_names, to));
            }
            if (lane_edges_seen[from][to]) {
                fprintf(file, "LANE_EDGE(%s, %s)\n",
                        RECORD_NAME(lane_state_names, from),
                        RECORD_NAME(lane_state_names, to));
            }
        }
    }
}

__attribute__((destructor)) static void record_write(void)
{
    const char *path = getenv("MODEL_RECORD");
    FILE *file = path == NULL || readtrail ? NULL : fopen(path, "w");
    if (file == NULL) {
        return;
    }
    record_print_edges(file);
    for (size_t i = 0; i < RECORD_LINES_MAX; i++) {
        const struct record_line *line = &record_lines[i];
        switch (line->kind) {
        case 0:
            break;
        case 'q':
            record_print_step(file, line->values);
            break;
        case 'v':
            record_print_server(file, line->values);
            break;
        case 'a':
            record_print_ask(file, line->values);
            break;
        case 'k':
            record_print_breaker(file, line->values);
            break;
        case 'l':
            record_print_lane(file, line->values);
            break;
        case 'r':
            record_print_replied(file, line->values);
            break;
        case 'f':
            record_print_fleet(file, line->values);
            break;
        case 'm':
            record_print_asks(file, line->values);
            break;
        case 'p':
            record_print_save(file, line->values);
            break;
        default:
            record_print_state(file, line);
        }
    }
    if (fclose(file) != 0) {
        fprintf(stderr, "%s: not written\n", path);
    }
}

#endif
