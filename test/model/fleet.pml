/*
 * fleet.pml - src/fleet/fleet.c for one slot, event by event, in the same
 * words. There are two hosts, and the slot's rendezvous score is higher for
 * host 0. A model sets what a reply shows and calls fleet_replied() and so on.
 *
 * Time is counted in ticks. What is left out: when requests are due, and how
 * many slots begin to move in a second. A request, and a planned move, may come
 * at any moment.
 */

mtype:fleet_state = { no_fleet_state, OUTSIDE, MEMBER, LEAVING, LEFT };
mtype:slot_state = { no_slot_state, ELSEWHERE, OWN, DRAINING, DRAINED };
mtype:whose = { NO_ONE, SELF, OTHER }; /* as seen from a host */
mtype:fleet_request = { NO_REQUEST, JOIN, RENEW, LEAVE };
mtype:fleet_move = { NO_MOVE, TO_NO_ONE, TO_SELF, TO_OTHER };

#ifndef TTL
#define TTL 3
#endif
#define MARGIN 1
#define GRACE 1
#define HOSTS 2

typedef fleet_t {
    mtype:fleet_state state;
    mtype:slot_state slot;
    mtype:whose owner;     /* of the slot, as shown */
    mtype:whose desired;   /* its owner */
    bool is_asking;
    bool must_leave;
    byte lease;            /* ticks until the membership ends, at the earliest */
    byte asked_ago;        /* ticks since the request was sent */
    bool has_term;         /* it knows the term of its membership */
    bool has_slot_term;    /* it knows the newest term of the slot */
};
fleet_t f[HOSTS];
byte who;                  /* whose step */
#define F f[who]

/* What a reply shows. */
typedef shown_t {
    bool is_member;
    mtype:whose owner;
    bool is_same_term;     /* of the slot, as in the reply before */
    bool self_drains;      /* this host is to have no slots */
    bool other_takes_part; /* the other host is alive, and is to have slots */
};
shown_t shown;

/* What the host is told by its fleet, in this order. */
bool does_lose;
bool does_gain;
bool does_drain;

/* The request. */
mtype:fleet_request kind = NO_REQUEST;
mtype:fleet_move move = NO_MOVE;
bool does_claim;           /* the slot, if it may */

c_decl {
\#include "record.h"
};

#define SEEN_FLEET                                                      \
    (struct seen_fleet) { now.f[now.who].state, now.f[now.who].slot,    \
    now.f[now.who].owner, now.f[now.who].desired,                       \
    now.f[now.who].must_leave }
#define SEEN_CALLS                                                      \
    (struct seen_calls) { now.does_lose, now.does_gain, now.does_drain }

#define MAY_BEGIN(i) (f[i].lease > MARGIN)
#define IS_WORKING(i) (f[i].slot == OWN || f[i].slot == DRAINING)

/* spin counts the lines that it reached in an atomic sequence only. */
#ifdef COUNT_LINES
#define UNBROKEN atomic
#else
#define UNBROKEN d_step
#endif

inline step_begins() {
    c_code { record_fleet_begin(now.who, SEEN_FLEET); };
}

/* -- The slot ------------------------------------------------------------- */

inline lose() {
    does_lose = does_lose || IS_WORKING(who);
    F.slot = ELSEWHERE
}

/* What is under way will not be waited for. */
inline lose_unless_drained() {
    if
    :: IS_WORKING(who) -> lose()
    :: else
    fi;
    F.lease = 0
}

inline gain() {
    does_gain = true;
    F.slot = OWN
}

inline drain() {
    does_drain = true;
    F.slot = DRAINING
}

#define TAKES_PART (F.state == MEMBER && !shown.self_drains)

inline place(self_takes_part) {
    F.desired = ((self_takes_part) && !(shown.other_takes_part && who == 1) ->
                 SELF : (shown.other_takes_part -> OTHER : NO_ONE))
}

#define MAY_STAY (F.state == MEMBER && F.desired != OTHER)

/* The slot has had another owner in the meantime. */
inline notice_term() {
#ifndef MUTANT_TERM_NOT_COMPARED
    if
    :: !shown.is_same_term -> lose()
    :: else
    fi
#else
    skip
#endif
}

