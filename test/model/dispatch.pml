/*
 * dispatch.pml - src/core/lane.c, dispatch*.c, window.c, progress.c and
 * breaker.c, for one outlet with two lanes. The names are those of the code.
 *
 * Message n of the inbox has arrival n, and is bit n - 1 of a set. A span is
 * one message: what the outlet reports for part of a larger one, it could also
 * report for several spans. An arrival of 0 means none.
 *
 * What is left out:
 *
 *   - time: a wait, and the grace period of a slow lane, may end at any moment;
 *   - the order of lanes in their lists: any of them may be next;
 *   - memory: it may be full whenever something is in it.
 */

mtype:lane_state = { no_lane_state
#define LANE_STATE(name) , name
#include "table.h"
};
mtype:breaker_state = { no_breaker_state, UP, BROKEN, PROBING };

#define LANES 2
#define IN_FLIGHT_MAX 2
#define FAILURES_MAX 2

#define BIT(arrival) (1 << ((arrival) - 1))
#define UP_TO(arrival) ((1 << (arrival)) - 1)
#define AFTER(arrival) (255 & ~UP_TO(arrival))
#define FIRST_BIT(set) ((set) & ~((set) - 1))
#define FIRST(set) \
    (((set) & 1) != 0 -> 1 : (((set) & 2) != 0 -> 2 : \
    (((set) & 4) != 0 -> 3 : (((set) & 8) != 0 -> 4 : 0))))
#define LAST(set) \
    (((set) & 8) != 0 -> 4 : (((set) & 4) != 0 -> 3 : \
    (((set) & 2) != 0 -> 2 : (((set) & 1) != 0 -> 1 : 0))))
#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* In memory. An idle lane does not exist in C: here it is all zeros. */
typedef lane_t {
    mtype:lane_state state;
    byte spans;          /* set; deferred unless in the window */
    byte known_to;
    byte backlog_last;
    byte backlog_saved;
    byte recall_to;
    bool is_recalled;
    bool is_recall_void;
    bool is_in_run;
    bool is_early;       /* what it delivers was sent before OTHER's refusal */
    byte held;           /* held_arrival */
    byte doubts;         /* set */
    byte proven_to;
    byte refused_to;     /* in this run of the breaker, or 0 */
};
lane_t l[LANES];

mtype:breaker_state breaker = UP;
byte failures;
byte refusals;
bool is_refused;

byte window;             /* set: not done and not deferred */
byte read_to;
byte done_to;

byte deferred;           /* pending: sets */
byte settled;
byte letters;
byte saving_cursor;      /* being saved, or to be saved again */
byte saving_deferred;
byte saving_settled;
byte saving_letters;
byte saved_cursor;
bool is_saving;
bool is_save_open;

bool is_reading;
bool is_recalling;
bool has_more;
bool was_woken;
bool has_letters;        /* policy */

/* Scratch: 0 between events. */
byte who;                /* lane of the event */
byte one;                /* its message, as a set */
byte retries;            /* lanes for lanes_retry() at the end of the event */
byte rests;              /* the same, for lanes_rest() */
byte waits;              /* the same, for lanes_wait() */
mtype:lane_state rest;
bool is_repeat;          /* of a refusal: refused in this run before */
byte entered;            /* lane whose state changes, or is recorded */
bool asked_defers;       /* to be recorded */
byte asked_head;         /* the same */

/* What the C code of record.h wants to know. */
#define SEEN_BREAKER                                          \
    (struct seen_breaker) { now.breaker, now.failures,        \
    now.refusals, now.is_refused }
#define SEEN_LANE(lane)                                       \
    (struct seen_lane) { lane.state, lane.spans, lane.doubts, \
    lane.known_to, lane.backlog_last }

#define L l[who]
#define OTHER (1 - who)
#define LANE(i) (1 << (i))

#define IN_FLIGHT ((l[0].state == DELIVERING) + (l[1].state == DELIVERING))
#define IS_ANY(wanted) (l[0].state == wanted || l[1].state == wanted)
#define HAS_TURNS (IS_ANY(DELIVERING) || IS_ANY(READY) || IS_ANY(RECALLING))

