/*
 * state.pml - src/core/delivery_state.c and the application's part of the state
 * contract, for one queue. Messages are bits, and sets of them bytes.
 *
 * Of ids only this counts: is the stored state the one that the queue was
 * accepted with last (or has adopted), one of the two confirmed states that may
 * have followed, the outstanding batch's own, or any other.
 */

mtype:stored = { BATCH_STATE, CONFIRMED_2, CONFIRMED_1, KNOWN_STATE,
    OTHER_STATE };

/* in memory */
byte k;             /* stored and not known to be confirmed */
byte confirms;      /* confirmed states after the known one */
bool is_late[3];    /* [1] and [2]: not stored yet */
byte late_keys;     /* of the first; the second has none */
byte fresh;         /* of the batch: its new messages */
byte leftovers;     /* K without the batch */
bool is_accepted;   /* the batch */

/* durable */
mtype:stored stored = KNOWN_STATE; /* at first none, which is a state, too */
byte stored_keys;

mtype:stored compared = OTHER_STATE; /* scratch */
bool is_current;                     /* scratch */

/* -- In the library -------------------------------------------------------- */

inline state_evaluate() {
    fresh = batch & ~k;
    leftovers = k & ~batch;
    c_code { record_batch(now.k, now.batch, now.fresh, now.leftovers); };
#ifdef MUTANT_LEFTOVERS_FORGOTTEN
    leftovers = 0;
#endif
    is_accepted = false
}

inline late_forget() {
    is_late[1] = false;
    is_late[2] = false;
    late_keys = 0
}

inline state_accept() {
    k = batch | leftovers;
    confirms = 0;
    late_forget();
    stored = (stored == BATCH_STATE -> KNOWN_STATE : OTHER_STATE);
    is_accepted = true;
    Q.is_unconfirmed = true
}

/* After a mark, or an empty fetch. */
inline state_confirm(is_drained) {
    confirms++;
    assert(confirms <= 2);
    one = k; /* for a moment */
#ifdef MUTANT_CONFIRMS_ALL
    k = 0;
#else
    k = ((is_drained) || batch == 0 -> 0 : leftovers);
#endif
    c_code {
        record_confirm(now.one, now.batch, now.batch == 0 || now.is_drained,
                       now.k);
    };
    one = 0;
    is_late[confirms] = true;
    late_told[confirms] = told;
    late_keys = (confirms == 1 -> k : late_keys);
    Q.is_unconfirmed = (k != 0)
}

inline state_end() {
    fresh = 0;
    leftovers = 0;
    is_accepted = false;
    batch = 0
}

/* The batch is dropped. What it stored all the same is no known state. */
inline state_drop() {
    if
    :: stored == BATCH_STATE && !is_accepted ->
#ifdef MUTANT_DROPPED_IS_KNOWN
        stored = KNOWN_STATE
#else
        stored = OTHER_STATE
#endif
    :: else
    fi;
    state_end()
}

/* The stored state becomes the known one. */
inline state_adopt() {
    k = stored_keys;
    stored = KNOWN_STATE;
    confirms = 0;
    late_forget();
    Q.is_unconfirmed = (k != 0)
}

/* -- In the application ---------------------------------------------------- */

#define IS_CURRENT(which)                                              \
    (stored == KNOWN_STATE ||                                          \
     (stored == CONFIRMED_1 && which != CONFIRMED_1) ||                \
     (stored == CONFIRMED_2 && which == BATCH_STATE))

/* Tells what haplo_state_compare() is to make of it. */
inline compare(which) {
    compared = which;
    is_current = IS_CURRENT(which);
    c_code {
        record_compare(now.compared, now.confirms, now.stored, now.is_current,
                       now.stored == now.compared);
    };
    compared = OTHER_STATE
}

/* The transaction of a batch: compares, and stores. */
inline store_batch() {
    compare(BATCH_STATE);
    if
#ifdef MUTANT_NOT_COMPARED
    :: stored != BATCH_STATE ->
#else
    :: is_current ->
#endif
        stored = BATCH_STATE;
        stored_keys = batch | leftovers;
        now_told_durably(told);
        now_stored();
        delivery = STORED
#ifdef MUTANT_REPEATS_NOT_COMPARED
    :: !is_current && stored != BATCH_STATE && fresh == 0 ->
        delivery = STORED
#endif
    :: stored == BATCH_STATE ->
#ifdef MUTANT_UNKNOWN_IS_FAILURE
        now_stored();
#endif
        delivery = STORED
    :: else ->
        delivery = FOUND_STALE
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
        stored = which;
        stored_keys = (number == 1 -> late_keys : 0);
        now_told_durably(late_told[number])
#ifndef MUTANT_LATE_NOT_COMPARED
    :: else
#endif
    fi;
    is_late[number] = false;
    is_current = false
}
