/*
 * lane.pml - does every message reach the outlet, in order within its lane, and
 * is what is saved never ahead of what was delivered, whatever fails?
 *
 * One outlet with two lanes (dispatch.pml) over an inbox in order of arrival,
 * with a destination, an operator, and crashes. The outlet either blocks a lane
 * whose message is refused, or makes a dead letter of it.
 *
 * Everything that goes wrong costs one of TROUBLES, in any mix and at any
 * moment; without trouble nothing goes on forever. So every run ends, and is
 * judged at its end:
 *
 *   - every message has reached the outlet, was skipped by an operator, became
 *     a dead letter, or is not wanted by the outlet; and that is stored;
 *   - except for a lane that is blocked, or waits with refused messages only:
 *     the other lane is complete all the same.
 *
 * At each moment:
 *
 *   - a message reaches the outlet after all earlier ones of its lane, except
 *     those that were given up or are in doubt;
 *   - it does so again only if the outlet did not confirm it, or if the process
 *     has died before that was stored;
 *   - the stored progress never passes a message that is not done, unless it is
 *     stored as deferred, and never moves back;
 *   - a refused message becomes a dead letter only if the outlet has accepted
 *     a later one of its lane, or refused it again after it had accepted one of
 *     the other lane.
 */
#ifndef MESSAGES
#define MESSAGES 3 /* at most 4 */
#endif
#ifndef TROUBLES
#define TROUBLES 3
#endif
#ifndef REFUSALS_MAX
#define REFUSALS_MAX 2
#endif
/* More in a row than this are a broken destination, whatever they are. */
#define BADS_MAX (REFUSALS_MAX - 1)
#ifndef BAD
#define BAD 0 /* 1: the first message is bad, which costs nothing */
#endif

c_decl {
\#include "record.h"
};

#include "dispatch.pml"

byte troubles = TROUBLES;

/* -- The messages --------------------------------------------------------- */

byte born;        /* so many have arrived */
byte lane[LANES]; /* the set of each */
byte bad = BAD;   /* always refused */
byte bads = BAD;  /* how many */
byte unwanted;    /* not for this outlet */

/* -- What is stored ------------------------------------------------------- */

byte stored_cursor;
byte stored_rows;    /* deferred */
byte stored_letters;
bool is_committed;   /* the save, before its outcome is reported */

#define STORED_DONE (UP_TO(stored_cursor) & ~stored_rows)

/* -- A read on its way ---------------------------------------------------- */

byte read_end;    /* onward: up to this arrival */
bool read_more;   /* and there were more */
byte rows;        /* of a recall, when it began */

/* -- What is promised: no part of the product knows this ------------------ */

byte reached;     /* the outlet has received it */
byte confirmed;   /* and told the process, now or before */
byte given_up;    /* skipped, or a dead letter */
byte may_repeat;  /* nobody knows that it reached the outlet */
byte refused;     /* since the start of the process */
byte vouched;     /* then something was accepted */
byte convicted;   /* may be a dead letter */

#define DONE (confirmed | given_up | unwanted)

inline reaches() {
    assert((one & reached & ~may_repeat) == 0); /* no repeat but for a reason */
    assert((lane[who] & (one - 1) & ~reached & ~given_up & ~unwanted &
            ~L.doubts) == 0);                   /* in order */
    reached = reached | one;
    may_repeat = may_repeat & ~one
}

inline now_confirmed() {
    assert((lane[who] & (one - 1) & ~DONE & ~L.doubts) == 0);
    confirmed = confirmed | one;
    refused = refused & ~one;
    vouched = vouched | refused;
    convicted = convicted | (refused & lane[who] & (one - 1))
}

inline now_refused() {
    convicted = convicted | (one & vouched);
    refused = refused | one
}

inline now_buried(messages) {
    assert(((messages) & ~convicted) == 0);
    given_up = given_up | messages
}

inline now_stored() {
    assert((STORED_DONE & ~DONE) == 0);
    assert((stored_letters & ~(given_up & STORED_DONE)) == 0)
}

