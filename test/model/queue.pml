/*
 * queue.pml - src/core/queue.c, event by event: what queue_step() does, in the
 * same words. A model sets event, calls queue_step() and carries action out.
 *
 * What it leaves out is time: a wait is over whenever the model says so, and
 * whether a mark can still be repeated in time is a choice (event.too_late).
 * Of counts it keeps what decides: mark attempts up to their maximum, failures
 * as none or some, unread as none, some or not told.
 */

mtype:queue_state = { no_state
#define QUEUE_STATE(name) , name
#include "table.h"
};

mtype:event_kind = { NO_EVENT, DUE, STARTED, FETCHED, EMPTY, FAILED, ACCEPTED,
    RETRY, STALE, DROPPED, REJECTED, MARKED, PAUSE, RESUME, GIVE_UP, POLL_NOW,
    NEW_KEY };
mtype:failure = { NO_FAILURE, TRANSIENT, PERMANENT, REFUSED_KEY };
mtype:unread_answer = { NOT_TOLD, NONE_LEFT, SOME_LEFT };
mtype:queue_action = { NO_ACTION, DELIVER, CONFIRM, DROP, CANCEL };

#define MARK_ATTEMPTS_MAX 2

typedef queue_t {
    mtype:queue_state state;
    bool is_unconfirmed; /* K is not empty; the model's to set */
    bool has_failed;    /* failures > 0 */
    bool was_stale;     /* and the newest is HAPLO_ESTALE */
    bool key_proven;
    byte mark_attempts; /* 0 where there is no batch */
};

/* All of this has its first value again when a step is over. */
typedef event_t {
    mtype:event_kind kind;
    mtype:failure error;
    bool too_late;                 /* FAILED: to repeat the mark in time */
    bool is_nothing;               /* MARKED: count is 0 */
    bool is_repeated;              /* MARKED: libcurl has sent it twice */
    mtype:unread_answer unread;    /* MARKED */
};

#ifndef QUEUES
#define QUEUES 1
#endif

queue_t q[QUEUES];
event_t event;
mtype:queue_action action = NO_ACTION;
byte who;                /* whose step */

#define Q q[who]

#define IN_FLIGHT(state) \
    (state == FETCHING || state == MARKING || state == LAST_MARKING)
#define HAS_BATCH(state)                                      \
    (state == DELIVERING || state == DELIVER_WAIT ||          \
     state == MARK_READY || state == MARKING ||               \
     state == MARK_WAIT || state == LAST_DELIVERING ||        \
     state == LAST_MARK_READY || state == LAST_MARKING ||     \
     state == LAST_MARK_WAIT)

c_decl {
\#include "record.h"
};

/* What the C code of record.h wants to know of a queue. */
#define SEEN_QUEUE(queue) \
    (struct seen_queue) { queue.state, queue.is_unconfirmed, \
    queue.has_failed, queue.was_stale, queue.mark_attempts }

/* The one place that writes the state: over an edge of table.h only. */
inline enter(to) {
    c_code { record_from(now.q[now.who].state); };
    Q.state = to;
    c_code { record_to(now.who, now.q[now.who].state); };
    assert(c_expr { record_is_edge })
}

inline fail() {
    Q.has_failed = true;
    Q.was_stale = false
}

inline on_due() {
    if
    :: Q.state == IDLE || Q.state == BACKOFF || Q.state == REFUSED ->
        enter(READY)
    :: Q.state == DELIVER_WAIT ->
        enter(DELIVERING);
        action = DELIVER
    :: Q.state == MARK_WAIT ->
        enter(MARK_READY)
    :: Q.state == LAST_MARK_WAIT ->
        enter(LAST_MARK_READY)
    :: Q.state == MARK_READY ->
        Q.has_failed = true;
        enter(BACKOFF);
        action = DROP
    :: Q.state == LAST_MARK_READY ->
        Q.has_failed = true;
        enter(PAUSED);
        action = DROP
    fi
}

