/*
 * delivery.pml - is every message delivered, and marked only after that,
 * whatever fails?
 *
 * One queue (queue.pml) and what is stored of it (state.pml) against the server,
 * the network, the administrator, a second consumer of the queue, another
 * process that stores it, and crashes.
 * Messages are bits, and sets of them bytes. The server marks the messages of
 * a token one by one, in any order, and may fail between any two.
 *
 * Whatever goes wrong costs one of TROUBLES, in any mix and at any moment;
 * without trouble nothing goes in circles. So every run ends, and is judged at
 * its end: all that is unread was delivered and marked.
 *
 * What is promised is in promise.pml.
 */

#ifndef TROUBLES
#define TROUBLES 4
#endif
#ifndef MESSAGES
#define MESSAGES 3 /* at most */
#endif
#ifndef BATCH_MAX
#define BATCH_MAX 2
#endif

#include "queue.pml"

#define ALL ((1 << MESSAGES) - 1)

bool is_drained; /* the newest mark: nothing is unread */
bool is_lost;    /* a confirmed state never comes to be stored */

byte troubles = TROUBLES;

/* -- The server ----------------------------------------------------------- */

byte unborn = ALL;
byte unread;
bool is_old;     /* of 2019: does not tell how many are unread */

/* -- The wire: one request ------------------------------------------------ */

mtype:wire = { NO_REQUEST, FETCH_ASKED, FETCH_ANSWERED, MARK_ASKED,
    MARK_ANSWERED };
mtype:wire wire = NO_REQUEST;
byte answer;     /* messages of a fetch */
byte todo;       /* of the mark: not yet marked */
bool has_marked; /* the mark has changed something */
bool has_resent; /* libcurl has sent it twice */
bool none_left;  /* answer to the mark: nothing is unread */
byte belated;    /* of a mark that was given up: may yet be marked */

byte one; /* scratch: 0 between steps */

#include "state.pml"
#include "promise.pml"

/* -- Tools ---------------------------------------------------------------- */

#ifdef MUTANT_STALE_TOKEN
byte stale;
#endif
#ifdef MUTANT_ACCEPT_BEFORE_COMMIT
bool unwritten;
#endif

#define TELL(text)                                                     \
    c_code {                                                           \
        tell_sets(text, now.unread, SEEN_STATE.batch, SEEN_STATE.k,    \
                  now.stored_keys, SEEN_STATE.stored);                 \
    }

inline trouble() {
    troubles--
}

inline pick_one(from_set) {
    if
    :: (from_set & 1) != 0 -> one = 1
    :: (from_set & 2) != 0 -> one = 2
    :: (from_set & 4) != 0 -> one = 4
    fi
}

/* -- Messages arrive ------------------------------------------------------ */

proctype sender() {
end:
    do
    :: atomic {
        unborn != 0 ->
        one = unborn & ~(unborn - 1);
        unborn = unborn & ~one;
        unread = unread | one;
        owed = owed | one;
        may_store = may_store | one;
        one = 0;
        TELL("a message arrives");
    }
    od
}

/* -- The server answers --------------------------------------------------- */

proctype server() {
end:
    do
    :: atomic {
        wire == FETCH_ASKED ->
        assert(S.batch == 0); /* no other token is outstanding */
        /* Any of them, up to the limit: their order is not certain. */
        if
        :: (unread & 1) != 0 -> answer = 1
        :: (unread & 2) != 0 -> answer = 2
        :: (unread & 4) != 0 -> answer = 4
        :: BATCH_MAX >= 2 && (unread & 3) == 3 -> answer = 3
        :: BATCH_MAX >= 2 && (unread & 5) == 5 -> answer = 5
        :: BATCH_MAX >= 2 && (unread & 6) == 6 -> answer = 6
        :: unread == 0
        fi;
        wire = FETCH_ANSWERED;
        TELL("server answers a fetch");
    }
    :: atomic {
        wire == MARK_ASKED && todo != 0 ->
        pick_one(todo);
        todo = todo & ~one;
        mark_one();
        one = 0;
        TELL("server marks a message");
    }
    :: atomic {
        wire == MARK_ASKED && todo == 0 ->
        none_left = (unread == 0 && !is_old);
        wire = MARK_ANSWERED;
        TELL("server answers a mark");
    }
#ifdef MUTANT_STALE_TOKEN
    :: atomic {
        stale != 0 ->
        pick_one(stale);
        stale = stale & ~one;
        mark_one();
        one = 0;
        TELL("the token that was given up is posted");
    }
#endif
    :: atomic {
        belated != 0 ->
        pick_one(belated);
        belated = belated & ~one;
        assert((one & (owed | owed_by_memory)) == 0);
        unread = unread & ~one;
        one = 0;
        TELL("server marks a message, belatedly");
    }
    :: atomic {
        belated != 0 ->
        belated = 0;
        TELL("server never saw that mark");
    }
    od
}

