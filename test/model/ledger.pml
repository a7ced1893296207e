/*
 * ledger.pml - src/sinks/ledger_rules.c and the record behind it, for one
 * queue. Messages are bits, and sets of them bytes.
 *
 * Epochs are counted from the record's own, as nothing but their distance
 * decides: this_epoch and next_epoch are the messages recorded in it and in
 * the one after; those of earlier epochs decide nothing any more, and are
 * forgotten. The queue's epoch is the record's and `ahead`.
 *
 * With SINK_FILES the record is a ledger: what it has is either out, or
 * waiting to go out.
 */

byte this_epoch; /* durable */
byte next_epoch; /* durable: carried over */
byte waiting;    /* durable, of both: not out, as far as the ledger knows */
byte ahead;      /* the queue's epoch, over the durable one */

/* struct ledger_state, in memory */
bool l_is_unconfirmed;
bool l_has_leftovers;

/* of the batch that is being stored */
byte fresh; /* messages that are new to the record, or still to go out */
bool found_leftovers;

#define AHEAD_MAX 6 /* more than ever is reached */

#define SEEN_LEDGER                                                \
    (struct seen_ledger) { now.this_epoch, now.next_epoch,         \
    now.ahead, now.l_is_unconfirmed, now.l_has_leftovers }

/* The record's epoch becomes the queue's, inside a transaction. */
inline record_raise_epoch() {
    if
    :: ahead == 0
#ifdef MUTANT_EPOCHS_IGNORED
    :: ahead > 0 ->
        this_epoch = this_epoch | next_epoch;
        next_epoch = 0
#else
    :: ahead == 1 ->
        this_epoch = next_epoch;
        next_epoch = 0
    :: ahead > 1 ->
        this_epoch = 0;
        next_epoch = 0
#endif
    fi;
    waiting = waiting & (this_epoch | next_epoch);
    ahead = 0
}

/* ledger_add_batch(), committed. */
inline ledger_add_batch() {
    c_code { record_ledger_begin(SEEN_LEDGER); };
    record_raise_epoch();
    if
    :: l_is_unconfirmed ->
        /* Else UPDATE OR IGNORE would leave some where they were. */
        assert((this_epoch & next_epoch) == 0);
#ifndef MUTANT_NO_CARRY_OVER
        next_epoch = next_epoch | this_epoch;
        this_epoch = 0;
#endif
#ifndef MUTANT_NO_TAKE_BACK
        this_epoch = this_epoch | (next_epoch & batch);
        next_epoch = next_epoch & ~batch;
#endif
        fresh = batch & ~this_epoch;
        found_leftovers = (next_epoch != 0)
    :: else ->
        fresh = batch & ~this_epoch
    fi;
#ifdef SINK_FILES
    fresh = fresh | (batch & waiting);
#ifndef MUTANT_OUT_BEFORE_FILE
    waiting = waiting | fresh;
#endif
#endif
    this_epoch = this_epoch | batch;
    c_code {
        record_ledger_batch(now.batch, now.fresh, now.found_leftovers,
                            SEEN_LEDGER);
    }
}

/* ledger_state_stored(): the transaction is known to be done. */
inline ledger_state_stored() {
    c_code { record_ledger_begin(SEEN_LEDGER); };
    l_is_unconfirmed = true;
    l_has_leftovers = found_leftovers;
    c_code { record_ledger_state('s', now.found_leftovers, SEEN_LEDGER); };
    found_leftovers = false
}

/* ledger_state_doubted(): nobody can say whether it is done. */
inline ledger_state_doubted() {
#ifndef MUTANT_NO_DOUBT
    c_code { record_ledger_begin(SEEN_LEDGER); };
    l_is_unconfirmed = true;
    l_has_leftovers = true;
    c_code { record_ledger_state('d', 0, SEEN_LEDGER); };
#endif
    found_leftovers = false
}

/* ledger_state_confirmed(): the epoch rises by so much. */
inline ledger_state_confirmed() {
    c_code { record_ledger_begin(SEEN_LEDGER); };
    l_is_unconfirmed = l_has_leftovers && raised == 1;
    l_has_leftovers = false;
    ahead = ahead + raised;
    assert(ahead <= AHEAD_MAX);
    c_code { record_ledger_state('c', now.raised, SEEN_LEDGER); }
}

/* ledger_state_read(): a start. */
inline ledger_state_read() {
    ahead = 0;
#ifndef MUTANT_START_CONFIRMED
    l_is_unconfirmed = (this_epoch | next_epoch) != 0;
#else
    l_is_unconfirmed = false;
#endif
    l_has_leftovers = false
}