inline on_started() {
    if
    :: Q.state == READY ->
        enter(FETCHING)
    :: Q.state == MARK_READY ->
        Q.mark_attempts++;
        enter(MARKING)
    :: Q.state == LAST_MARK_READY ->
        Q.mark_attempts++;
        enter(LAST_MARKING)
    fi
}

inline on_fetched() {
    assert(Q.state == FETCHING);
    enter(DELIVERING);
    action = DELIVER
}

inline on_empty() {
    assert(Q.state == FETCHING);
    action = DROP;
#ifndef MUTANT_EMPTY_CONFIRMS_NOTHING
    if
    :: Q.is_unconfirmed -> action = CONFIRM
    :: else
    fi;
#endif
    Q.has_failed = false;
    Q.was_stale = false;
    enter(IDLE)
}

inline on_fetch_failed() {
    fail();
    if
    :: event.error == REFUSED_KEY -> enter(REFUSED)
    :: else -> enter(BACKOFF)
    fi;
    action = DROP
}

inline on_mark_failed() {
    Q.was_stale = false;
    if
#ifndef MUTANT_MARKS_FOR_EVER
    :: event.error == TRANSIENT && Q.mark_attempts < MARK_ATTEMPTS_MAX &&
       !event.too_late ->
#else
    :: event.error == TRANSIENT ->
        Q.mark_attempts = 1;
#endif
        if
        :: Q.state == LAST_MARKING -> enter(LAST_MARK_WAIT)
        :: else -> enter(MARK_WAIT)
        fi
    :: else ->
        if
        :: Q.state == LAST_MARKING -> enter(PAUSED)
        :: Q.state == MARKING && event.error == REFUSED_KEY && !Q.has_failed ->
            enter(READY)
        :: Q.state == MARKING && event.error == REFUSED_KEY && Q.has_failed ->
            enter(REFUSED)
        :: else -> enter(BACKOFF)
        fi;
        Q.has_failed = true;
#ifdef MUTANT_GIVEN_UP_IS_CONFIRMED
        action = CONFIRM
#else
        action = DROP
#endif
    fi
}

inline on_failed() {
    assert(IN_FLIGHT(Q.state));
    if
    :: Q.state == FETCHING -> on_fetch_failed()
    :: else -> on_mark_failed()
    fi
}

inline on_accepted() {
    if
    :: Q.state == DELIVERING -> enter(MARK_READY)
    :: Q.state == LAST_DELIVERING -> enter(LAST_MARK_READY)
    fi
}

inline on_stale() {
    if
    :: Q.state == LAST_DELIVERING -> enter(PAUSED)
    :: Q.state == DELIVERING && !Q.was_stale -> enter(READY)
    :: Q.state == DELIVERING && Q.was_stale -> enter(BACKOFF)
    fi;
    Q.has_failed = true;
    Q.was_stale = true;
    action = DROP
}

inline on_dropped() {
    fail();
    if
    :: Q.state == DELIVERING -> enter(BACKOFF)
    :: Q.state == LAST_DELIVERING -> enter(PAUSED)
    fi;
    action = DROP
}

inline on_rejected() {
    fail();
    if
    :: Q.state == DELIVERING -> enter(BLOCKED)
    :: Q.state == LAST_DELIVERING -> enter(PAUSED)
    fi;
    action = DROP
}

inline on_retry() {
    Q.was_stale = false;
    if
    :: Q.state == LAST_DELIVERING ->
        enter(PAUSED);
        action = DROP
    :: else ->
        enter(DELIVER_WAIT)
    fi
}

inline on_marked() {
    assert(Q.state == MARKING || Q.state == LAST_MARKING);
    if
    :: Q.mark_attempts == 1 && !event.is_repeated && event.is_nothing &&
       event.unread != NONE_LEFT ->
        fail();
        if
        :: Q.state == LAST_MARKING -> enter(PAUSED)
        :: else -> enter(BACKOFF)
        fi;
        action = DROP
    :: else ->
        Q.has_failed = false;
        Q.was_stale = false;
        if
        :: Q.state == LAST_MARKING -> enter(PAUSED)
        :: Q.state == MARKING && event.unread == NONE_LEFT -> enter(IDLE)
        :: else -> enter(READY)
        fi;
        action = CONFIRM
    fi
}