/* -- The administrator and the second consumer ---------------------------- */

proctype others() {
end:
    do
    :: atomic {
        troubles > 0 && (ALL & ~unborn & ~unread) != 0 ->
        trouble();
        pick_one((ALL & ~unborn & ~unread));
        unsend_one();
        one = 0;
        TELL("administrator unsends a message");
    }
    :: atomic {
        troubles > 0 && unread != 0 ->
        trouble();
        pick_one(unread);
        unread = unread & ~one;
        now_taken();
        one = 0;
        TELL("second consumer marks a message");
    }
    :: atomic {
        troubles > 0 && unread != 0 ->
        trouble();
        pick_one(unread);
        now_done_by_another();
        one = 0;
        TELL("another process stores and marks a message");
    }
    od
}

/* -- The database ---------------------------------------------------------- */

proctype storage() {
end:
    do
    :: atomic {
        S.delivery == QUEUED ->
        store_batch();
        TELL("the batch is compared, and stored");
    }
#ifdef MUTANT_ACCEPT_BEFORE_COMMIT
    :: atomic {
        unwritten && S.batch != 0 ->
        store_batch();
        S.delivery = NO_DELIVERY;
        S.stored = KNOWN_STATE;
        unwritten = false
    }
#endif
#ifndef MUTANT_CONFIRMED_IN_MEMORY
    :: atomic {
        S.is_late[1] ->
        store_confirmed(CONFIRMED_1, 1);
        TELL("a confirmed state is stored");
    }
    :: atomic {
        S.is_late[2] ->
        store_confirmed(CONFIRMED_2, 2);
        TELL("a second confirmed state is stored");
    }
#endif
    :: atomic {
        S.is_late[1] && troubles > 0 ->
        trouble();
        S.is_late[1] = false;
        is_lost = true;
        TELL("a confirmed state is not stored");
    }
    od
}

/* -- The client ----------------------------------------------------------- */

inline request_ends() {
    wire = NO_REQUEST;
    answer = 0;
    todo = 0;
    has_marked = false;
    has_resent = false;
    none_left = false
}

inline carry_out() {
    if
    :: action == DELIVER ->
        S.delivery = QUEUED
    :: action == CONFIRM ->
        state_confirm(is_drained);
        state_end()
    :: action == DROP ->
#ifdef MUTANT_STALE_TOKEN
        stale = S.batch;
#endif
        state_drop()
    :: action == CANCEL ->
        request_ends();
        owed_by_answer = 0
    :: action == NO_ACTION
    fi;
    action = NO_ACTION;
    is_drained = false
}

/* Some of it may have been done, and the rest may be done later. */
inline mark_may_be_belated() {
    if
    :: wire == MARK_ASKED && belated == 0 -> belated = todo
    :: true
    fi
}

/* The request was lost, or its answer, or that was an error. */
inline request_fails() {
    event.kind = FAILED;
    if
    :: event.error = TRANSIENT
    :: event.error = TRANSIENT;
        event.too_late = true
    :: event.error = PERMANENT
    :: event.error = REFUSED_KEY
    fi;
    mark_may_be_belated();
    owed_by_answer = 0;
    request_ends()
}

/* Perhaps it has stored the batch all the same. */
inline delivery_fails() {
    S.delivery = NO_DELIVERY;
    if
    :: event.kind = RETRY
    :: event.kind = DROPPED
    :: event.kind = REJECTED
    fi
}

/* What the queue is told when it is added. */
inline queue_start() {
    Q.state = IDLE;
    Q.has_failed = false;
    Q.was_stale = false;
    Q.mark_attempts = 0;
    state_adopt();
#ifdef MUTANT_START_CONFIRMED
    S.k = 0;
    Q.is_unconfirmed = false;
#endif
    now_forgotten()
}

#define IS_PAUSED                                                      \
    (Q.state == PAUSED || Q.state == LAST_DELIVERING ||                \
     Q.state == LAST_MARK_READY || Q.state == LAST_MARKING ||          \
     Q.state == LAST_MARK_WAIT)

