/*
 * message.h - a message on a simulated server, what it has in common with
 * equal ones, and the token of a batch. What the fields of the book mean is
 * told in book.h.
 */
#ifndef TEST_SIM_MESSAGE_H
#define TEST_SIM_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_TWINS_MAX 6 /* equal messages in one queue */

struct remote_queue;

/* What is known of the nth of equal messages in a batch. */
enum standing {
    STANDING_NONE,    /* never stored */
    STANDING_OPEN,    /* stored; no confirmation has come since */
    STANDING_CLOSING, /* confirmed; the epoch's commit is to come */
    STANDING_CLOSED   /* and that is on the disk */
};

/* The bytes of one message, or of several that are equal. */
struct content {
    const char *body;                           /* */
    size_t size;                                /* of body */
    bool is_overridden;                         /* its id is others', too */
    unsigned member_count;                      /* messages that have it */
    unsigned demand_count;                      /* posts and unsends */
    unsigned stored_count;                      /* as new */
    bool is_ambiguous;                          /* nobody can tell them */
    uint8_t standing[MESSAGE_TWINS_MAX];        /* by ordinal */
    uint64_t closing_number[MESSAGE_TWINS_MAX]; /* of which confirmation */
};

struct message {
    struct content *content; /* */
    struct message *next;    /* in its queue, in the order of posting */
    uint32_t number;         /* in its queue, from 1 */
    uint32_t date;           /* as the server sorts; does not grow strictly */
    bool is_unread;          /* on the server */
    unsigned generation;     /* times that it was unsent */
    int stored_generation;   /* the newest that is stored; -1: none */
    int reached_generation;  /* the newest at the outlet; -1: none */
    bool is_owed;            /* must still come into the sink */
    bool is_promise_fresh;   /* owed since an unsend while CLOSING */
    bool is_taken;           /* others marked it before it was ours */
    bool is_outlet_only;     /* the outlet has it, and the ledger not */
};

struct token_part {
    struct message *message; /* */
    unsigned generation;     /* when it was fetched */
    unsigned ordinal;        /* among equal ones in the batch */
};

/* Of one answer to a fetch that had messages. */
struct token {
    uint32_t number;            /* in the world, from 1 */
    struct remote_queue *queue; /* */
    bool is_stored;             /* all of its messages are on the disk */
    unsigned posts;             /* by the process that fetched it */
    uint64_t first_post_ms;     /* */
    unsigned count;             /* of parts */
    struct token_part parts[];  /* */
};

#endif