inline take_slot() {
    if
#ifdef MUTANT_DESIRED_IS_EFFECTIVE
    :: F.state == MEMBER && F.desired == SELF && F.slot == ELSEWHERE ->
        gain()
    :: F.owner != SELF && F.desired != SELF ->
        lose()
#else
    :: F.owner != SELF ->
        lose()
#endif
    :: F.owner == SELF && F.slot == ELSEWHERE && F.state == MEMBER ->
        gain()
    :: F.owner == SELF && F.slot == ELSEWHERE && F.state != MEMBER ->
        F.slot = DRAINED
    :: F.owner == SELF && (F.slot == DRAINING || F.slot == DRAINED) &&
       MAY_STAY ->
        gain()
    :: else
    fi
}

/* -- Events --------------------------------------------------------------- */

inline be_outside() {
    lose();
    F.state = (F.state == LEAVING -> LEFT : OUTSIDE);
    F.lease = 0
}

inline be_member() {
    F.state = (F.state == OUTSIDE -> MEMBER : F.state);
#ifndef MUTANT_COUNTED_FROM_RESPONSE
    F.lease = TTL - F.asked_ago
#else
    F.lease = TTL
#endif
}

inline take_view() {
    F.owner = shown.owner;
    place(TAKES_PART);
    notice_term();
    take_slot()
}

inline fleet_replied() {
    UNBROKEN {
        step_begins();
        F.is_asking = false;
        if
        :: !shown.is_member -> be_outside()
        :: shown.is_member -> be_member(); take_view()
        fi;
        c_code {
            record_fleet_replied(
                (struct seen_shown) { now.shown.is_member, now.shown.owner,
                    now.shown.is_same_term, now.shown.self_drains,
                    now.shown.other_takes_part },
                SEEN_CALLS, SEEN_FLEET);
        };
        F.asked_ago = 0
    }
}

inline fleet_failed() {
    F.is_asking = false;
    F.asked_ago = 0
}

inline fleet_drained() {
    UNBROKEN {
        step_begins();
        F.slot = DRAINED;
        c_code {
            record_fleet_step(RECORD_DRAINED, now.shown.other_takes_part,
                              SEEN_CALLS, SEEN_FLEET);
        };
    }
}

/* The membership may have ended. What is drained stays so: nobody knows whether
 * it has been handed over, and it may still be. */
inline fleet_expires() {
    UNBROKEN {
        step_begins();
        lose();
        c_code {
            record_fleet_step(RECORD_EXPIRED, now.shown.other_takes_part,
                              SEEN_CALLS, SEEN_FLEET);
        };
    }
}

#define HAS_TO_MOVE(i) \
    (f[i].state == MEMBER && f[i].slot == OWN && f[i].desired == OTHER && \
     MAY_BEGIN(i))

inline fleet_begins_move() {
    UNBROKEN {
        step_begins();
        drain();
        c_code {
            record_fleet_step(RECORD_MOVES, now.shown.other_takes_part,
                              SEEN_CALLS, SEEN_FLEET);
        };
    }
}

/* What was shown of the other host may be over. */
inline fleet_leave() {
    UNBROKEN {
        step_begins();
        F.state = LEAVING;
        place(false);
        if
        :: F.slot == OWN -> drain()
        :: else
        fi;
        c_code {
            record_fleet_step(RECORD_LEAVES, now.shown.other_takes_part,
                              SEEN_CALLS, SEEN_FLEET);
        };
    }
}

/* -- Requests ------------------------------------------------------------- */

#define MAY_CLAIM(i) \
    (f[i].state == MEMBER && f[i].desired == SELF && f[i].owner != SELF)

#define HEIR \
    (F.desired == OTHER -> TO_OTHER : (F.desired == SELF -> TO_SELF : TO_NO_ONE))

#ifndef MUTANT_HANDED_OVER_TOO_EARLY
#define IS_DRAINED (F.slot == DRAINED)
#else
#define IS_DRAINED (F.slot == DRAINED || F.slot == DRAINING)
#endif

inline ask() {
    UNBROKEN {
        step_begins();
        kind = (F.state == OUTSIDE -> JOIN : (F.state == MEMBER -> RENEW :
               (F.must_leave || !IS_WORKING(who) -> LEAVE : RENEW)));
        move = NO_MOVE;
#ifndef MUTANT_LEAVES_AT_WORK
        if
        :: kind == LEAVE -> lose_unless_drained()
        :: else
        fi;
#endif
        if
        :: F.state != OUTSIDE && IS_DRAINED -> move = HEIR
        :: F.state != OUTSIDE && !(IS_DRAINED) && does_claim -> move = TO_SELF
        :: else
        fi;
        F.is_asking = true;
        F.asked_ago = 0;
        c_code {
            record_fleet_asks(now.does_claim, now.kind, now.move,
                              now.does_lose);
        };
    }
}
