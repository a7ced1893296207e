/*
 * lifecycle.pml - pause, resume, give up, removal and stop, whenever they come.
 *
 * One queue (queue.pml) in the poller, without messages: a token is there or
 * not. Everything may happen at any time, and as often as it likes: answers of
 * any kind, verdicts of any kind, commands in any order. Time is one bit, for
 * what a token must not outlive: 60 s since it was first posted.
 *
 * It reaches every state and every edge of the queue, and every line of
 * queue.pml. Its formulas hold for every run in which requests end, waits end,
 * the application answers and turns come (weak fairness):
 *
 *   removed    a removed queue is gone in the end, whatever fails;
 *   stopped    a stopped poller comes to rest, whatever fails;
 *   polls      a queue that is left in peace fetches again and again.
 */

#include "queue.pml"

bool has_token;     /* of the newest fetch; not confirmed, not given up */
bool is_accepted;   /* its batch */
bool is_posted;     /* it, at least once */
bool is_old;        /* posted too long ago */
bool is_fetching;   /* a request is in flight, and which */
bool is_marking;
bool has_app;       /* the application has the batch */

bool is_removing;
bool is_gone;
bool is_stopping;
byte batches_left;  /* as stopped_cb tells */
bool is_calm;       /* no commands any more, and every batch is accepted */

inline drop() {
    assert(has_token);
    has_token = false;
    is_accepted = false;
    is_posted = false;
    is_old = false
}

inline carry_out() {
    if
    :: action == DELIVER ->
        assert(has_token && !has_app);
        has_app = true
    :: action == CONFIRM ->
        Q.is_unconfirmed = false;
        if
        :: is_stopping ->
            assert(batches_left == 1);
            batches_left--
        :: else
        fi;
        if
        :: has_token -> drop() /* not after an empty fetch */
        :: else
        fi
    :: action == DROP ->
        if
        :: has_token -> drop()
        :: else
        fi
    :: action == CANCEL ->
        assert(is_fetching || is_marking);
        if
        :: is_marking -> drop()
        :: else
        fi;
        is_fetching = false;
        is_marking = false
    :: action == NO_ACTION
    fi;
    action = NO_ACTION;
    is_gone = is_removing && Q.state == PAUSED
}

inline step() {
    queue_step();
    carry_out();
    assert(has_token == HAS_BATCH(Q.state));
    assert(is_fetching == (Q.state == FETCHING));
    assert(is_marking == (Q.state == MARKING || Q.state == LAST_MARKING));
    assert(has_app == (Q.state == DELIVERING || Q.state == LAST_DELIVERING))
}

/* A state's wait is over. */
proctype timer() {
end:
    do
    :: atomic {
        Q.state == IDLE || Q.state == BACKOFF || Q.state == REFUSED ||
        Q.state == DELIVER_WAIT || Q.state == MARK_WAIT ||
        Q.state == LAST_MARK_WAIT ||
        ((Q.state == MARK_READY || Q.state == LAST_MARK_READY) && is_old) ->
        event.kind = DUE;
        step()
    }
    od
}

/* The queue's turn. */
proctype turn() {
end:
    do
    :: atomic {
#ifndef MUTANT_OLD_TOKEN_HAS_TURNS
        Q.state == READY ||
        ((Q.state == MARK_READY || Q.state == LAST_MARK_READY) && !is_old) ->
#else
        Q.state == READY || Q.state == MARK_READY ||
        Q.state == LAST_MARK_READY ->
#endif
        event.kind = STARTED;
        if
        :: Q.state == READY ->
            assert(!has_token && !is_removing && !is_stopping);
            is_fetching = true
        :: else ->
            assert(has_token && is_accepted && !is_old);
            is_marking = true;
            is_posted = true
        fi;
        step()
    }
    od
}

/* The request in flight ends. */
proctype network() {
end:
    do
    :: atomic {
        is_fetching || is_marking ->
        if
        :: event.kind = FAILED;
            if
            :: event.error = TRANSIENT
            :: is_marking ->
                event.error = TRANSIENT;
                event.too_late = true
            :: event.error = PERMANENT
            :: event.error = REFUSED_KEY
            fi
        :: is_fetching ->
            event.kind = EMPTY
        :: is_fetching ->
            assert(!has_token);
            has_token = true;
            event.kind = FETCHED
        :: is_marking ->
            event.kind = MARKED;
            if
            :: event.unread = NOT_TOLD
            :: event.unread = NONE_LEFT
            :: event.unread = SOME_LEFT
            fi;
            if
            :: event.is_nothing = true
            :: true
            fi;
            if
            :: event.is_repeated = true
            :: true
            fi
        fi;
        is_fetching = false;
        is_marking = false;
        step()
    }
    od
}

/* The application answers. */
proctype application() {
end:
    do
    :: atomic {
        has_app ->
        assert(Q.state == DELIVERING || Q.state == LAST_DELIVERING);
        has_app = false;
        if
        :: event.kind = ACCEPTED;
            is_accepted = true;
            Q.is_unconfirmed = true
        :: !is_calm ->
            event.kind = RETRY
        :: !is_calm ->
            event.kind = STALE
        :: !is_calm ->
            event.kind = DROPPED
        :: !is_calm ->
            event.kind = REJECTED
        fi;
        step()
    }
    od
}

/* Time passes. */
proctype clock() {
end:
    do
#ifndef MUTANT_MARKS_FOR_EVER
    :: atomic {
        is_posted && !is_old ->
        is_old = true
    }
#else
    :: false
#endif
    od
}

/* Commands, by the application or by an operator. */
proctype commands() {
end:
    do
    :: atomic {
        if
        :: !is_calm -> event.kind = PAUSE
#ifndef MUTANT_RESUMES_REMOVED
        :: !is_calm && !is_removing && !is_stopping -> event.kind = RESUME
#else
        :: !is_calm && !is_stopping -> event.kind = RESUME
#endif
        :: !is_calm -> event.kind = GIVE_UP
        :: !is_calm -> event.kind = POLL_NOW
        :: !is_calm -> event.kind = NEW_KEY
        :: !is_calm && !is_removing ->
            is_removing = true;
            event.kind = PAUSE
        :: !is_calm && !is_stopping ->
            is_stopping = true;
            batches_left = HAS_BATCH(Q.state);
            event.kind = PAUSE
        fi;
        step()
    }
    :: atomic {
        /* What was paused is resumed, and what is blocked is seen to. */
        !is_calm && Q.state != BLOCKED &&
        (is_removing || is_stopping ||
         (Q.state != PAUSED && Q.state != LAST_DELIVERING &&
          Q.state != LAST_MARK_READY && Q.state != LAST_MARKING &&
          Q.state != LAST_MARK_WAIT)) ->
        is_calm = true
    }
    od
}

init {
    atomic {
        /* An application knows of an earlier run, or does not. */
        if
        :: Q.is_unconfirmed = true
        :: true
        fi;
        Q.state = IDLE;
        run timer();
        run turn();
        run network();
        run application();
        run clock();
        run commands()
    }
}

ltl removed { [] (is_removing -> <> is_gone) }
ltl stopped { [] (is_stopping -> <> (Q.state == PAUSED)) }
ltl polls {
    [] (is_calm && !is_removing && !is_stopping -> <> (Q.state == FETCHING))
}
