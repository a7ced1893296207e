/*
 * server.pml - the queues of one actual server, and the state machines of the
 * entries that lead to it: who may send a request now, and does everybody get a
 * turn?
 *
 * src/core/server.c and what src/core/scheduler.c does for one server, or for
 * SERVERS of one login group, event by event, with QUEUES queues (queue.pml) of which each does what its state
 * machine allows. Answers are of any kind, at any time and as often as they
 * like, whatever key was sent: nothing is assumed of a server. Batches are
 * accepted at once. Failures are counted up to where they decide.
 *
 *   polls_N    once all goes well, queue N fetches again and again (weak
 *              fairness), whatever state the failures before have led to.
 */
#ifndef QUEUES
#define QUEUES 2
#endif
#ifndef SERVERS
#define SERVERS 1
#endif
#ifndef IN_FLIGHT_MAX
#define IN_FLIGHT_MAX 2
#endif
#ifndef FAILED_LOGINS_MAX
#define FAILED_LOGINS_MAX 2
#endif
#define BREAKER_FAILURES 2
#define HELD_MAX 1 /* batches: no new fetch while there are so many */

#include "queue.pml"

mtype:server_state = { no_server_state
#define SERVER_STATE(name) , name
#include "table.h"
};
mtype:verdict = { NO_VERDICT, ALIVE, LOGGED_IN, REFUSED_LOGIN, THROTTLED,
    FAILING };

mtype:part = { KEY_BEFORE, ANSWER_TO_OLD_KEY, ANSWER, KEY_AFTER, WAIT_IS_OVER,
    ALL_TOLD };

#define NOBODY 255

/* As in src/core/login_group.h. Failed logins beyond that make no difference. */
#define LOGINS_AT_RISK_MAX 40

/* Logins with proven keys go on until so many have failed, and those that are
 * in flight then may fail, too. */
#define FAILED_LOGINS_END \
    (2 * FAILED_LOGINS_MAX - 1 + SERVERS * IN_FLIGHT_MAX)

/* Of the server of a queue. */
#define SERVER(i) ((i) % SERVERS)
#define S SERVER(who)

mtype:server_state s_state[SERVERS];
byte failures[SERVERS];
byte in_flight[SERVERS];

/* What the servers share, as they are one actual server. */
byte failed_logins;
bool logins_held;
byte prover = NOBODY;

chan turns = [QUEUES] of { byte }; /* who waits, in their order */
byte held;                         /* batches */
bool is_unproven[QUEUES];          /* in flight, with a key not proven then */
bool has_new_key[QUEUES];          /* in flight, and set since then */
byte counted;                      /* failed logins, as the server counts */
bool is_calm;                      /* all goes well from now on */

/* scratch: the same between any two steps */
mtype:verdict verdict = NO_VERDICT;
mtype:part part = ALL_TOLD;
byte place;
byte entering;
byte seen;
byte next = NOBODY;
bool next_marks;

#define NOW_SERVER (now.who % SERVERS)
#define SEEN_SERVER                                                       \
    (struct seen_server) { now.s_state[NOW_SERVER],                       \
    now.failures[NOW_SERVER], now.failed_logins, now.logins_held,         \
    now.in_flight[NOW_SERVER], now.prover != NOBODY }

/* -- src/core/server.c ---------------------------------------------------- */

inline server_enter(n, to) {
    entering = n;
    c_code { record_from(now.s_state[now.entering]); };
    s_state[n] = to;
    c_code { record_server_to(now.s_state[now.entering]); };
    assert(c_expr { record_is_edge });
    entering = 0
}

inline server_failed() {
    failures[S] =
        (failures[S] < BREAKER_FAILURES -> failures[S] + 1 : failures[S]);
    if
    :: s_state[S] == PROBING ||
       (s_state[S] == UP && failures[S] >= BREAKER_FAILURES) ->
        server_enter(S, DOWN)
    :: else
    fi
}

inline server_fall_silent(n) {
    if
    :: s_state[n] == SILENT
    :: else -> server_enter(n, SILENT)
    fi
}