/* The process knows what is stored, and nothing else. */
inline now_forgotten() {
    given_up = given_up & STORED_DONE;
    may_repeat = reached & ~STORED_DONE;
    refused = 0;
    vouched = 0;
    convicted = 0
}

/* -- Tools ---------------------------------------------------------------- */

#define TELL(text)                                                          \
    c_code {                                                                \
        tell_lanes(text, now.who, now.one, now.stored_cursor,               \
                   now.stored_rows, now.reached);                           \
    }

inline trouble() {
    troubles--
}

/* -- Messages arrive ------------------------------------------------------ */

proctype arrivals() {
end:
    do
    :: atomic {
        born < MESSAGES ->
        one = BIT(born + 1);
        if
        :: true
        :: born > 0 -> /* lanes are equal: the first message is of lane 0 */
            who = 1
        fi;
        lane[who] = lane[who] | one;
        if
        :: true
        :: troubles > 0 && bads < BADS_MAX ->
            trouble();
            bads++;
            bad = bad | one
        :: troubles > 0 && (one & bad) == 0 ->
            trouble();
            unwanted = unwanted | one
        fi;
        born++;
        has_more = true;
        was_woken = is_reading;
        TELL("a message arrives");
        one = 0;
        who = 0
    }
    od
}

/* -- The forwarder reads -------------------------------------------------- */

/* The earliest of the messages, and its lane. */
inline take_first(messages) {
    one = FIRST_BIT(messages);
    who = ((one & lane[1]) != 0 -> 1 : 0)
}

proctype reader() {
    byte left = 0;
    bool is_more = false;
end:
    do
    :: atomic {
        READS_ONWARD ->
        is_reading = true;
        if
        :: read_end = born
        :: read_to + 1 < born ->
            read_end = read_to + 1;
            read_more = true
        fi;
        TELL("reads onward")
    }
    :: atomic {
        is_reading ->
        if
        :: left = UP_TO(read_end) & AFTER(read_to)
        :: troubles > 0 ->
            trouble();
            read_end = read_to;
            read_more = true;
            TELL("the read fails")
        fi;
        do
        :: left != 0 ->
            take_first(left);
            left = left & ~one;
            if
            :: (one & unwanted) == 0 -> onward_add()
            :: else
            fi
        :: else -> break
        od;
        read_to = MAX(read_to, read_end);
        is_reading = false;
#ifndef MUTANT_WOKEN_IS_FORGOTTEN
        has_more = read_more || was_woken;
#else
        has_more = read_more;
#endif
        was_woken = false;
        read_end = 0;
        read_more = false;
        TELL("has read onward");
        event_ends()
    }
    :: atomic {
        MAY_RECALL(0) || MAY_RECALL(1) ->
        if
        :: MAY_RECALL(0)
        :: MAY_RECALL(1) -> who = 1
        fi;
        is_recalling = true;
        L.is_recalled = true;
        L.recall_to = READABLE(who);
        rows = stored_rows & lane[who] & AFTER(L.known_to);
        TELL("reads a backlog");
        who = 0
    }
    :: atomic {
        is_recalling ->
        who = (l[1].is_recalled -> 1 : 0);
        if
        :: left = rows
        :: left = stored_rows & lane[who] & AFTER(L.known_to)
        :: troubles > 0 ->
            trouble();
            is_more = true;
            TELL("the read fails")
        fi;
        if
        :: (left & (left - 1)) != 0 ->
            left = FIRST_BIT(left);
            is_more = true
        :: true
        fi;
        do
        :: left != 0 ->
            take_first(left);
            left = left & ~one;
            if
            :: (one & unwanted) == 0 -> recall_add()
            :: else -> recall_pass()
            fi
        :: else -> break
        od;
        recall_done(is_more);
        rows = 0;
        is_more = false;
        TELL("has read a backlog");
        event_ends()
    }
    :: atomic {
        /* Memory is full of messages that wait. */
        READS_ONWARD && !HAS_TURNS && breaker == UP && window != 0 ->
        do
        :: window != 0 ->
            take_first(window);
            assert(L.state == WAITING);
            lanes_defer(who, true)
        :: else -> break
        od;
        TELL("makes room");
        event_ends()
    }
    od
}

