/*
 * message.h - a message on a simulated server, what it shares with equal ones,
 * and the token of a batch. book.h explains the fields that belong to the
 * book.
 */
#ifndef TEST_SIM_MESSAGE_H
#define TEST_SIM_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_TWINS_MAX 16 /* stored copies that are not known as marked */
#define MESSAGE_HOSTS_MAX 3  /* processes at a time */

struct remote_queue;

/* What is known of one stored copy of equal messages, which cannot be told
 * apart. */
enum standing {
    STANDING_NONE,    /* never stored */
    STANDING_OPEN,    /* stored; no confirmation has come since */
    STANDING_CLOSING, /* confirmed; that is not stored yet */
    STANDING_CLOSED   /* and that is stored */
};

/* The bytes of one message, or of several that are equal. */
struct content {
    const char *body;
    size_t size;           /* of body */
    bool is_overridden;    /* its id is others', too */
    bool has_key;          /* it was delivered once */
    uint8_t key[16];       /* as the product has it */
    uint8_t poison;        /* destinations that refuse it, by bit */
    char id_end;           /* last digit of its id, which rules look at */
    unsigned member_count; /* messages that have it */
    unsigned demand_count; /* posts and unsends */
    unsigned stored_count; /* as new */
    bool is_ambiguous;     /* nobody can tell them */
    uint8_t standing[MESSAGE_TWINS_MAX]; /* of its copies */
    uint64_t closing_number[MESSAGE_HOSTS_MAX]
                           [MESSAGE_TWINS_MAX]; /* of which confirmation, by
                                                   the process; 0: none */
};

struct message {
    struct content *content;
    struct message *next; /* in its queue, in the order of posting */
    uint32_t number;      /* in its queue, from 1 */
    uint64_t posted_ms;
    uint32_t date;         /* as the server sorts; does not grow strictly */
    bool is_unread;        /* on the server */
    unsigned generation;   /* times that it was unsent */
    int stored_generation; /* the newest that is stored; -1: none */
    bool is_owed;          /* must still come into the inbox */
    bool is_promise_fresh; /* owed since an unsend while CLOSING */
    bool is_taken;         /* others marked it before it was ours */
};

struct token_part {
    struct message *message;
    unsigned generation; /* when it was fetched */
    unsigned ordinal;    /* among equal ones in the batch */
};

/* The outcome of the last attempt to store a batch. */
enum outcome {
    OUTCOME_NONE,   /* there was none */
    OUTCOME_FINE,   /* it is durable */
    OUTCOME_STALE,  /* another state was stored */
    OUTCOME_OUTAGE, /* nothing is stored */
    OUTCOME_DOUBT   /* nobody was told */
};

/* The token of one response to a fetch, with its messages. */
struct token {
    uint32_t number; /* in the world, from 1 */
    struct remote_queue *queue;
    bool is_stored;          /* all of its messages are durable */
    bool was_new;            /* when it was delivered, some of them were */
    bool is_poison;          /* they never can be */
    enum outcome outcome;    /* of the newest try */
    uint64_t confirm_number; /* the newest of its queue, as it came */
    unsigned posts;          /* by the process that fetched it */
    uint64_t first_post_ms;
    unsigned count; /* of parts */
    struct token_part parts[];
};

#endif