/* -- Lanes ---------------------------------------------------------------- */

#define HAS_BACKLOG(i) (l[i].known_to < l[i].backlog_last)
#ifndef MUTANT_OVERTAKES
#define DEFERS(i) \
    (HAS_BACKLOG(i) || l[i].state == BLOCKED || \
     (l[i].state == WAITING && l[i].doubts != 0))
#else
#define DEFERS(i) (l[i].state == BLOCKED)
#endif
#define REST_STATE(i) \
    (l[i].spans != 0 -> READY : (HAS_BACKLOG(i) -> RECALLING : \
     (l[i].doubts == 0 -> IDLE : WAITING)))
#define HEAD(i) (l[i].doubts != 0 -> FIRST(l[i].doubts) : FIRST(l[i].spans))

/* The one place that writes the state: over an edge of table.h only. */
inline lanes_enter(i, to) {
    entered = i;
    c_code { record_from(now.l[now.entered].state); };
    l[i].state = to;
    c_code { record_lane_to(now.entered, now.l[now.entered].state); };
    entered = 0;
    assert(c_expr { record_is_edge })
}

inline lanes_remove(i) {
    l[i].known_to = 0;
    l[i].backlog_last = 0;
    l[i].backlog_saved = 0;
    l[i].recall_to = 0;
    l[i].is_in_run = false;
    l[i].is_early = false;
    l[i].held = 0;
    l[i].proven_to = 0;
    l[i].refused_to = 0
}

inline window_done(arrival) {
    done_to = MAX(done_to, arrival)
}

inline lanes_defer(i, is_dropped) {
    if
    :: l[i].spans != 0 ->
        deferred = deferred | (l[i].spans & window);
        window_done(LAST(l[i].spans & window));
        window = window & ~l[i].spans;
        l[i].backlog_last = MAX(l[i].backlog_last, LAST(l[i].spans));
        if
        :: is_dropped ->
            l[i].known_to = FIRST(l[i].spans) - 1;
            l[i].spans = 0
        :: else
        fi
    :: else
    fi
}

/* The message is done. */
inline lanes_done(i, message) {
    if
    :: (window & message) != 0 -> window_done(FIRST(message))
    :: else -> settled = settled | message
    fi;
    window = window & ~message;
    l[i].spans = l[i].spans & ~message
}

/* Puts a refused message in doubt. */
inline put_aside(i, message) {
    l[i].doubts = l[i].doubts | message;
    if
    :: (window & message) != 0 ->
        window_done(FIRST(message));
        deferred = deferred | message
    :: else
    fi;
    window = window & ~message;
    l[i].spans = l[i].spans & ~message
}

inline forget_doubts(i) {
    if
    :: l[i].doubts != 0 ->
        lanes_defer(i, true);
#ifndef MUTANT_RECALL_IS_NOT_VOID
        l[i].is_recall_void = l[i].is_recalled;
#endif
#ifndef MUTANT_DOUBTS_ARE_FORGOTTEN
        l[i].known_to = FIRST(l[i].doubts) - 1;
#endif
        l[i].backlog_last = MAX(l[i].backlog_last, LAST(l[i].doubts));
        l[i].doubts = 0
    :: else
    fi
}

/* lanes_retry(), lanes_rest() and lanes_wait() touch one lane only, so they may
 * wait until the end of the event. */
inline lanes_finish(i) {
    if
    :: (retries & LANE(i)) != 0 -> forget_doubts(i)
    :: else
    fi;
    rest = REST_STATE(i);
    entered = i;
    asked_defers = DEFERS(i);
    asked_head = HEAD(i);
    c_code {
        record_lane_ask(SEEN_LANE(now.l[now.entered]), now.rest,
                        now.asked_defers, now.asked_head);
    };
    entered = 0;
    asked_defers = false;
    asked_head = 0;
    if
    :: (waits & LANE(i)) != 0 -> rest = WAITING
    :: (rests & LANE(i)) == 0 && (waits & LANE(i)) == 0 &&
       ((retries & LANE(i)) == 0 || rest == l[i].state) -> rest = no_lane_state
    :: else
    fi;
    if
    :: rest == WAITING ->
        l[i].held = HEAD(i);
        if
        :: (FIRST_BIT(l[i].spans) & ~window) != 0 -> lanes_defer(i, true)
        :: else
        fi
    :: else
    fi;
    if
    :: rest != no_lane_state && rest != WAITING -> l[i].held = 0
    :: else
    fi;
    if
    :: rest != no_lane_state -> lanes_enter(i, rest)
    :: else
    fi;
    if
    :: rest == IDLE -> lanes_remove(i)
    :: else
    fi
}

