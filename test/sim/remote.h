/*
 * remote.h - Haplo servers, as described in the notes on the protocol: queues,
 * messages, fetches that lease nothing, marks that are idempotent and may stop
 * halfway, and the count of failed logins. The network between is in wire.h.
 */
#ifndef TEST_SIM_REMOTE_H
#define TEST_SIM_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message.h"

#define REMOTE_FAILED_LOGINS_MAX 50 /* then good keys are refused, too */
#define REMOTE_THROTTLE_MS 300000   /* since the last counted failure */
#define REMOTE_BATCH_MAX 512        /* also of an unlimited fetch */
#define REMOTE_QUEUES_MAX 24        /* in a world */

struct world;

enum remote_revision {
    REVISION_2019,     /* no limit, by id; text without unread; 403 as HTML */
    REVISION_MID_2020, /* text with unread */
    REVISION_2020_07   /* JSON */
};

/* A temporary fault of a whole server. */
enum outage {
    OUTAGE_NONE,
    OUTAGE_UNREACHABLE, /* no connection */
    OUTAGE_STALLED,     /* requests time out */
    OUTAGE_ERROR,       /* 500 */
    OUTAGE_BUSY,        /* a proxy: 503, 429, Retry-After */
    OUTAGE_PAGE,        /* 200, but HTML */
    OUTAGE_REDIRECT,    /* 302 */
    OUTAGE_ABSENT,      /* 404 */
    OUTAGE_COUNT
};

/* Failed logins, as they are counted at one address. */
struct remote_logins {
    unsigned failed;  /* of everybody */
    unsigned by_us;   /* of these, ours */
    unsigned by_runs; /* of these, those that it hears of, since what is kept
                         of them was lost last */
    uint64_t newest_ms;
};

/* One of the applications at its address. */
struct remote_server {
    unsigned index; /* in the world */
    char name[4];   /* "a" */
    enum remote_revision revision;
    bool is_by_id;      /* else by date, ties in any order */
    unsigned batch_max; /* messages in a batch; 0: no limit */
    unsigned address;   /* where it is; several may be at one */
    enum outage outage;
    unsigned queue_count;
    unsigned timeout_ms;        /* the client's, for an answer */
    unsigned in_flight_max;     /* the client's */
    unsigned failed_logins_max; /* the same */
    unsigned breaker_failures;  /* the same */
    unsigned config_number;     /* version of its options */
};

/* As in struct haplo_queue_options. */
struct remote_policy {
    uint64_t interval_ms;
    uint64_t interval_max_ms;
    uint64_t backoff_ms;
    uint64_t backoff_max_ms;
    uint64_t refused_ms;
    unsigned mark_attempts_max;
};

struct remote_queue {
    struct remote_server *server;
    unsigned index;       /* in the world */
    char name[8];         /* "a/q1" */
    const char *own_name; /* "q1" */
    int key;              /* that is good now */
    int client_key;       /* that is in the client's file */
    int key_change_count; /* of that file */
    bool is_forbidden;    /* key good, no permission: 200, HTML */
    bool ignores_tokens;  /* first posts mark nothing */
    bool is_key_refused[MESSAGE_HOSTS_MAX]; /* the clients' key, when tried
                                               last */
    bool is_configured;     /* else it is removed from the client */
    unsigned config_number; /* version of its options */
    struct message *first;  /* in the order of posting */
    struct message *last;
    uint32_t message_count;
    unsigned unread_count;
    struct token *cached;        /* the newest batch that was sent, or NULL */
    uint64_t cache_until_ms;     /* a cache sends it again and again */
    unsigned store;              /* index of its inbox's */
    struct remote_policy policy; /* the client's */
    uint64_t confirm_number;     /* the book's: newest confirmation */
};

enum remote_login { LOGIN_GOOD, LOGIN_REFUSED, LOGIN_THROTTLED };

/* Who marks. */
enum marker {
    MARKER_US,     /* a request whose answer is waited for */
    MARKER_LATE,   /* one that was given up, by time or by death */
    MARKER_FOREIGN /* another consumer */
};

/* Somebody adds messages to the queue. */
void remote_post(struct world *world, struct remote_queue *queue,
                 unsigned count);

/* An administrator unsends it; nothing if it is not marked. */
void remote_unsend(struct world *world, struct remote_queue *queue,
                   struct message *message);

/* Counts a login with that key, sent to that address. is_kept: the first
 * process hears of it, and keeps the count. */
enum remote_login remote_log_in(struct world *world, struct remote_queue *queue,
                                unsigned address, int key, bool is_kept);

/* Somebody else fails to log in from the client's address. */
void remote_fail_logins(struct world *world, struct remote_server *server,
                        unsigned count);

/* A batch, or NULL if nothing is unread. */
struct token *remote_fetch(struct world *world, struct remote_queue *queue);

/* The newest batch once more, from a cache, which the server knows nothing
 * about; NULL if not all of it is marked. */
struct token *remote_replay(struct world *world, struct remote_queue *queue);

/* Marks what is unread of the first part_count parts; returns how many were.
 */
unsigned remote_mark(struct world *world, const struct token *token,
                     unsigned part_count, enum marker marker);

#endif
