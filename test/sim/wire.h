/*
 * wire.h - requests and responses in transit: how long they take, which are
 * lost, cut, delayed or duplicated, and what a proxy responds itself.
 */
#ifndef TEST_SIM_WIRE_H
#define TEST_SIM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "remote.h"

#define WIRE_FORM_SIZE_MAX 64
#define WIRE_LATE_MS_MAX 90000    /* a request is carried out so much later */
#define WIRE_CACHE_MS_MAX 1200000 /* a cache answers for so long */

struct world;

/* What happens to a request. */
enum fate {
    FATE_FINE,
    FATE_UNRESOLVED, /* the look-up of the name failed */
    FATE_NO_CONNECTION,
    FATE_REQUEST_LOST,   /* reset before it was carried out */
    FATE_REQUEST_STALLS, /* timed out, and never carried out */
    FATE_ANSWER_LOST,    /* carried out, then reset */
    FATE_ANSWER_STALLS,  /* carried out, then timed out */
    FATE_ANSWER_CUT,     /* carried out, half the answer came */
    FATE_LATE,           /* timed out, and carried out after that */
    FATE_SENT_TWICE,     /* by libcurl; carried out twice */
    FATE_RESENT,         /* by libcurl; the first was not carried out */
    FATE_ERROR_BEFORE,   /* 500, nothing done */
    FATE_ERROR_AFTER,    /* 500, all done */
    FATE_HALF,           /* 500, half of the mark done */
    FATE_PAGE_BEFORE,    /* 200 with HTML, nothing done */
    FATE_PAGE_AFTER,     /* all done */
    FATE_GARBLED,        /* done, but the answer cannot be used */
    FATE_ODD,            /* 400 */
    FATE_REFUSED,        /* 403 with HTML, nothing done, no login counted */
    FATE_REPLAYED,       /* from now on, a cache answers fetches */
    FATE_NO_MEMORY,      /* the client cannot even begin */
    FATE_COUNT
};

struct exchange {
    struct remote_queue *queue;
    struct seen_queue *asker;  /* until it is abandoned */
    struct transfer *transfer; /* the same */
    bool is_mark;
    int key;
    unsigned address;              /* that it is sent to */
    struct token *token;           /* of a mark */
    char form[WIRE_FORM_SIZE_MAX]; /* of a mark */
    size_t form_size;
    enum fate fate;
    bool is_abandoned; /* the client does not wait for it */
    bool is_dropped;   /* it will never be carried out */
    bool is_repeated;  /* libcurl has sent it twice */
    int error;         /* with which it fails, if it does */
    struct answer answer;
};

/* Draws what happens to the queue's next request. */
enum fate wire_draw_fate(struct world *world, const struct remote_queue *queue,
                         bool is_mark, const struct token *token);

/* Sends a request that will end by network_answered() or network_failed(),
 * unless it is abandoned. */
struct exchange *wire_send(struct world *world, struct exchange draft);

/* The client stops waiting. What was sent may still be carried out. */
void wire_abandon(struct world *world, struct exchange *exchange);

#endif