/* The actual server has counted more than we have. */
inline server_throttled() {
    failed_logins = (failed_logins < LOGINS_AT_RISK_MAX ->
        LOGINS_AT_RISK_MAX : failed_logins);
    logins_held = true;
    server_fall_silent(0);
#if SERVERS > 1
    server_fall_silent(1)
#endif
}

inline server_lives() {
    failures[S] = 0;
    if
    :: s_state[S] == PROBING || s_state[S] == DOWN -> server_enter(S, UP)
    :: else
    fi
}

inline server_refused_key() {
    failed_logins = (failed_logins < LOGINS_AT_RISK_MAX + 1 ->
        failed_logins + 1 : failed_logins);
    if
    :: failed_logins >= FAILED_LOGINS_MAX -> logins_held = true
    :: else
    fi
}

inline server_clear_logins() {
    failed_logins = 0;
    logins_held = false
}

/* If it is SILENT, this is the answer to a request from before the throttle. */
inline server_logged_in() {
    if
    :: s_state[S] == SILENT
    :: else -> server_clear_logins()
    fi
}

inline server_answered() {
    UNBROKEN {
        c_code { record_server_begin(SEEN_SERVER); };
        if
        :: verdict == FAILING -> server_failed()
        :: verdict == THROTTLED -> server_throttled()
        :: verdict == REFUSED_LOGIN || verdict == LOGGED_IN ||
           verdict == ALIVE ->
            if
            :: verdict == REFUSED_LOGIN -> server_refused_key()
            :: verdict == LOGGED_IN -> server_logged_in()
            :: else
            fi;
            server_lives()
        :: verdict == NO_VERDICT
        fi;
        c_code { record_server_end(now.verdict, SEEN_SERVER); }
    }
}

#ifndef MUTANT_PROBES_AT_ONCE
#define HAS_SLOT(n)                                        \
    ((s_state[n] == UP && in_flight[n] < IN_FLIGHT_MAX) || \
     (s_state[n] == PROBING && in_flight[n] == 0))
#else
#define HAS_SLOT(n)                               \
    ((s_state[n] == UP || s_state[n] == PROBING) && \
     in_flight[n] < IN_FLIGHT_MAX)
#endif
#ifndef MUTANT_UNPROVEN_AT_ONCE
#define MAY_PROVE (prover == NOBODY && !logins_held)
#else
#define MAY_PROVE (!logins_held)
#endif
#ifndef MUTANT_PROVEN_WITHOUT_END
#define MAY_USE_PROVEN \
    (!logins_held || failed_logins < 2 * FAILED_LOGINS_MAX)
#else
#define MAY_USE_PROVEN true
#endif

/* -- src/core/scheduler.c ------------------------------------------------- */

/* In which of the server's lists a queue waits for its turn; 0: none. */
#define PLACE(i)                                                       \
    (q[i].state == READY -> 1 + q[i].key_proven :                      \
     (q[i].state == MARK_READY || q[i].state == LAST_MARK_READY ->     \
      3 + q[i].key_proven : 0))
#define MAY_LOG_IN(i) (q[i].key_proven -> MAY_USE_PROVEN : MAY_PROVE)
#ifndef MUTANT_DOWN_SENDS
#define MAY_SEND(i) HAS_SLOT(SERVER(i))
#else
#define MAY_SEND(i) (HAS_SLOT(SERVER(i)) || s_state[SERVER(i)] == DOWN)
#endif
#ifndef MUTANT_BUDGET_STOPS_MARKS
#define MAY_MARK(i) (PLACE(i) >= 3 && MAY_SEND(i) && MAY_LOG_IN(i))
#else
#define MAY_MARK(i) \
    (PLACE(i) >= 3 && held < HELD_MAX && MAY_SEND(i) && MAY_LOG_IN(i))
#endif
#define MAY_FETCH(i)                        \
    (q[i].state == READY && held < HELD_MAX && \
     MAY_SEND(i) && MAY_LOG_IN(i))
#define MAY_GO(i) (MAY_MARK(i) || MAY_FETCH(i))

#if QUEUES == 2
#define SOMEBODY_MAY_GO (MAY_GO(0) || MAY_GO(1))
#else
#define SOMEBODY_MAY_GO (MAY_GO(0) || MAY_GO(1) || MAY_GO(2))
#endif