inline event_ends() {
    lanes_finish(0);
    lanes_finish(1);
    retries = 0;
    rests = 0;
    waits = 0;
    rest = no_lane_state;
    one = 0;
    who = 0
}

/* -- The breaker ---------------------------------------------------------- */

/* Lanes that are DELIVERING are handled when their message is returned. */
inline on_opened() {
    retries = retries | (l[0].state == WAITING) | (l[1].state == WAITING) << 1;
    if
    :: has_letters || is_refused ->
        retries = retries |
            (l[0].is_in_run && l[0].state != DELIVERING) |
            (l[1].is_in_run && l[1].state != DELIVERING) << 1;
        l[0].is_in_run = false;
        l[1].is_in_run = false
    :: else
    fi
}

inline breaker_open() {
    if
    :: breaker != BROKEN ->
        breaker = BROKEN;
        l[0].proven_to = 0;
        l[1].proven_to = 0;
        on_opened()
    :: else
    fi
}

inline next_run() {
    refusals = 0;
    l[0].refused_to = 0;
    l[1].refused_to = 0
}

inline breaker_accepted() {
    c_code { record_breaker_begin(SEEN_BREAKER); };
    next_run();
    failures = 0;
    is_refused = false;
    breaker = UP;
    c_code { record_breaker_end(RECORD_ACCEPTED, now.is_repeat, SEEN_BREAKER); }
}

inline breaker_failed() {
    c_code { record_breaker_begin(SEEN_BREAKER); };
    failures = (failures < FAILURES_MAX -> failures + 1 : failures);
    if
    :: breaker != UP || failures >= FAILURES_MAX -> breaker_open()
    :: else
    fi;
    c_code { record_breaker_end(RECORD_FAILED, now.is_repeat, SEEN_BREAKER); }
}

inline breaker_refused() {
    c_code { record_breaker_begin(SEEN_BREAKER); };
    refusals = (is_repeat || refusals >= REFUSALS_MAX -> refusals :
                refusals + 1);
    if
    :: refusals >= REFUSALS_MAX ->
        is_refused = true;
        breaker_open()
    :: refusals < REFUSALS_MAX && breaker == PROBING && !is_refused ->
        failures = 0;
        breaker = UP
    :: else
    fi;
    c_code { record_breaker_end(RECORD_REFUSED, now.is_repeat, SEEN_BREAKER); }
}

inline breaker_due() {
    c_code { record_breaker_begin(SEEN_BREAKER); };
    breaker = PROBING;
    if
    :: is_refused -> next_run()
    :: else
    fi;
    c_code { record_breaker_end(RECORD_DUE, now.is_repeat, SEEN_BREAKER); }
}

#ifndef MUTANT_TWO_PROBES
#define ADMITS (breaker == UP || (breaker == PROBING && IN_FLIGHT == 0))
#else
#define ADMITS (breaker == UP || breaker == PROBING)
#endif

/* -- Results of the outlet: message `one` of lane `who` ------------------- */

