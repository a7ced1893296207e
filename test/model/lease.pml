/*
 * lease.pml - two hosts with leases (fleet.pml), and one queue: do they ever
 * have a token for it at the same time?
 *
 * Between the hosts are a database, which carries out their requests, sooner or
 * later or never, also when nobody waits for them any more; its clock; a server
 * that hands out tokens; and an operator, who ends hosts, kills them, starts
 * them again and has them drained. All of that happens at any moment. What may
 * go on forever without it (requests that are slow, hosts that renew too late,
 * moves) is free; the rest, such as a host that is suspended, costs one of
 * TROUBLES.
 *
 * Time is made of ticks, which all clocks count. A host that is not suspended
 * does in time what is due: it looks at the clock and sends a request in one
 * tick, and drops what it has when its lease ends.
 *
 * What is promised:
 *
 *   - two tokens are outstanding at the same time only if a host has been
 *     suspended. A token is outstanding from the response to a fetch until the
 *     server has marked its messages, or its host has dropped it. That it did
 *     so in time may be unknown to the server: it may carry out a mark that was
 *     cancelled, as hosts.pml assumes;
 *   - whoever looks at the clock, and may begin a fetch or a mark, owns the
 *     slot, and no other host has had it since that token was fetched: this
 *     holds whatever was suspended;
 *   - a mark reaches the server while another host owns the slot only if its
 *     host was suspended after it had looked at the clock.
 */

#ifndef CAN_PAUSE
#define CAN_PAUSE 0
#endif
#ifndef HAS_OPERATOR
#define HAS_OPERATOR 1 /* who ends, kills and drains hosts */
#endif
#ifndef HAS_LATE
#define HAS_LATE 1 /* requests that are carried out late */
#endif
#ifndef HAS_TIME
#define HAS_TIME 1 /* 0: everything happens in one moment */
#endif
#ifndef TROUBLES
#define TROUBLES 2
#endif

#include "fleet.pml"

/* -- The tables ----------------------------------------------------------- */

#define NOBODY 2

byte owner = NOBODY;     /* of the slot */
byte left_ticks[HOSTS];  /* of a membership, with the grace after it; 0: none */
bool is_draining[HOSTS]; /* by an operator */

#define IS_ALIVE(i) (left_ticks[i] > GRACE)

/* -- Requests ------------------------------------------------------------- */

mtype:transit = { NOTHING, SENT, ANSWERED };
typedef request_t {
    mtype:transit transit;
    mtype:fleet_request kind;
    mtype:fleet_move move;
    bool has_term;       /* of the membership: it is still the same */
    bool has_slot_term;  /* the same of the slot; in a response: still */
};
request_t r[HOSTS];      /* the one that the host waits for */
request_t late[HOSTS];   /* one that it does not wait for any more */
shown_t response[HOSTS];
bool is_found;           /* scratch: the request found the membership */
#define R r[who]
#define LATE late[who]

/* -- Tokens --------------------------------------------------------------- */

mtype:token = { NO_TOKEN, FETCH_BEGUN, FETCH_SENT, HELD, MARK_BEGUN, MARK_SENT };
mtype:token token[HOSTS] = NO_TOKEN;
bool was_paused_since[HOSTS]; /* it looked at the clock */
bool is_old[HOSTS];      /* another host has had the slot since the fetch */

#define IS_OUTSTANDING(i) \
    (token[i] == HELD || token[i] == MARK_BEGUN || token[i] == MARK_SENT)

bool is_running[HOSTS];
bool is_paused[HOSTS];
byte troubles = TROUBLES;
bool was_paused;         /* ever */
#ifdef MUTANT_CACHED_TIME
byte seen_lease[HOSTS];  /* what the loop remembers of the time */
#endif

#define TELL(text)                                                      \
    c_code {                                                            \
        tell_fleet(text, now.who, now.owner, now.left_ticks[0],         \
                   now.left_ticks[1], now.f[0].lease, now.f[1].lease);  \
    }

inline trouble() {
    troubles--
}

inline calls_end() {
    does_lose = false;
    does_gain = false;
    does_drain = false
}

