/*
 * state.pml - src/core/delivery_state.c and the application's part of the state
 * contract, for one queue. Messages are bits, and sets of them bytes. There
 * may be two hosts that poll it: who says whose turn it is.
 *
 * Of ids only this counts: is the stored state the one that the queue was
 * accepted with last (or has adopted), one of the two confirmed states that may
 * have followed, the outstanding batch's own, or any other.
 */

mtype:stored = { BATCH_STATE, CONFIRMED_2, CONFIRMED_1, KNOWN_STATE,
    OTHER_STATE };

mtype:delivery = { NO_DELIVERY, QUEUED, STORED, FOUND_STALE };

/* in memory */
typedef state_t {
    byte batch;          /* the messages of the outstanding token */
    mtype:delivery delivery;
    byte k;              /* stored and not known to be confirmed */
    byte confirms;       /* confirmed states after the known one */
    bool is_late[3];     /* [1] and [2]: not stored yet */
    byte late_keys;      /* of the first; the second has none */
    byte fresh;          /* of the batch: its new messages */
    byte leftovers;      /* K without the batch */
    bool is_accepted;    /* the batch */
    mtype:stored stored; /* what this host makes of the stored state */
};
state_t s[QUEUES];
#define S s[who]

/* durable */
byte stored_keys;

mtype:stored compared = OTHER_STATE; /* scratch */
bool is_current;                     /* scratch */

/* What the C code of record.h wants to know. */
#define SEEN_STATE now.s[now.who]

/* Nothing is stored at first, which is a state, too. */
inline state_init() {
    S.stored = KNOWN_STATE;
    S.delivery = NO_DELIVERY
}

/* Others know nothing of a state that is stored here. */
inline others_are_behind() {
#if QUEUES > 1
    s[1 - who].stored = OTHER_STATE
#else
    skip
#endif
}

/* -- In the library -------------------------------------------------------- */

inline state_evaluate() {
    S.fresh = S.batch & ~S.k;
    S.leftovers = S.k & ~S.batch;
    c_code {
        record_batch(SEEN_STATE.k, SEEN_STATE.batch, SEEN_STATE.fresh,
                     SEEN_STATE.leftovers);
    };
#ifdef MUTANT_LEFTOVERS_FORGOTTEN
    S.leftovers = 0;
#endif
    S.is_accepted = false
}

inline late_forget() {
    S.is_late[1] = false;
    S.is_late[2] = false;
    S.late_keys = 0
}

inline state_accept() {
    S.k = S.batch | S.leftovers;
    S.confirms = 0;
    late_forget();
    S.stored = (S.stored == BATCH_STATE -> KNOWN_STATE : OTHER_STATE);
    S.is_accepted = true;
    Q.is_unconfirmed = true
}

/* After a mark, or an empty fetch. */
inline state_confirm(is_drained) {
    S.confirms++;
    assert(S.confirms <= 2);
    one = S.k; /* for a moment */
#ifdef MUTANT_CONFIRMS_ALL
    S.k = 0;
#else
    S.k = ((is_drained) || S.batch == 0 -> 0 : S.leftovers);
#endif
    c_code {
        record_confirm(now.one, SEEN_STATE.batch,
                       SEEN_STATE.batch == 0 || now.is_drained, SEEN_STATE.k);
    };
    one = 0;
    S.is_late[S.confirms] = true;
    now_confirmed(S.confirms);
    S.late_keys = (S.confirms == 1 -> S.k : S.late_keys);
    Q.is_unconfirmed = (S.k != 0)
}

inline state_end() {
    S.fresh = 0;
    S.leftovers = 0;
    S.is_accepted = false;
    S.batch = 0
}

/* The batch is dropped. What it stored all the same is no known state. */
inline state_drop() {
    if
    :: S.stored == BATCH_STATE && !S.is_accepted ->
#ifdef MUTANT_DROPPED_IS_KNOWN
        S.stored = KNOWN_STATE
#else
        S.stored = OTHER_STATE
#endif
    :: else
    fi;
    state_end()
}

/* The stored state becomes the known one. */
inline state_adopt() {
    S.k = stored_keys;
    S.stored = KNOWN_STATE;
    S.confirms = 0;
    late_forget();
    Q.is_unconfirmed = (S.k != 0)
}

/* -- In the application ---------------------------------------------------- */

#define IS_CURRENT(which)                                              \
    (S.stored == KNOWN_STATE ||                                        \
     (S.stored == CONFIRMED_1 && which != CONFIRMED_1) ||              \
     (S.stored == CONFIRMED_2 && which == BATCH_STATE))

/* Tells what haplo_state_compare() is to make of it. */
inline compare(which) {
    compared = which;
    is_current = IS_CURRENT(which);
    c_code {
        record_compare(now.compared, SEEN_STATE.confirms, SEEN_STATE.stored,
                       now.is_current, SEEN_STATE.stored == now.compared);
    };
    compared = OTHER_STATE
}

/* The transaction of a batch: compares, and stores. */
inline store_batch() {
    compare(BATCH_STATE);
    if
#if defined(MUTANT_NOT_COMPARED) || defined(MUTANT_STATE_NOT_COMPARED)
    :: S.stored != BATCH_STATE ->
#else
    :: is_current ->
#endif
        S.stored = BATCH_STATE;
        others_are_behind();
        stored_keys = S.batch | S.leftovers;
        now_batch_is_durable();
        now_stored();
        S.delivery = STORED
#ifdef MUTANT_REPEATS_NOT_COMPARED
    :: !is_current && S.stored != BATCH_STATE && S.fresh == 0 ->
        S.delivery = STORED
#endif
    :: S.stored == BATCH_STATE ->
#ifdef MUTANT_UNKNOWN_IS_FAILURE
        now_stored();
#endif
        S.delivery = STORED
    :: else ->
        S.delivery = FOUND_STALE
    fi;
    is_current = false
}

/* The transaction of a confirmed state, late or never. */
inline store_confirmed(which, number) {
    compare(which);
    if
#ifdef MUTANT_LATE_NOT_COMPARED
    :: true ->
#else
    :: is_current ->
#endif
        S.stored = which;
        others_are_behind();
        stored_keys = (number == 1 -> S.late_keys : 0);
        now_confirmed_durably(number)
#ifndef MUTANT_LATE_NOT_COMPARED
    :: else
#endif
    fi;
    S.is_late[number] = false;
    is_current = false
}