inline give_slot_back() {
    in_flight[S]--;
#ifndef MUTANT_PROVER_FOR_EVER
    prover = (prover == who -> NOBODY : prover);
#endif
    is_unproven[who] = false;
    has_new_key[who] = false
}

/* The step, and what follows from it: a batch is accepted at once. */
inline carry_out() {
    do
    :: event.kind != NO_EVENT ->
        queue_step();
        if
        :: action == DELIVER -> event.kind = ACCEPTED
        :: action == CANCEL -> give_slot_back()
        :: else
        fi;
        action = NO_ACTION
    :: else -> break
    od;
    /* Nothing here depends on it. */
    Q.is_unconfirmed = false
}

/* One event of the queue, and its place in line after that. */
inline step() {
    place = PLACE(who);
    held = held - HAS_BATCH(Q.state);
    carry_out();
    held = held + HAS_BATCH(Q.state);
    if
    :: place != PLACE(who) && place != 0 -> turns ?? eval(who)
    :: else
    fi;
    if
#ifndef MUTANT_UNFAIR_LINE
    :: place != PLACE(who) && PLACE(who) != 0 -> turns ! who
#else
    :: place != PLACE(who) && PLACE(who) != 0 -> turns !! who
#endif
    :: else
    fi;
    place = 0;
    seen = 1 * HAS_SLOT(S) + 2 * MAY_USE_PROVEN + 4 * MAY_PROVE;
    c_code { record_server_ask(SEEN_SERVER, now.seen); };
    seen = 0
}

/* The first in line that may go, marks before fetches: who. */
inline choose_next() {
    UNBROKEN {
        do
        :: seen < len(turns) ->
            turns ? who;
            turns ! who;
            if
            :: MAY_MARK(who) && !next_marks ->
                next = who;
                next_marks = true
            :: !MAY_MARK(who) && MAY_FETCH(who) && next == NOBODY ->
                next = who
            :: else
            fi;
            seen++
        :: else -> break
        od;
        who = next;
        seen = 0;
        next = NOBODY;
        next_marks = false
    }
}

proctype turn() {
end:
    do
    :: atomic {
        SOMEBODY_MAY_GO ->
        choose_next();
        assert(s_state[S] == UP || s_state[S] == PROBING);
        assert(s_state[S] == UP || in_flight[S] == 0);
        in_flight[S]++;
        assert(in_flight[S] <= IN_FLIGHT_MAX);
        if
        :: !Q.key_proven ->
            assert(counted < FAILED_LOGINS_MAX);
            assert(!is_unproven[0] && !is_unproven[1] &&
                   !is_unproven[QUEUES - 1]);
            is_unproven[who] = true;
            prover = who
        :: else
        fi;
        event.kind = STARTED;
        step();
        assert(IN_FLIGHT(Q.state));
        who = 0
    }
    od
}

/* -- A queue: its waits and its answers ----------------------------------- */

inline any_answer() {
    if
    :: !is_calm -> verdict = NO_VERDICT
    :: !is_calm -> verdict = ALIVE
    :: !is_calm -> verdict = REFUSED_LOGIN
    :: !is_calm -> verdict = THROTTLED
    :: !is_calm -> verdict = FAILING
    :: verdict = LOGGED_IN
    fi
}

inline event_of_verdict() {
    if
    :: verdict == LOGGED_IN && Q.state == FETCHING ->
        event.kind = EMPTY
    :: verdict == LOGGED_IN && Q.state == FETCHING ->
        event.kind = FETCHED
    :: verdict == LOGGED_IN && Q.state != FETCHING ->
        event.kind = MARKED;
        if
        :: event.unread = NONE_LEFT
        :: event.unread = SOME_LEFT
        :: !is_calm ->
            event.unread = SOME_LEFT;
            event.is_nothing = true
        fi
    :: verdict != LOGGED_IN || !is_calm ->
        event.kind = FAILED;
        if
        :: verdict == REFUSED_LOGIN ->
            event.error = REFUSED_KEY
        :: verdict == FAILING || verdict == THROTTLED ||
           verdict == NO_VERDICT ->
            event.error = TRANSIENT
        :: verdict != REFUSED_LOGIN && verdict != THROTTLED ->
            event.error = PERMANENT
        fi
    fi
}