inline token_ends(i) {
    token[i] = NO_TOKEN;
    was_paused_since[i] = false;
    is_old[i] = false
}

/* Requests are cancelled, and batches not marked. */
inline drop_token() {
    token_ends(who)
}

inline obey() {
    if
#ifndef MUTANT_KEEPS_WHAT_IT_LOST
    :: does_lose -> drop_token()
#endif
    :: else
    fi;
    calls_end()
}

/* -- The database ---------------------------------------------------------- */

inline new_slot_term() {
    f[0].has_slot_term = false;
    f[1].has_slot_term = false;
    r[0].has_slot_term = false;
    r[1].has_slot_term = false;
    late[0].has_slot_term = false;
    late[1].has_slot_term = false
}

/* Of the membership of who. */
inline new_term() {
    F.has_term = false;
    R.has_term = false;
    LATE.has_term = false
}

inline move_slot(request) {
    if
    :: request.move != NO_MOVE && request.has_slot_term &&
       (owner == who || owner == NOBODY || left_ticks[owner] == 0) ->
        owner = (request.move == TO_SELF -> who :
                 (request.move == TO_OTHER -> 1 - who : NOBODY));
        new_slot_term();
        if
        :: owner != NOBODY -> is_old[1 - owner] = token[1 - owner] != NO_TOKEN
        :: else
        fi
    :: else
    fi
}

/* One transaction. is_found: it finds the membership, or makes it. */
inline carry_out(request) {
    if
    :: request.kind == JOIN || request.has_term ->
        if
        :: request.kind == JOIN ->
            new_term();
            request.has_term = true
        :: else
        fi;
        left_ticks[who] = TTL + GRACE;
        move_slot(request);
        if
        :: request.kind == LEAVE -> left_ticks[who] = GRACE
        :: else
        fi;
        is_found = (request.kind != LEAVE)
    :: else ->
        is_found = false
    fi
}

#define RESPONSE response[who]

/* The tables after it. */
inline respond() {
    R.transit = ANSWERED;
    if
    :: is_found ->
        RESPONSE.is_member = true;
        RESPONSE.owner = (owner == who -> SELF :
                          (owner == NOBODY -> NO_ONE : OTHER));
        RESPONSE.is_same_term = F.has_slot_term;
        RESPONSE.self_drains = is_draining[who];
        RESPONSE.other_takes_part = IS_ALIVE(1 - who) && !is_draining[1 - who];
        R.has_slot_term = true
    :: else
    fi
}

inline request_ends(request) {
    request.transit = NOTHING;
    request.kind = NO_REQUEST;
    request.move = NO_MOVE;
    request.has_term = false;
    request.has_slot_term = false
}

inline forget(what) {
    what.is_member = false;
    what.owner = NO_ONE;
    what.is_same_term = false;
    what.self_drains = false;
    what.other_takes_part = false
}

proctype database(byte me) {
end:
    do
    :: atomic {
        r[me].transit == SENT ->
        who = me;
        carry_out(R);
        respond();
        is_found = false;
        TELL("the database carries out a request");
        who = 0
    }
    :: atomic {
        late[me].transit == SENT ->
        who = me;
        carry_out(LATE);
        request_ends(LATE);
        is_found = false;
        TELL("the database carries out a request late");
        who = 0
    }
    :: atomic {
        late[me].transit == SENT ->
        who = me;
        request_ends(LATE);
        TELL("that request was lost");
        who = 0
    }
    od
}

/* -- Time ----------------------------------------------------------------- */

#ifndef MUTANT_CACHED_TIME
#define LOOKS(i) MAY_BEGIN(i)
#define HAS_OLD_TIME(i) false
#else
#define HAS_OLD_TIME(i) (seen_lease[i] != f[i].lease)
#define LOOKS(i) (seen_lease[i] > MARGIN)
#endif

/* What a host that runs does before the clock goes on. */
#define IS_IN_TIME(i)                                                   \
    (!is_running[i] || is_paused[i] ||                                  \
     (token[i] != FETCH_BEGUN && token[i] != MARK_BEGUN &&              \
      !IS_DUE_TO_EXPIRE(i) && !HAS_OLD_TIME(i)))