inline on_delivered() {
    lanes_done(who, one);
    L.is_in_run = false;
    if
    :: L.doubts != 0 ->
        now_buried(L.doubts);
        letters = letters | L.doubts;
        settled = settled | L.doubts;
        L.doubts = 0
    :: else
    fi;
    if
    :: l[OTHER].is_in_run && !L.is_early ->
        l[OTHER].is_in_run = false;
        if
        :: l[OTHER].doubts != 0 ->
#ifndef MUTANT_PROVEN_IS_BURIED
            l[OTHER].proven_to = LAST(l[OTHER].doubts);
            retries = retries | (l[OTHER].state != DELIVERING) << OTHER
#else
            now_buried(l[OTHER].doubts);
            letters = letters | l[OTHER].doubts;
            settled = settled | l[OTHER].doubts;
            l[OTHER].doubts = 0;
            rests = rests | (l[OTHER].state == WAITING) << OTHER
#endif
        :: else
        fi
    :: else
    fi;
    L.is_early = false;
    breaker_accepted();
    rests = rests | LANE(who)
}

inline on_retry() {
    L.is_early = false;
    breaker_failed();
    if
    :: breaker == UP -> waits = waits | LANE(who)
    :: else -> retries = retries | LANE(who)
    fi
}

inline breaker_broken() {
    c_code { record_breaker_begin(SEEN_BREAKER); };
    breaker_open();
    c_code { record_breaker_end(RECORD_BROKEN, now.is_repeat, SEEN_BREAKER); }
}

inline on_broken() {
    L.is_early = false;
    breaker_broken();
    retries = retries | LANE(who)
}

inline doubts_on_refused() {
    if
    :: !has_letters ->
        L.held = FIRST(one);
        lanes_defer(who, true);
        lanes_enter(who, BLOCKED)
#ifdef MUTANT_BURIED_AT_ONCE
    :: has_letters ->
#else
    :: has_letters && FIRST(one) <= L.proven_to ->
#endif
        now_buried(one);
        letters = letters | one;
        lanes_done(who, one);
        rests = rests | LANE(who)
    :: else ->
        put_aside(who, one);
        rests = rests | LANE(who)
    fi
}

inline on_refused() {
    L.is_in_run = true;
    L.is_early = false;
    l[OTHER].is_early = l[OTHER].state == DELIVERING;
    is_repeat = FIRST(one) <= L.refused_to;
    L.refused_to = MAX(L.refused_to, FIRST(one));
    breaker_refused();
    is_repeat = false;
    if
    :: breaker != BROKEN -> doubts_on_refused()
#ifdef MUTANT_BURIED_WHILE_BROKEN
    :: breaker == BROKEN && has_letters ->
        now_buried(one);
        letters = letters | one;
        lanes_done(who, one);
        rests = rests | LANE(who)
#endif
    :: else -> retries = retries | LANE(who)
    fi
}

/* -- Release by an operator, of lane `who` -------------------------------- */

#define IS_HELD(i) \
    (l[i].state == BLOCKED || l[i].state == WAITING || \
     (l[i].state == READY && breaker != UP && l[i].doubts == 0))

/* What it waits for, or its next message. */
#define HELD (L.state == READY -> HEAD(who) : L.held)

inline pass_held() {
    one = BIT(HELD);
    if
    :: L.doubts == 0 && L.spans != 0 ->
        assert(one == FIRST_BIT(L.spans));
        lanes_done(who, one)
    :: L.doubts != 0 ->
        assert(one == FIRST_BIT(L.doubts));
        settled = settled | one;
        L.doubts = L.doubts & ~one
    :: else ->
#ifndef MUTANT_SKIP_IS_NOT_SAVED
        settled = settled | one;
#endif
        L.known_to = HELD
    fi
}

inline release_ends() {
    L.is_in_run = false;
    retries = retries | LANE(who)
}

/* -- Reading -------------------------------------------------------------- */

#define READS_ONWARD \
    (has_more && !is_reading && (breaker == UP || !HAS_TURNS))

#ifndef MUTANT_RECALLED_BEFORE_SAVED
#define READABLE(i) l[i].backlog_saved
#else
#define READABLE(i) l[i].backlog_last
#endif
#define MAY_RECALL(i) \
    (l[i].state == RECALLING && !is_recalling && \
     l[i].known_to < READABLE(i))

