/*
 * hosts.pml - two hosts poll one queue, both of them all the time: is every
 * message stored exactly once, and marked only after that, although nothing but
 * the comparison of states stands between them?
 *
 * Each host has the queue (queue.pml), what it knows of its state (state.pml),
 * and one request. There are no leases here, and no clock: a host that is
 * suspended, or that was taken over from, is one that does nothing for a while,
 * which is among the orders of events. What it had begun is then carried out
 * late: a request at the server, a transaction at the database.
 *
 * As in delivery.pml, whatever goes wrong costs one of TROUBLES.
 *
 * What is promised: a message is *owed* from its arrival, and again from an
 * unsend, until it is stored. None is marked while it is owed, nor before it
 * was stored at all; none is stored more often than it was sent; in the end
 * nothing is owed. Of an unsend this is promised only if it is known that the
 * message was marked, and if nobody can mark it by an older token:
 *
 *   - NOT_CONFIRMED: no stored state says that its mark was confirmed, so that
 *     it looks like a repeat (NEVER_TOLD and FORGOTTEN of promise.pml);
 *   - BELATED: the server has yet to carry out a mark that its client has
 *     stopped waiting for;
 *   - LATE_MARK: a host has stored the message and has yet to post its token,
 *     while the other one has stored that it is confirmed.
 */

#ifndef TROUBLES
#define TROUBLES 2
#endif
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef BATCH_MAX
#define BATCH_MAX 2
#endif

#define QUEUES 2 /* the same one, at two hosts */

#include "queue.pml"

#define ALL ((1 << MESSAGES) - 1)

bool is_drained; /* the newest mark: nothing is unread */

byte troubles = TROUBLES;

/* -- The server ----------------------------------------------------------- */

byte unborn = ALL;
byte unread;
byte belated;        /* of a mark that was given up: may yet be marked */

/* -- The wires: one request of each host ---------------------------------- */

mtype:wire = { NO_REQUEST, FETCH_ASKED, FETCH_ANSWERED, MARK_ASKED,
    MARK_ANSWERED };
typedef wire_t {
    mtype:wire wire;
    byte answer;     /* messages of a fetch */
    byte todo;       /* of the mark: not yet marked */
    bool has_marked; /* the mark has changed something */
    bool none_left;  /* answer to the mark: nothing is unread */
};
wire_t w[QUEUES];
#define W w[who]

byte one; /* scratch: 0 between steps */

/* -- A transaction whose host does not wait for it any more ---------------- */

typedef orphan_t {
    bool is_there;
    bool is_held;    /* the host has kept the batch, and may commit it again */
    bool is_current; /* the stored state is one that it may follow */
    byte confirms;   /* of the state, when the batch was fetched */
    byte keys;       /* of its state */
    byte fresh;      /* its new messages */
};
orphan_t o[QUEUES];
#define O o[who]

#include "state.pml"

/* -- What is promised ----------------------------------------------------- */

byte owed;           /* to be stored before it may be marked */
byte may_store;      /* sent, and not stored since */
byte rows;           /* stored at all */

inline now_confirmed(number) {
    skip
}

inline now_confirmed_durably(number) {
    o[0].is_current = o[0].is_current && who == 0 && (number) <= O.confirms;
    o[1].is_current = o[1].is_current && who == 1 && (number) <= O.confirms
}

inline now_batch_is_durable() {
    o[0].is_current = false;
    o[1].is_current = false
}

inline now_new(messages) {
    assert(((messages) & ~may_store) == 0);
    may_store = may_store & ~(messages);
    owed = owed & ~(messages);
    rows = rows | (messages)
}

inline now_stored() {
    now_new(S.fresh)
}

/* It has been fetched, and may be stored. */
#define IS_FETCHED(i) \
    (((one & w[i].answer) | (one & s[i].fresh) | (one & o[i].fresh)) != 0)

/* The server marks it, by whichever token. What nobody has fetched yet, nobody
 * will. */
