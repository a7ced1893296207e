/*
 * meaning.h - what a response means to a client according to the notes on the
 * protocol. Independent of the product's own parsers.
 */
#ifndef TEST_SIM_MEANING_H
#define TEST_SIM_MEANING_H

#include <stdbool.h>
#include <stdint.h>

#include "answer.h"

enum meaning_kind {
    MEANING_BATCH,  /* a fetch found messages */
    MEANING_EMPTY,  /* a fetch found none */
    MEANING_MARKED, /* a mark was carried out */
    MEANING_FAILURE /* it was not, or nobody can tell */
};

struct meaning {
    enum meaning_kind kind;
    int error;             /* of a FAILURE: HAPLO_E* */
    uint64_t delay_ms;     /* that it asks for */
    uint64_t marked_count; /* MARKED */
    int64_t unread_count;  /* MARKED; -1: not told */
    bool is_repeated;      /* MARKED: the request was sent twice */
};

struct meaning meaning_of_failure(int error);

struct meaning meaning_of_answer(const struct answer *answer, bool is_mark,
                                 enum remote_revision revision,
                                 bool is_repeated);

#endif