proctype client() {
end:
    do
    :: atomic {
        if
        /* A fetch of nothing that nothing waits for changes nothing. */
        :: Q.state == IDLE && (unread != 0 || Q.is_unconfirmed) ->
            event.kind = DUE
        :: Q.state == BACKOFF || Q.state == REFUSED ||
           Q.state == DELIVER_WAIT || Q.state == MARK_WAIT ||
           Q.state == LAST_MARK_WAIT ->
            event.kind = DUE
        :: (Q.state == MARK_READY || Q.state == LAST_MARK_READY) &&
           Q.mark_attempts > 0 ->
            event.kind = DUE; /* the token is too old */
            TELL("client gives the token up");
        :: Q.state == READY ->
            assert(S.batch == 0 && wire == NO_REQUEST);
            wire = FETCH_ASKED;
            event.kind = STARTED
        :: Q.state == MARK_READY || Q.state == LAST_MARK_READY ->
            assert(S.batch != 0 && wire == NO_REQUEST);
            assert((S.batch & (owed | owed_by_memory)) == 0);
            wire = MARK_ASKED;
            todo = S.batch;
            event.kind = STARTED
        :: wire == FETCH_ANSWERED && answer != 0 ->
            S.batch = answer;
            state_evaluate();
            request_ends();
            event.kind = FETCHED
        :: wire == FETCH_ANSWERED && answer == 0 ->
            now_told(known);
            request_ends();
            event.kind = EMPTY
        :: wire == MARK_ANSWERED ->
            event.kind = MARKED;
            event.is_nothing = !has_marked;
            event.is_repeated = has_resent;
            event.unread = (is_old -> NOT_TOLD :
                            (none_left -> NONE_LEFT : SOME_LEFT));
            is_drained = none_left;
            if
            :: none_left ->
                now_told((S.batch | known))
            :: !none_left &&
               (has_marked || has_resent || Q.mark_attempts > 1) ->
                now_told(S.batch)
            :: !none_left && !has_marked && !has_resent &&
               Q.mark_attempts == 1 ->
                owed_by_answer = 0 /* it does not tell what was marked */
            fi;
            request_ends()
        :: wire != NO_REQUEST && troubles > 0 ->
            trouble();
            TELL("the request or its answer is lost");
            request_fails()
#ifdef MUTANT_ACCEPT_BEFORE_COMMIT
        :: S.delivery == QUEUED ->
            S.delivery = NO_DELIVERY;
            unwritten = true;
            state_accept();
            event.kind = ACCEPTED
#endif
        :: S.delivery == STORED ->
            S.delivery = NO_DELIVERY;
            state_accept();
            known = known | S.batch;
            event.kind = ACCEPTED
        :: S.delivery == FOUND_STALE ->
#ifdef MUTANT_REEVALUATED
            state_adopt();
            now_forgotten();
            state_evaluate();
            S.delivery = NO_DELIVERY;
            event.kind = RETRY
#else
            S.delivery = NO_DELIVERY;
            state_adopt();
            now_forgotten();
            event.kind = STALE
#endif
        :: S.delivery == QUEUED && troubles > 0 ->
            trouble();
            TELL("nothing is stored");
            delivery_fails()
        :: S.delivery == STORED && troubles > 0 ->
            trouble();
            TELL("nobody knows whether it was stored");
            delivery_fails()
        :: Q.state == BLOCKED ->
            event.kind = POLL_NOW
        :: troubles > 0 && !IS_PAUSED ->
            trouble();
            event.kind = PAUSE
        :: IS_PAUSED ->
            event.kind = RESUME
        fi;
        queue_step();
        carry_out()
    }
    :: atomic {
        /* The connection was lost, and libcurl sends the token once more. */
        wire == MARK_ANSWERED && !has_resent && troubles > 0 ->
        trouble();
        wire = MARK_ASKED;
        todo = S.batch;
        has_marked = false;
        none_left = false;
        has_resent = true;
        owed_by_answer = 0;
        TELL("libcurl sends the mark again");
    }
    :: atomic {
        /* The queue is removed, and added again. */
        Q.state == PAUSED && troubles > 0 ->
        trouble();
        queue_start();
        TELL("the queue is removed and added again");
    }
    od
}

/* -- The process dies, and starts again from what is durable -------------- */

proctype crash() {
end:
    do
    :: atomic {
        troubles > 0 ->
        trouble();
        mark_may_be_belated();
        request_ends();
        S.delivery = NO_DELIVERY;
        state_drop();
        queue_start();
        TELL("the process dies and starts again");
    }
    od
}

/* -- The end -------------------------------------------------------------- */

proctype judge() {
    timeout ->
    assert(unborn == 0 && unread == 0);
    assert((owed | owed_by_memory | owed_by_answer) == 0);
    assert(Q.state == IDLE && !Q.is_unconfirmed);
    assert(S.batch == 0 && wire == NO_REQUEST && S.delivery == NO_DELIVERY);
    assert(!S.is_late[1] && !S.is_late[2]);
    assert(is_lost || S.stored == OTHER_STATE || told == told_durably)
}

init {
    atomic {
        Q.state = IDLE;
        state_init();
        if
        :: is_old = false
        :: is_old = true
        fi;
        run sender();
        run server();
        run others();
        run storage();
        run client();
        run crash();
        run judge()
    }
}