/* A request has ended: the server learns of it. */
inline request_ended() {
    any_answer();
    if
    :: verdict == REFUSED_LOGIN -> counted++
    :: verdict == LOGGED_IN -> counted = 0
    :: else
    fi;
    assert(counted <= FAILED_LOGINS_END);
    give_slot_back();
    server_answered();
    Q.key_proven = (verdict == LOGGED_IN ||
                    (verdict != REFUSED_LOGIN && Q.key_proven))
}

/* Then the queue learns of it; and what the answer says of a key, it says of
 * the one that was sent. */
inline next_event() {
    if
    :: part == KEY_BEFORE ->
        event.kind = NEW_KEY;
        part = ANSWER_TO_OLD_KEY
    :: part == ANSWER_TO_OLD_KEY ->
        event_of_verdict();
        part = (verdict == REFUSED_LOGIN -> KEY_AFTER : ALL_TOLD)
    :: part == ANSWER ->
        event_of_verdict();
        part = ALL_TOLD
    :: part == KEY_AFTER ->
        event.kind = NEW_KEY;
        part = ALL_TOLD
    :: part == WAIT_IS_OVER ->
        event.kind = DUE;
        part = ALL_TOLD
    fi
}

proctype life(byte id) {
end:
    do
    :: atomic {
        if
        :: q[id].state == IDLE || q[id].state == BACKOFF ||
           q[id].state == REFUSED || q[id].state == MARK_WAIT ||
           q[id].state == LAST_MARK_WAIT ||
           (PLACE(id) >= 3 && q[id].mark_attempts > 0) ->
            who = id;
            part = WAIT_IS_OVER
        :: IN_FLIGHT(q[id].state) ->
            who = id;
            part = (has_new_key[id] -> KEY_BEFORE : ANSWER);
            request_ended()
        fi;
        do
        :: part != ALL_TOLD ->
            next_event();
            step()
        :: else -> break
        od;
        verdict = NO_VERDICT;
        who = 0
    }
    od
}

/* -- Waits of the server -------------------------------------------------- */

proctype clock() {
end:
    do
    :: atomic {
        s_state[0] == DOWN || s_state[0] == SILENT ->
        server_enter(0, PROBING)
    }
#if SERVERS > 1
    :: atomic {
        s_state[1] == DOWN || s_state[1] == SILENT ->
        server_enter(1, PROBING)
    }
#endif
    :: atomic {
        logins_held ->
        counted = 0; /* 300 s since the last one */
        server_clear_logins()
    }
    od
}

/* -- Operators ------------------------------------------------------------ */

#define IS_PAUSED(i)                                                  \
    (q[i].state == PAUSED || q[i].state == LAST_MARK_READY ||         \
     q[i].state == LAST_MARKING || q[i].state == LAST_MARK_WAIT)

proctype operator(byte id) {
end:
    do
    :: atomic {
        if
        :: !is_calm ->
            event.kind = PAUSE
        :: !is_calm ->
            event.kind = POLL_NOW
        :: !is_calm ->
            event.kind = NEW_KEY;
            has_new_key[id] = IN_FLIGHT(q[id].state)
        :: IS_PAUSED(id) ->
            event.kind = RESUME
        fi;
        who = id;
        step();
        who = 0
    }
    od
}

proctype calm() {
end:
    atomic {
        is_calm = true
    }
}

init {
    atomic {
        s_state[0] = UP;
        s_state[SERVERS - 1] = UP;
        q[0].state = IDLE;
        q[1].state = IDLE;
        q[QUEUES - 1].state = IDLE;
        run turn();
        run life(0);
        run operator(0);
        run life(1);
        run operator(1);
#if QUEUES > 2
        run life(2);
        run operator(2);
#endif
        run clock();
        run calm()
    }
}

ltl polls_0 { [] (is_calm -> <> (q[0].state == FETCHING)) }
ltl polls_1 { [] (is_calm -> <> (q[1].state == FETCHING)) }
#if QUEUES > 2
ltl polls_2 { [] (is_calm -> <> (q[2].state == FETCHING)) }
#endif