inline onward_add() {
    assert(FIRST(one) > read_to);
    read_to = FIRST(one);
    if
    :: !DEFERS(who) ->
        assert(FIRST(one) > L.known_to);
        window = window | one;
        L.known_to = FIRST(one);
        L.spans = L.spans | one;
        if
        :: L.state == IDLE -> lanes_enter(who, READY)
        :: else
        fi
    :: else ->
        deferred = deferred | one;
        L.backlog_last = FIRST(one);
        window_done(FIRST(one))
    fi
}

inline recall_add() {
    if
    :: !L.is_recall_void ->
        assert(FIRST(one) > L.known_to);
        L.known_to = FIRST(one);
        L.spans = L.spans | one;
#ifdef MUTANT_SETTLED_BEFORE_DELIVERED
        settled = settled | one
#endif
    :: else
    fi
}

inline recall_pass() {
    if
    :: !L.is_recall_void ->
        settled = settled | one;
        L.known_to = FIRST(one)
    :: else
    fi
}

inline recall_done(is_more) {
    assert(L.state == RECALLING && L.is_recalled);
    if
    :: !(is_more) && !L.is_recall_void ->
        L.known_to = MAX(L.known_to, L.recall_to)
    :: else
    fi;
    L.is_recalled = false;
    L.is_recall_void = false;
    L.recall_to = 0;
    is_recalling = false;
    rests = rests | (REST_STATE(who) != RECALLING) << who
}

/* -- Saving --------------------------------------------------------------- */

#define CURSOR (window == 0 -> read_to : FIRST(window) - 1)
#define IS_HELD_BACK (window != 0 && FIRST(window) < done_to)
#define MAY_SAVE \
    (((deferred | settled | letters) & UP_TO(CURSOR)) != 0 || \
     CURSOR != saved_cursor)

inline progress_move() {
    saving_cursor = CURSOR;
#ifndef MUTANT_SAVES_ALL
    saving_deferred = deferred & UP_TO(saving_cursor);
    saving_settled = settled & UP_TO(saving_cursor);
    saving_letters = letters & UP_TO(saving_cursor);
#else
    saving_deferred = deferred;
    saving_settled = settled;
    saving_letters = letters;
#endif
    deferred = deferred & ~saving_deferred;
    settled = settled & ~saving_settled;
    letters = letters & ~saving_letters;
    one = (IS_HELD_BACK -> FIRST(window) : 0);
    c_code {
        record_save(now.window, now.read_to, now.done_to,
                    (struct seen_progress) {
                        now.deferred, now.settled, now.letters },
                    now.saving_cursor, now.one,
                    (struct seen_progress) { now.saving_deferred,
                        now.saving_settled, now.saving_letters });
    };
    one = 0
}

inline backlog_is_saved(i, messages) {
    if
    :: l[i].state != IDLE && (saving_deferred & (messages)) != 0 ->
        l[i].backlog_saved =
            MAX(l[i].backlog_saved, LAST(saving_deferred & (messages)))
    :: else
    fi
}

inline progress_clear() {
    saving_cursor = 0;
    saving_deferred = 0;
    saving_settled = 0;
    saving_letters = 0
}

/* -- The start ------------------------------------------------------------ */

inline dispatch_backlog(i, set, cursor) {
    if
    :: (set) != 0 ->
        l[i].known_to = FIRST(set) - 1;
        l[i].backlog_last = cursor;
        l[i].backlog_saved = cursor;
        lanes_enter(i, RECALLING)
    :: else
    fi
}

/* Everything in memory is gone. */
inline dispatch_free(i) {
    l[i].state = IDLE;
    l[i].spans = 0;
    l[i].doubts = 0;
    l[i].is_recalled = false;
    l[i].is_recall_void = false;
    lanes_remove(i)
}

inline dispatch_init(cursor) {
    breaker = UP;
    failures = 0;
    refusals = 0;
    is_refused = false;
    window = 0;
    read_to = cursor;
    done_to = cursor;
    deferred = 0;
    settled = 0;
    letters = 0;
    progress_clear();
    saved_cursor = cursor;
    is_saving = false;
    is_save_open = false;
    is_reading = false;
    is_recalling = false;
    has_more = true;
    was_woken = false
}