inline mark_one() {
    assert((one & owed) == 0);
    assert((one & rows) != 0);
    unread = unread & ~one;
    if
    :: IS_FETCHED(0) || IS_FETCHED(1)
    :: else -> may_store = may_store & ~one
    fi
}

/* A token that will be posted, unless the host gives it up. */
#define HAS_TOKEN(i) \
    ((one & s[i].batch) != 0 && (s[i].is_accepted || s[i].delivery == STORED))

inline unsend_one() {
    unread = unread | one;
    may_store = may_store | one;
    if
    :: (one & stored_keys) != 0 -> skip /* NOT_CONFIRMED */
    :: (one & stored_keys) == 0 && (one & belated) != 0 -> skip /* BELATED */
    :: (one & (stored_keys | belated)) == 0 ->
#ifndef MUTANT_LATE_MARK_IS_HARMLESS
        if
        :: HAS_TOKEN(0) || HAS_TOKEN(1) -> skip /* LATE_MARK */
        :: else -> owed = owed | one
        fi
#else
        owed = owed | one
#endif
    fi
}

/* -- Tools ---------------------------------------------------------------- */

#define TELL(text)                                                      \
    c_code {                                                            \
        tell("host %d", now.who);                                       \
        tell_sets(text, now.unread, SEEN_STATE.batch, SEEN_STATE.k,     \
                  now.stored_keys, SEEN_STATE.stored);                  \
    }

inline trouble() {
    troubles--
}

inline pick_one(from_set) {
    if
    :: (from_set & 1) != 0 -> one = 1
    :: (from_set & 2) != 0 -> one = 2
    fi
}

/* -- Messages arrive, and are sent again ----------------------------------- */

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
    :: atomic {
        troubles > 0 && (ALL & ~unborn & ~unread) != 0 ->
        trouble();
        pick_one((ALL & ~unborn & ~unread));
        unsend_one();
        one = 0;
        TELL("administrator unsends a message");
    }
    od
}

/* -- The server answers --------------------------------------------------- */

proctype server(byte me) {
end:
    do
    :: atomic {
        w[me].wire == FETCH_ASKED ->
        who = me;
        /* Any of them, up to the limit: their order is not certain. */
        if
        :: (unread & 1) != 0 -> W.answer = 1
        :: (unread & 2) != 0 -> W.answer = 2
        :: BATCH_MAX >= 2 && (unread & 3) == 3 -> W.answer = 3
        :: unread == 0
        fi;
        W.wire = FETCH_ANSWERED;
        TELL("server answers a fetch");
        who = 0
    }
    :: atomic {
        w[me].wire == MARK_ASKED && w[me].todo != 0 ->
        who = me;
        pick_one(W.todo);
        W.todo = W.todo & ~one;
        W.has_marked = W.has_marked || (one & unread) != 0;
        mark_one();
        one = 0;
        TELL("server marks a message");
        who = 0
    }
    :: atomic {
        w[me].wire == MARK_ASKED && w[me].todo == 0 ->
        who = me;
        W.none_left = (unread == 0);
        W.wire = MARK_ANSWERED;
        TELL("server answers a mark");
        who = 0
    }
    od
}