/* -- The outlet ----------------------------------------------------------- */

/* Perhaps it has received the message all the same. */
inline perhaps_received() {
    if
    :: (one & bad) == 0 ->
        reaches();
        may_repeat = may_repeat | one;
        TELL("the outlet does not confirm what it received")
    :: true
    fi
}

proctype outlet() {
end:
    do
    :: atomic {
        ADMITS && IN_FLIGHT < IN_FLIGHT_MAX &&
#ifndef MUTANT_BLOCKED_STOPS_ALL
        IS_ANY(READY) ->
#else
        IS_ANY(READY) && !IS_ANY(BLOCKED) ->
#endif
        if
        :: l[0].state == READY
        :: l[1].state == READY -> who = 1
        fi;
        assert(breaker == UP || (breaker == PROBING && IN_FLIGHT == 0));
        lanes_enter(who, DELIVERING);
#ifdef MUTANT_SAVED_BEFORE_SENT
        window = window & ~FIRST_BIT(L.spans);
#endif
        who = 0
    }
    :: atomic {
        IS_ANY(DELIVERING) ->
        if
        :: l[0].state == DELIVERING
        :: l[1].state == DELIVERING -> who = 1
        fi;
        one = FIRST_BIT(L.spans);
        assert(one != 0);
        if
        :: (one & bad) == 0 ->
            reaches();
            now_confirmed();
            TELL("delivered");
            on_delivered()
        :: troubles > 0 ->
            trouble();
            perhaps_received();
            TELL("not now");
            on_retry()
        :: troubles > 0 ->
            trouble();
            perhaps_received();
            TELL("the destination is broken");
            on_broken()
        :: troubles > 0 || (one & bad) != 0 ->
            troubles = ((one & bad) != 0 -> troubles : troubles - 1);
            now_refused();
            TELL("refused");
            on_refused()
        fi;
        event_ends()
    }
    od
}

/* -- Waits ---------------------------------------------------------------- */

/* To try bad messages again changes nothing, unless others follow. */
#define IS_VAIN(i) \
    (l[i].doubts != 0 && (l[i].doubts & ~bad) == 0 && \
     l[i].spans == 0 && !HAS_BACKLOG(i))
#define MAY_BE_DUE(i) \
    (l[i].state == WAITING && (!IS_VAIN(i) || troubles > 0))

proctype clock() {
end:
    do
    :: atomic {
        MAY_BE_DUE(0) || MAY_BE_DUE(1) ->
        if
        :: MAY_BE_DUE(0)
        :: MAY_BE_DUE(1) -> who = 1
        fi;
        troubles = (IS_VAIN(who) -> troubles - 1 : troubles);
        retries = LANE(who);
        TELL("its wait is over");
        event_ends()
    }
    :: atomic {
        breaker == BROKEN ->
        TELL("the breaker's wait is over");
        breaker_due()
    }
    od
}

/* -- The operator --------------------------------------------------------- */

proctype operator(byte i) {
end:
    do
    :: atomic {
        troubles > 0 && IS_HELD(i) ->
        trouble();
        who = i;
        if
        :: TELL("operator: retry")
        :: one = BIT(HELD);
            given_up = given_up | one;
            TELL("operator: skip");
            pass_held()
        :: one = BIT(HELD);
            given_up = given_up | one;
            letters = letters | one;
            TELL("operator: dead letter");
            pass_held()
        fi;
        release_ends();
        event_ends()
    }
    od
}

/* -- Saves ---------------------------------------------------------------- */

/* Defers lanes that hold back the cursor: what waits, or all. */
inline make_way() {
    do
    :: IS_HELD_BACK ->
        take_first(window);
        if
        :: L.state == WAITING ->
#ifdef MUTANT_WAITING_IS_PASSED
            window = window & ~L.spans;
#endif
            lanes_defer(who, true)
        :: L.state != WAITING ->
            lanes_defer(who, false)
        :: L.state != WAITING && MAY_SAVE -> break
        fi
    :: else -> break
    od;
    who = 0;
    one = 0
}