#ifndef MUTANT_EXPIRY_IS_IGNORED
#ifndef MUTANT_EXPIRY_FORGETS_HAND_OVER
#define IS_DUE_TO_EXPIRE(i) (f[i].lease == 0 && IS_WORKING(i))
#else
#define IS_DUE_TO_EXPIRE(i) (f[i].lease == 0 && f[i].slot != ELSEWHERE)
#endif
#else
#define IS_DUE_TO_EXPIRE(i) false
#endif

#define LESS(ticks) (ticks > 0 -> ticks - 1 : 0)

proctype time() {
end:
    do
    :: atomic {
        HAS_TIME && IS_IN_TIME(0) && IS_IN_TIME(1) ->
        left_ticks[0] = LESS(left_ticks[0]);
        left_ticks[1] = LESS(left_ticks[1]);
        f[0].lease = LESS(f[0].lease);
        f[1].lease = LESS(f[1].lease);
        f[0].asked_ago = (f[0].is_asking && f[0].asked_ago < TTL ->
                          f[0].asked_ago + 1 : f[0].asked_ago);
        f[1].asked_ago = (f[1].is_asking && f[1].asked_ago < TTL ->
                          f[1].asked_ago + 1 : f[1].asked_ago);
        TELL("a tick");
    }
    od
}

/* -- The server ----------------------------------------------------------- */

proctype server(byte me) {
end:
    do
    :: atomic {
        token[me] == FETCH_SENT ->
        token[me] = HELD;
        was_paused_since[me] = false;
        who = me;
        TELL("the server answers a fetch");
        who = 0;
        assert(was_paused || !(IS_OUTSTANDING(0) && IS_OUTSTANDING(1)))
    }
    :: atomic {
        token[me] == MARK_SENT ->
        assert(owner == me || was_paused_since[me]);
        token_ends(me);
        who = me;
        TELL("the server marks messages");
        who = 0
    }
    od
}

/* -- A host ---------------------------------------------------------------- */

#define RUNS(i) (is_running[i] && !is_paused[i])

/* The host, as a new process. */
inline start() {
    F.state = OUTSIDE;
    F.slot = ELSEWHERE;
    F.owner = NO_ONE;
    F.desired = NO_ONE;
    F.is_asking = false;
    F.must_leave = false;
    F.lease = 0;
    F.asked_ago = 0;
    F.has_term = false;
    F.has_slot_term = false
}

/* Nobody waits for it any more. It is carried out late, or never. */
inline leave_request() {
    if
    :: HAS_LATE && R.transit == SENT && LATE.transit == NOTHING ->
        LATE.transit = SENT;
        LATE.kind = R.kind;
        LATE.move = R.move;
        LATE.has_term = R.has_term;
        LATE.has_slot_term = R.has_slot_term
    :: else
    fi;
    request_ends(R);
    forget(RESPONSE)
}