proctype late_server() {
end:
    do
    :: atomic {
        belated != 0 ->
        pick_one(belated);
        belated = belated & ~one;
        mark_one();
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

/* -- The database ---------------------------------------------------------- */

inline orphan_ends() {
    O.is_there = false;
    O.is_held = false;
    O.is_current = false;
    O.confirms = 0;
    O.keys = 0;
    O.fresh = 0
}

/* A transaction that nobody waits for: it compares, and stores, like any. */
inline commit_orphan() {
    if
#ifdef MUTANT_STATE_NOT_COMPARED
    :: true ->
#else
    :: O.is_current ->
#endif
        stored_keys = O.keys;
        now_new(O.fresh);
        S.stored = (O.is_held -> BATCH_STATE : OTHER_STATE);
        others_are_behind();
        now_batch_is_durable()
#ifndef MUTANT_STATE_NOT_COMPARED
    :: else
#endif
    fi;
    orphan_ends()
}

proctype storage(byte me) {
end:
    do
    :: atomic {
        s[me].delivery == QUEUED ->
        who = me;
        store_batch();
        TELL("the batch is compared, and stored");
        who = 0
    }
    :: atomic {
        s[me].is_late[1] ->
        who = me;
        store_confirmed(CONFIRMED_1, 1);
        TELL("a confirmed state is stored");
        who = 0
    }
    :: atomic {
        s[me].is_late[2] ->
        who = me;
        store_confirmed(CONFIRMED_2, 2);
        TELL("a second confirmed state is stored");
        who = 0
    }
    :: atomic {
        o[me].is_there ->
        who = me;
        commit_orphan();
        TELL("a transaction is carried out late");
        who = 0
    }
    :: atomic {
        o[me].is_there ->
        who = me;
        orphan_ends();
        TELL("that transaction never was");
        who = 0
    }
    od
}

/* -- A host ---------------------------------------------------------------- */

inline request_ends() {
    W.wire = NO_REQUEST;
    W.answer = 0;
    W.todo = 0;
    W.has_marked = false;
    W.none_left = false
}

/* Some of it may have been done, and the rest may be done later. */
inline mark_may_be_belated() {
    if
    :: W.wire == MARK_ASKED && belated == 0 -> belated = W.todo
    :: true
    fi
}

/* The batch is dropped; what may still become of its transaction, may. */
inline batch_drop() {
    O.is_held = false;
    state_drop()
}

inline carry_out() {
    if
    :: action == DELIVER ->
        S.delivery = QUEUED
    :: action == CONFIRM ->
        O.is_held = false;
        state_confirm(is_drained);
        state_end()
    :: action == DROP ->
        batch_drop()
    :: action == CANCEL ->
        mark_may_be_belated();
        request_ends();
        batch_drop()
    :: action == NO_ACTION
    fi;
    action = NO_ACTION;
    is_drained = false
}

/* The request was lost, or its answer, or that was an error. */
inline request_fails() {
    event.kind = FAILED;
    if
    :: event.error = TRANSIENT
    :: event.error = TRANSIENT;
        event.too_late = true
    :: event.error = PERMANENT
    fi;
    mark_may_be_belated();
    request_ends()
}

/* The host does not wait for the transaction. It is carried out, or not. */
inline delivery_is_left() {
    if
    :: S.delivery == QUEUED && !O.is_there ->
        O.is_there = true;
        O.is_held = true;
        O.is_current = IS_CURRENT(BATCH_STATE);
        O.confirms = S.confirms;
        O.keys = S.batch | S.leftovers;
        O.fresh = S.fresh
    :: true
    fi;
    S.delivery = NO_DELIVERY
}

/* What the queue is told when it is added. */
inline queue_start() {
    Q.state = IDLE;
    Q.has_failed = false;
    Q.was_stale = false;
    Q.mark_attempts = 0;
    O.confirms = 0;
    state_adopt()
}

#define IS_PAUSED(state)                                               \
    (state == PAUSED || state == LAST_DELIVERING ||                    \
     state == LAST_MARK_READY || state == LAST_MARKING ||              \
     state == LAST_MARK_WAIT)
#define IS_LAST_MARK(state)                                            \
    (state == LAST_MARK_READY || state == LAST_MARKING ||              \
     state == LAST_MARK_WAIT)

proctype host(byte me) {
end:
    do
    :: atomic {
        if
        /* A fetch of nothing that nothing waits for changes nothing. */
        :: q[me].state == IDLE && (unread != 0 || q[me].is_unconfirmed) ->
            who = me;
            event.kind = DUE
        :: q[me].state == BACKOFF || q[me].state == DELIVER_WAIT ||
           q[me].state == MARK_WAIT || q[me].state == LAST_MARK_WAIT ->
            who = me;
            event.kind = DUE
        :: (q[me].state == MARK_READY || q[me].state == LAST_MARK_READY) &&
           q[me].mark_attempts > 0 ->
            who = me;
            event.kind = DUE; /* the token is too old */
            TELL("the token is given up");
        :: q[me].state == READY ->
            who = me;
            assert(S.batch == 0 && W.wire == NO_REQUEST);
            W.wire = FETCH_ASKED;
            event.kind = STARTED
        :: q[me].state == MARK_READY || q[me].state == LAST_MARK_READY ->
            who = me;
            assert(S.batch != 0 && W.wire == NO_REQUEST);
            W.wire = MARK_ASKED;
            W.todo = S.batch;
            event.kind = STARTED
        :: w[me].wire == FETCH_ANSWERED && w[me].answer != 0 ->
            who = me;
            S.batch = W.answer;
            state_evaluate();
            request_ends();
            event.kind = FETCHED
        :: w[me].wire == FETCH_ANSWERED && w[me].answer == 0 ->
            who = me;
            request_ends();
            event.kind = EMPTY
        :: w[me].wire == MARK_ANSWERED ->
            who = me;
            event.kind = MARKED;
            event.is_nothing = !W.has_marked;
            event.unread = (W.none_left -> NONE_LEFT : SOME_LEFT);
            is_drained = W.none_left;
            request_ends()
        :: w[me].wire != NO_REQUEST && troubles > 0 ->
            who = me;
            trouble();
            TELL("the request or its answer is lost");
            request_fails()
        :: s[me].delivery == STORED ->
            who = me;
            S.delivery = NO_DELIVERY;
            state_accept();
            event.kind = ACCEPTED
        :: s[me].delivery == FOUND_STALE ->
            who = me;
            S.delivery = NO_DELIVERY;
            O.confirms = 0;
            O.is_held = false;
            state_adopt();
            event.kind = STALE
        :: (s[me].delivery == QUEUED || s[me].delivery == STORED) &&
           troubles > 0 ->
            who = me;
            trouble();
            TELL("nobody knows whether it will be stored");
            delivery_is_left();
            if
            :: event.kind = RETRY
            :: event.kind = DROPPED
            fi
        :: troubles > 0 && !IS_PAUSED(q[me].state) ->
            who = me;
            trouble();
            event.kind = PAUSE /* the slot of the queue is drained, or lost */
        :: IS_LAST_MARK(q[me].state) ->
            who = me;
            event.kind = GIVE_UP
        fi;
        queue_step();
        carry_out();
        who = 0
    }
    :: atomic {
        q[me].state == PAUSED ->
        who = me;
        queue_start();
        TELL("the host polls the queue again");
        who = 0
    }
    :: atomic {
        troubles > 0 ->
        who = me;
        trouble();
        mark_may_be_belated();
        request_ends();
        delivery_is_left();
        batch_drop();
        queue_start();
        TELL("the process dies and starts again");
        who = 0
    }
    od
}

/* -- The end -------------------------------------------------------------- */

proctype judge() {
    timeout ->
    assert(unborn == 0 && unread == 0 && owed == 0);
    assert(q[0].state == IDLE && q[1].state == IDLE);
    assert(!q[0].is_unconfirmed && !q[1].is_unconfirmed);
    assert(s[0].batch == 0 && s[1].batch == 0)
}

init {
    atomic {
        who = 1;
        Q.state = IDLE;
        state_init();
        W.wire = NO_REQUEST;
        who = 0;
        Q.state = IDLE;
        state_init();
        W.wire = NO_REQUEST;
        run sender();
        run server(0);
        run server(1);
        run late_server();
        run storage(0);
        run storage(1);
        run host(0);
        run host(1);
        run judge()
    }
}
