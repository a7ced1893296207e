/*
 * promise.pml - what is promised of delivery.pml's messages, as sets of them
 * that no part of the product knows.
 *
 * A message is *owed* from its arrival, and again from an unsend after a
 * confirmed mark, until it is stored. What is promised is that none is marked
 * while it is owed, that none is stored more often than it was sent, and that
 * nothing is owed in the end. What no client can tell is not promised; it has
 * a name here, and no other exception is made:
 *
 *   - NEVER_TOLD: a message is unsent while no answer has told that it was
 *     marked; so it is not known to be a resend;
 *   - FORGOTTEN: the answer had come, but the process died, or went on from
 *     what is stored, before the confirmed state was; the same then;
 *   - BELATED: a message is unsent while the server has yet to carry out a
 *     mark of it that the client has given up waiting for;
 *   - OTHERS_TOKEN: another process that stores the queue was told, and the
 *     message is unsent while our token for it is outstanding.
 */

byte owed;           /* to be stored before it may be marked */
byte owed_by_memory; /* the same, unless the process dies before that the mark
                        was confirmed is durable */
byte owed_by_answer; /* the same, if the answer on its way arrives */
byte may_store;      /* sent, and not stored since */
byte known;          /* stored, and the client knows */
byte told;           /* and the client knows that its mark was confirmed */
byte told_durably;   /* and that is durable */
byte rows;           /* stored at all */
byte late_told[3];   /* [1] and [2]: told by the confirmed states */

/* An answer has arrived that tells of these messages that they are marked. */
inline now_told(messages) {
    told = told | messages;
    owed_by_memory = owed_by_memory | owed_by_answer;
    owed_by_answer = 0
}

/* A mark was confirmed, and a state is to say so. */
inline now_confirmed(number) {
    late_told[number] = told
}

/* A state that tells this has become durable. What is stored and not among its
 * keys must be confirmed: it would be stored again. */
inline now_told_durably(messages) {
    told_durably = told_durably | (messages);
    owed = owed | (owed_by_memory & (messages));
    owed_by_memory = owed_by_memory & ~(messages);
    assert((rows & ~stored_keys & ~told_durably & ~S.fresh) == 0)
}

inline now_batch_is_durable() {
    now_told_durably(told)
}

inline now_confirmed_durably(number) {
    now_told_durably(late_told[number])
}

/* New messages have become durable, and their readers see them. */
inline now_stored() {
    assert((S.fresh & ~may_store) == 0);
    may_store = may_store & ~S.fresh;
    owed = owed & ~S.fresh;
    owed_by_memory = owed_by_memory & ~S.fresh;
    known = known & ~S.fresh;
    told = told & ~S.fresh;
    told_durably = told_durably & ~S.fresh;
    rows = rows | S.fresh
}

/* Our own token marks it. */
inline mark_one() {
    assert((one & (owed | owed_by_memory)) == 0);
    has_marked = has_marked || (one & unread) != 0;
    unread = unread & ~one;
    may_store = may_store & ~one
}

/* What will be known if the answer on its way arrives. */
#define ANSWER_TELLS                                             \
    (wire == MARK_ASKED -> S.batch & ~todo :                     \
     (wire == MARK_ANSWERED && none_left -> S.batch | known :    \
      (wire == MARK_ANSWERED -> S.batch :                        \
       (wire == FETCH_ANSWERED && answer == 0 -> known : 0))))

inline unsend_one() {
    unread = unread | one;
    may_store = may_store | one;
    if
    :: (one & belated) != 0 -> skip /* BELATED */
    :: (one & belated) == 0 ->
        if
        :: (one & told_durably) != 0 &&
           (one & S.batch) != 0 && (S.is_accepted || S.delivery == STORED) ->
            skip /* OTHERS_TOKEN */
        :: (one & told_durably) != 0 &&
           !((one & S.batch) != 0 &&
             (S.is_accepted || S.delivery == STORED)) ->
            owed = owed | one
        :: (one & told & ~told_durably) != 0 ->
            owed_by_memory = owed_by_memory | one
        :: (one & told) == 0 && (one & ANSWER_TELLS) != 0 ->
            owed_by_answer = owed_by_answer | one
        :: (one & told) == 0 && (one & ANSWER_TELLS) == 0 ->
            skip /* NEVER_TOLD */
        fi
    fi
}

/* Somebody else marks it: it is not ours to deliver any more. */
inline now_taken() {
    owed = owed & ~one;
    owed_by_memory = owed_by_memory & ~one;
    owed_by_answer = owed_by_answer & ~one
}

/* Another process that stores this queue fetches it, stores it and marks it. */
inline now_done_by_another() {
    assert((one & owed & stored_keys) == 0);
    assert((one & may_store) != 0 || (one & stored_keys) != 0);
    may_store = may_store & ~one;
    rows = rows | one;
    told_durably = told_durably | one;
    unread = unread & ~one;
    stored_keys = stored_keys & ~one;
    S.stored = OTHER_STATE;
    now_taken()
}

/* The process has died, or has adopted the stored state: what is known is what
 * is durable. */
inline now_forgotten() {
    known = stored_keys;
    told = told_durably;
    owed_by_memory = 0; /* FORGOTTEN */
    owed_by_answer = 0
}