proctype host(byte me) {
end:
    do
    /* Its work */
#ifdef MUTANT_CACHED_TIME
    :: atomic {
        RUNS(me) && HAS_OLD_TIME(me) ->
        seen_lease[me] = f[me].lease
    }
#endif
    :: atomic {
        RUNS(me) && token[me] == NO_TOKEN && f[me].slot == OWN && LOOKS(me) ->
        assert(owner == me);
        token[me] = (CAN_PAUSE -> FETCH_BEGUN : FETCH_SENT)
    }
    :: atomic {
        RUNS(me) && token[me] == FETCH_BEGUN ->
        token[me] = FETCH_SENT
    }
    :: atomic {
        RUNS(me) && token[me] == HELD && LOOKS(me) ->
        assert(owner == me && !is_old[me]);
        was_paused_since[me] = false;
        token[me] = (CAN_PAUSE -> MARK_BEGUN : MARK_SENT)
    }
    :: atomic {
        RUNS(me) && token[me] == MARK_BEGUN ->
        token[me] = MARK_SENT
    }
    :: atomic { /* a failure, or a batch that is stale or given up */
        RUNS(me) && (token[me] == FETCH_SENT || token[me] == HELD) ->
        who = me;
        drop_token();
        who = 0
    }
    /* The fleet */
    :: atomic {
        RUNS(me) && !f[me].is_asking && f[me].state != LEFT ->
        who = me;
        if
        :: !MAY_CLAIM(me) || f[me].owner != NO_ONE -> does_claim = false
        :: MAY_CLAIM(me) -> does_claim = true
        fi;
        ask();
        obey();
        R.transit = SENT;
        R.kind = kind;
        R.move = move;
        R.has_term = F.has_term;
        R.has_slot_term = F.has_slot_term;
        TELL("a host asks");
        kind = NO_REQUEST;
        move = NO_MOVE;
        does_claim = false;
        who = 0
    }
    :: atomic {
        RUNS(me) && r[me].transit == ANSWERED ->
        who = me;
        shown.is_member = RESPONSE.is_member;
        shown.owner = RESPONSE.owner;
        shown.is_same_term = RESPONSE.is_same_term;
        shown.self_drains = RESPONSE.self_drains;
        shown.other_takes_part = RESPONSE.other_takes_part;
        fleet_replied();
        F.has_term = R.has_term;
        F.has_slot_term = R.has_slot_term;
        request_ends(R);
        obey();
        forget(shown);
        forget(RESPONSE);
        TELL("a host has its reply");
        who = 0
    }
    :: atomic {
        RUNS(me) && r[me].transit != NOTHING && troubles > 0 ->
        trouble();
        who = me;
        leave_request();
        fleet_failed();
        TELL("a host waits no longer for its reply");
        who = 0
    }
    :: atomic {
        RUNS(me) && IS_DUE_TO_EXPIRE(me) ->
        who = me;
        fleet_expires();
        obey();
        TELL("a lease has ended");
        who = 0
    }
    :: atomic {
        RUNS(me) && HAS_TO_MOVE(me) ->
        who = me;
        fleet_begins_move();
        obey();
        TELL("a planned move begins");
        who = 0
    }
    :: atomic {
        RUNS(me) && f[me].slot == DRAINING && token[me] == NO_TOKEN ->
        who = me;
        fleet_drained();
        TELL("it is drained");
        who = 0
    }
    od
}

/* -- The operator ---------------------------------------------------------- */

proctype operator(byte me) {
end:
    do
    :: atomic {
        !is_running[me] ->
        who = me;
        is_running[me] = true;
        start();
        TELL("a host is started");
        who = 0
    }
    :: atomic { /* also killed while it is suspended */
        HAS_OPERATOR && is_running[me] && troubles > 0 ->
        trouble();
        who = me;
        is_running[me] = false;
        is_paused[me] = false;
        leave_request();
        start();
        drop_token();
        TELL("a host is killed, or has left");
        who = 0
    }
    :: atomic {
        HAS_OPERATOR && RUNS(me) && f[me].state == MEMBER && troubles > 0 ->
        trouble();
        who = me;
        if
        :: true
        :: shown.other_takes_part = true
        fi;
        fleet_leave();
        shown.other_takes_part = false;
        obey();
        TELL("a host leaves");
        who = 0
    }
    :: atomic {
        RUNS(me) && f[me].state == LEAVING && !f[me].must_leave ->
        f[me].must_leave = true
    }
    :: atomic {
        HAS_OPERATOR && troubles > 0 ->
        trouble();
        is_draining[me] = !is_draining[me]
    }
    :: atomic {
        RUNS(me) && CAN_PAUSE && troubles > 0 ->
        trouble();
        is_paused[me] = true;
        was_paused = true;
        was_paused_since[me] = (token[me] != NO_TOKEN);
        who = me;
        TELL("a host is suspended");
        who = 0
    }
    :: atomic {
        is_paused[me] ->
        is_paused[me] = false;
        who = me;
        TELL("it goes on");
        who = 0
    }
    od
}

init {
    atomic {
        who = 1;
        start();
        request_ends(R);
        request_ends(LATE);
        forget(RESPONSE);
        who = 0;
        start();
        request_ends(R);
        request_ends(LATE);
        forget(RESPONSE);
        forget(shown);
        calls_end();
        run database(0);
        run database(1);
        run server(0);
        run server(1);
        run host(0);
        run host(1);
        run operator(0);
        run operator(1);
        run time()
    }
}