inline on_pause() {
    if
    :: Q.state == DELIVERING -> enter(LAST_DELIVERING)
    :: Q.state == MARK_READY -> enter(LAST_MARK_READY)
#ifndef MUTANT_PAUSE_IS_FORGOTTEN
    :: Q.state == MARKING -> enter(LAST_MARKING)
#endif
    :: Q.state == MARK_WAIT -> enter(LAST_MARK_WAIT)
    :: Q.state == DELIVER_WAIT ->
        enter(PAUSED);
        action = DROP
    :: Q.state == FETCHING ->
        enter(PAUSED);
        action = CANCEL
    :: Q.state == IDLE || Q.state == READY || Q.state == BACKOFF ||
       Q.state == REFUSED || Q.state == BLOCKED ->
        enter(PAUSED)
    :: else
    fi
}

inline on_resume() {
    if
    :: Q.state == PAUSED -> enter(READY)
    :: Q.state == LAST_DELIVERING -> enter(DELIVERING)
    :: Q.state == LAST_MARK_READY -> enter(MARK_READY)
    :: Q.state == LAST_MARKING -> enter(MARKING)
    :: Q.state == LAST_MARK_WAIT -> enter(MARK_WAIT)
    :: else
    fi
}

inline on_give_up() {
    if
    :: Q.state == LAST_MARK_READY || Q.state == LAST_MARK_WAIT ->
        enter(PAUSED);
        action = DROP
    :: Q.state == LAST_MARKING ->
        enter(PAUSED);
        action = CANCEL
    :: else
    fi
}

inline on_poll_now() {
    if
    :: Q.state == IDLE || Q.state == BACKOFF || Q.state == REFUSED ||
       Q.state == BLOCKED ->
        enter(READY)
#ifdef MUTANT_SECOND_TOKEN
    :: Q.state == MARK_WAIT ->
        Q.state = BACKOFF;
        enter(READY)
#endif
    :: else
    fi
}

inline on_new_key() {
    Q.key_proven = false;
    if
    :: Q.state == REFUSED -> enter(READY)
    :: else
    fi
}

/* spin counts the lines that it reached in an atomic sequence only. */
#ifdef COUNT_LINES
#define UNBROKEN atomic
#else
#define UNBROKEN d_step
#endif

inline queue_step() {
    UNBROKEN {
        c_code {
            record_step_begin(SEEN_QUEUE(now.q[now.who]));
        };
        if
        :: event.kind == DUE -> on_due()
        :: event.kind == STARTED -> on_started()
        :: event.kind == FETCHED -> on_fetched()
        :: event.kind == EMPTY -> on_empty()
        :: event.kind == FAILED -> on_failed()
        :: event.kind == ACCEPTED -> on_accepted()
        :: event.kind == RETRY -> on_retry()
        :: event.kind == STALE -> on_stale()
        :: event.kind == DROPPED -> on_dropped()
        :: event.kind == REJECTED -> on_rejected()
        :: event.kind == MARKED -> on_marked()
        :: event.kind == PAUSE -> on_pause()
        :: event.kind == RESUME -> on_resume()
        :: event.kind == GIVE_UP -> on_give_up()
        :: event.kind == POLL_NOW -> on_poll_now()
        :: event.kind == NEW_KEY -> on_new_key()
        fi;
        Q.mark_attempts = (HAS_BATCH(Q.state) -> Q.mark_attempts : 0);
        c_code {
            record_step_end(
                (struct seen_event) { now.event.kind, now.event.error,
                    now.event.too_late, now.event.is_nothing,
                    now.event.is_repeated, now.event.unread, now.action },
                SEEN_QUEUE(now.q[now.who]));
        };
        event.kind = NO_EVENT;
        event.error = NO_FAILURE;
        event.too_late = false;
        event.is_nothing = false;
        event.is_repeated = false;
        event.unread = NOT_TOLD
    }
}