proctype saver() {
end:
    do
    :: atomic {
        !is_saving && (is_save_open || MAY_SAVE || IS_HELD_BACK) ->
        if
        :: !is_save_open ->
            make_way();
            assert(MAY_SAVE);
            progress_move()
        :: else
        fi;
        is_save_open = true;
        is_saving = true;
        TELL("saves")
    }
    :: atomic {
        is_saving && !is_committed ->
        is_committed = true;
        assert(saving_cursor >= stored_cursor);
        stored_cursor = saving_cursor;
        stored_rows = (stored_rows | saving_deferred) & ~saving_settled;
        stored_letters = stored_letters | saving_letters;
        TELL("the save is committed");
        now_stored()
    }
    :: atomic {
        is_saving && is_committed ->
        is_saving = false;
        is_committed = false;
        is_save_open = false;
        backlog_is_saved(0, lane[0]);
        backlog_is_saved(1, lane[1]);
        saved_cursor = saving_cursor;
        progress_clear();
        TELL("the save is reported")
    }
    :: atomic {
        /* It has failed, or nobody knows. */
        is_saving && troubles > 0 ->
        trouble();
        is_saving = false;
        is_committed = false;
#ifdef MUTANT_UNKNOWN_SAVE_IS_FORGOTTEN
        is_save_open = false;
        progress_clear();
#endif
        TELL("the outcome of the save is unknown")
    }
    od
}

/* -- Crashes -------------------------------------------------------------- */

/* The message in flight may have been received. */
inline perhaps_in_flight(i) {
    if
    :: l[i].state == DELIVERING ->
        who = i;
        one = FIRST_BIT(L.spans);
        if
        :: (one & bad) == 0 -> reaches()
        :: true
        fi;
        one = 0;
        who = 0
    :: else
    fi
}

#define WANTED (UP_TO(born) & ~DONE & ~reached & ~bad)

proctype crash() {
end:
    do
    :: atomic {
        troubles > 0 ->
        trouble();
        perhaps_in_flight(0);
        perhaps_in_flight(1);
        now_forgotten();
        dispatch_free(0);
        dispatch_free(1);
        dispatch_init(stored_cursor);
        is_committed = false;
        read_end = 0;
        read_more = false;
        rows = 0;
        TELL("the process dies and starts again");
        if /* with the same configuration, or one that wants less */
        :: true
        :: WANTED != 0 ->
            unwanted = unwanted | FIRST_BIT(WANTED);
            TELL("the outlet no longer wants a message")
        fi;
        dispatch_backlog(0, stored_rows & lane[0], stored_cursor);
        dispatch_backlog(1, stored_rows & lane[1], stored_cursor)
    }
    od
}

/* -- The end -------------------------------------------------------------- */

#define LEFT(i) (lane[i] & ~STORED_DONE & ~unwanted)

/* It is complete, or is held by what was refused. */
#define IS_RIGHT(i)                                                     \
    (LEFT(i) == 0 -> l[i].state == IDLE :                               \
     ((l[i].state == BLOCKED && (FIRST_BIT(LEFT(i)) & refused) != 0 &&  \
       l[i].held == FIRST(LEFT(i))) ||                                  \
      (l[i].state == WAITING && LEFT(i) == l[i].doubts &&               \
       (LEFT(i) & ~bad) == 0)))

proctype judge() {
    timeout ->
    assert(born == MESSAGES && !is_reading && !is_recalling && !is_save_open);
    assert(breaker != BROKEN);
    assert(IS_RIGHT(0));
    assert(IS_RIGHT(1));
    assert(l[0].spans == 0 && l[1].spans == 0); /* nothing stays in memory */
    assert((given_up & ~STORED_DONE) == 0);
    assert((deferred | settled | letters) == 0)
}

init {
    atomic {
        l[0].state = IDLE;
        l[1].state = IDLE;
        has_more = true;
        if
        :: has_letters = false
        :: has_letters = true
        fi;
        run arrivals();
        run reader();
        run outlet();
        run clock();
        run operator(0);
        run operator(1);
        run saver();
        run crash();
        run judge()
    }
}
