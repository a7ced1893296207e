/*
 * haplopoll.h - poll many Haplo integration message queues, on many servers,
 * inside the application's own libuv loop.
 *
 * The way of a message:
 *
 *   - the poller GETs a queue's fetch URL when the queue is due;
 *   - deliver_cb receives the whole batch, once it is known to be whole;
 *   - the application makes it durable and answers haplo_batch_accept();
 *   - the poller POSTs the batch's token to the mark URL, so that the server
 *     does not send these messages again;
 *   - marked_cb tells that the server has confirmed it.
 *
 * A queue never has more than one token outstanding. A message is never
 * marked before the application has accepted it, so no fault loses one. If the
 * confirmation of a mark was lost, messages are delivered again; they are then
 * told from new ones by the queue's state: see "The state contract".
 *
 * Threads: none. Everything here is called from, and calls back on, the
 * thread that runs the loop. No callback fires inside the call of a function
 * of this header, unless that function's comment says so; event_cb is the
 * exception: it may fire inside any of them, and may only read.
 *
 * Ownership is told in three words: a function "borrows" what must stay valid
 * only during the call (or as long as stated), "copies" what it keeps, and
 * "takes" what becomes its own.
 *
 * Units: times in milliseconds, sizes in bytes, named in the last word.
 * Errors: 0, or one of the negative HAPLO_E* codes.
 */
#ifndef HAPLOPOLL_H
#define HAPLOPOLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HAPLO_VERSION_MAJOR 0
#define HAPLO_VERSION_MINOR 1
#define HAPLO_VERSION_PATCH 0

#if defined(__GNUC__)
#define HAPLO_EXTERN __attribute__((visibility("default")))
#else
#define HAPLO_EXTERN
#endif

/* -- Limits: everything that could grow has a stated end ------------------ */

#define HAPLO_NAME_SIZE_MAX 128       /* a server's or a queue's name */
#define HAPLO_URL_SIZE_MAX 1024       /* a server's URL */
#define HAPLO_KEY_SIZE_MIN 16         /* an API key; the server's own minimum */
#define HAPLO_KEY_SIZE_MAX 256        /* an API key; Haplo makes 44 */
#define HAPLO_TOKEN_SIZE_MAX 262144   /* decoded; see HAPLO_ETOOBIG */
#define HAPLO_TEXT_SIZE_MAX 512       /* one line of explanation */
#define HAPLO_WAIT_MS_MAX 2678400000  /* 31 days: any wait or time limit */
#define HAPLO_POINTER_DEPTH_MAX 16    /* segments of a JSON pointer */
#define HAPLO_LEFTOVER_COUNT_MAX 1024 /* see haplo_batch_state() */

/* -- Errors --------------------------------------------------------------- */

/* X(name, number, text). "Permanent" ones do not mend themselves: somebody
 * has to change a key, a URL or the configuration. */
#define HAPLO_ERRNO_MAP(X)                                                   \
    X(EINVAL, 1, "invalid argument")                                         \
    X(ENOMEM, 2, "out of memory")                                            \
    X(EEXIST, 3, "the name is in use already")                               \
    X(EBUSY, 4, "still in use")                                              \
    X(ECANCELED, 5, "cancelled")                                             \
    X(ESTOPPED, 6, "the poller is stopping")                                 \
    X(ERESOLVE, 10, "the host name was not resolved")                        \
    X(ECONNECT, 11, "no connection to the server")                           \
    X(ETLS, 12, "the TLS connection was not established")                    \
    X(ETIMEDOUT, 13, "timed out")                                            \
    X(ERESET, 14, "the connection was lost before the answer was whole")     \
    X(ESERVER, 15, "the server reported an error of its own")                \
    X(EPROTOCOL, 16, "the answer is not HTTP/1.1 as a Haplo server speaks")  \
    X(EREDIRECT, 20, "the server redirects elsewhere")                       \
    X(ENOTFOUND, 21, "the server knows no such host name or path")           \
    X(ESTATUS, 22, "the server answered with an unexpected status")          \
    X(ECONTENT, 23, "the answer is not of the expected content type")        \
    X(EDOCUMENT, 24, "the answer is not the expected document")              \
    X(ETOOBIG, 25, "the answer is larger than the limit")                    \
    X(EREFUSED, 30, "the server refused the API key")                        \
    X(ETHROTTLED, 31, "too many failed logins: the server asks for silence") \
    X(ENOPROGRESS, 40, "the mark was answered but marked nothing")           \
    X(EDELIVERY, 41, "the messages could not be delivered for now")          \
    X(EREJECTED, 42, "the messages were rejected")                           \
    X(ESTALE, 43, "the stored state is another one")

enum haplo_error {
#define HAPLO_ERRNO_ENUM(name, number, text) HAPLO_##name = -(number),
    HAPLO_ERRNO_MAP(HAPLO_ERRNO_ENUM)
#undef HAPLO_ERRNO_ENUM
};

/* The name ("HAPLO_ETLS") and the text of an error; of 0, and of a number
 * that is none, "HAPLO_OK" / "no error" and "HAPLO_EUNKNOWN" / "unknown
 * error". Static strings. */
HAPLO_EXTERN const char *haplo_error_name(int error);
HAPLO_EXTERN const char *haplo_error_text(int error);

/* True where waiting alone may mend it (connect, time-out, 5xx, a sink that
 * asks for a retry ...), false where somebody has to change something. */
HAPLO_EXTERN bool haplo_error_is_transient(int error);

/* The library's version, "0.1.0". Static string. */
HAPLO_EXTERN const char *haplo_version(void);

/* -- Memory --------------------------------------------------------------- */

/* Replaces malloc, realloc and free for all of the library's own memory
 * (libcurl and libuv have hooks of their own). Borrows the functions for the
 * process's life; call it before anything else, or not at all. Returns
 * HAPLO_EINVAL if one of them is NULL. */
HAPLO_EXTERN int haplo_replace_allocator(void *(*malloc_cb)(size_t),
                                         void *(*realloc_cb)(void *, size_t),
                                         void (*free_cb)(void *));

/* -- Objects -------------------------------------------------------------- */

struct haplo_poller; /* one for each loop, or several */
struct haplo_server; /* one base URL; belongs to a poller */
struct haplo_queue;  /* one queue; belongs to a server */
struct haplo_batch;  /* what one fetch returned; lent to deliver_cb */

/* Bytes that need not end in NUL and may contain it. */
struct haplo_slice {
    const char *data;
    size_t size;
};

/*
 * One message. `body` is the exact bytes that the server sent, never
 * re-serialised. `id` and `datetime` are the JSON values found in the message
 * (with their quotes), size 0 if there are none; they are no identity, as a
 * message's own data may override them.
 */
struct haplo_message {
    struct haplo_slice body;     /* exact bytes */
    struct haplo_slice id;       /* JSON value, or empty */
    struct haplo_slice datetime; /* JSON value, or empty */
    uint8_t key[16];             /* XXH3-128 of body, canonical order */
    bool is_repeat;              /* stored already: see below */
};

/* -- The state contract --------------------------------------------------- */

/*
 * Who stores messages exactly once keeps a state for each queue: some bytes,
 * opaque, that the library gives and wants back.
 *
 *   - deliver_cb, in one transaction: read the queue's stored state (empty if
 *     there is none yet) and compare it with haplo_batch_state() by
 *     haplo_state_compare(). HAPLO_COMPARE_CURRENT: store the messages that
 *     are no repeats, and the new state in place of the old one; commit;
 *     accept. HAPLO_COMPARE_STORED: an earlier commit of this batch, whose
 *     outcome was unknown, succeeded; accept. HAPLO_COMPARE_STALE: write
 *     nothing, and answer haplo_batch_stale() with what is stored.
 *   - A commit that failed, or whose outcome is unknown: haplo_batch_retry().
 *   - marked_cb: where haplo_state_compare() says HAPLO_COMPARE_CURRENT, store
 *     mark->state. That may be done later, or fail.
 *   - At the next start, pass the stored state as haplo_queue_options.state.
 *
 * A state is small: HAPLO_STATE_SIZE_MAX(n) bytes for a batch of n messages.
 * It names the states that it may follow, and holds the keys of the messages
 * that are stored and not known to be confirmed. A message that is among these
 * is a repeat. Everything else is new, or was marked as unsent by an
 * administrator: it must be stored. Stale means that another process stores
 * this queue, that an older copy was restored, or that a batch was dropped
 * although its commit, of unknown outcome, had succeeded.
 *
 * Messages that are equal to the byte are counted: where one is stored and not
 * known to be confirmed, one of two that are fetched is a repeat.
 */

/* Bytes of the state of a batch of count messages, at most. */
#define HAPLO_STATE_SIZE_MAX(count) \
    (64 + 16 * ((size_t)(count) + HAPLO_LEFTOVER_COUNT_MAX))

enum haplo_compare {
    HAPLO_COMPARE_CURRENT, /* store the new state in its place */
    HAPLO_COMPARE_STORED,  /* it is the new state already */
    HAPLO_COMPARE_STALE    /* it is any other state */
};

/* How the stored state stands to a new one, which says in itself which states
 * it may follow. stored may be any bytes, and empty where nothing is stored.
 * Reads these bytes alone: it may be called on any thread, inside a
 * transaction. */
HAPLO_EXTERN enum haplo_compare haplo_state_compare(struct haplo_slice state,
                                                    struct haplo_slice stored);

/* -- States --------------------------------------------------------------- */

/* X(name, text). The diagram of their edges is in src/core/queue.h. */
#define HAPLO_QUEUE_STATE_MAP(X)                                 \
    X(IDLE, "waiting for its interval")                          \
    X(READY, "due, waiting for its turn on the server")          \
    X(FETCHING, "fetching")                                      \
    X(DELIVERING, "the application has the batch")               \
    X(DELIVER_WAIT, "delivery is retried later")                 \
    X(MARK_READY, "delivered, waiting for its turn to mark")     \
    X(MARKING, "marking")                                        \
    X(MARK_WAIT, "the mark is retried soon")                     \
    X(BACKOFF, "failed, waiting longer each time")               \
    X(REFUSED, "the server refuses its API key")                 \
    X(BLOCKED, "the application rejected its batch")             \
    X(PAUSED, "paused")                                          \
    X(LAST_DELIVERING, "pausing: the application has the batch") \
    X(LAST_MARK_READY, "pausing: delivered, waiting to mark")    \
    X(LAST_MARKING, "pausing: marking")                          \
    X(LAST_MARK_WAIT, "pausing: the mark is retried soon")

enum haplo_queue_state {
#define HAPLO_QUEUE_STATE_ENUM(name, text) HAPLO_QUEUE_##name,
    HAPLO_QUEUE_STATE_MAP(HAPLO_QUEUE_STATE_ENUM)
#undef HAPLO_QUEUE_STATE_ENUM
};

/* X(name, text). The diagram of their edges is in src/core/server.h. */
#define HAPLO_SERVER_STATE_MAP(X)                       \
    X(UP, "in use")                                     \
    X(DOWN, "failing: no request until the time is up") \
    X(PROBING, "failing: one request finds out")        \
    X(SILENT, "throttled: no request until the time is up")

enum haplo_server_state {
#define HAPLO_SERVER_STATE_ENUM(name, text) HAPLO_SERVER_##name,
    HAPLO_SERVER_STATE_MAP(HAPLO_SERVER_STATE_ENUM)
#undef HAPLO_SERVER_STATE_ENUM
};

/* Static strings: "FETCHING" and "fetching". */
HAPLO_EXTERN const char *haplo_queue_state_name(enum haplo_queue_state state);
HAPLO_EXTERN const char *haplo_queue_state_text(enum haplo_queue_state state);
HAPLO_EXTERN const char *haplo_server_state_name(enum haplo_server_state state);
HAPLO_EXTERN const char *haplo_server_state_text(enum haplo_server_state state);

/* -- Events: for logs and traces ------------------------------------------ */

/* A queue or a server has changed its state, or something is worth a line of
 * a log without a change of state (then from == to). */
struct haplo_event {
    uint64_t now_ms;             /* the loop's time */
    struct haplo_server *server; /* always */
    struct haplo_queue *queue;   /* NULL if it is the server's event */
    int from;                    /* enum haplo_queue_state or server_state */
    int to;                      /* the same */
    int error;                   /* why: 0 or HAPLO_E* */
    const char *text;            /* error in full, "" if none; no secrets */
    uint64_t message_count;      /* of the batch, where there is one */
    uint64_t delay_ms;           /* until the next try, where one is planned */
};

/* Borrowed event, valid during the call. May only call functions that take a
 * pointer to const: it can fire inside any other function. */
typedef void (*haplo_event_cb)(struct haplo_poller *poller,
                               const struct haplo_event *event);

/* -- Poller --------------------------------------------------------------- */

/* Set struct_size to sizeof; what is 0 or NULL gets the default named. */
struct haplo_poller_options {
    size_t struct_size;     /* sizeof(struct haplo_poller_options) */
    unsigned in_flight_max; /* requests at once, all servers: 256 */
    size_t
        undelivered_bytes_max; /* no new fetch while bodies hold more: 256M */
    uint64_t seed;             /* of jitter; 0: the system's randomness */
    haplo_event_cb event_cb;   /* none */
    void *data;                /* the application's own */
};

/*
 * Makes a poller on a loop. Borrows the loop until close_cb; copies options
 * (NULL: all defaults). The poller starts at once: a queue is polled as soon
 * as it is added and due. An idle poller with queues keeps the loop alive.
 *
 * HAPLO_EINVAL, HAPLO_ENOMEM; on error *poller is NULL.
 */
HAPLO_EXTERN int haplo_poller_new(uv_loop_t *loop,
                                  const struct haplo_poller_options *options,
                                  struct haplo_poller **poller);

/* Fires once, from the loop. batches_left: of the batches that were with the
 * application or being marked, how many are not confirmed; the server will
 * send their messages again. */
typedef void (*haplo_stopped_cb)(struct haplo_poller *poller,
                                 size_t batches_left);

/*
 * Drains: no new fetch from now on; fetches in flight are dropped; batches
 * with the application and marks are finished, until deadline_ms from now.
 * stopped_cb then fires; only haplo_poller_close() may follow it.
 *
 * HAPLO_ESTOPPED if it was called before.
 */
HAPLO_EXTERN int haplo_poller_stop(struct haplo_poller *poller,
                                   uint64_t deadline_ms,
                                   haplo_stopped_cb stopped_cb);

typedef void (*haplo_close_cb)(void *data);

/*
 * Cancels everything and frees the poller, its servers and its queues. No
 * other callback fires from now on; close_cb (may be NULL) fires once, from
 * the loop, with the poller's data, when no handle is left in the loop.
 * Batches that are still with the application may be read until close_cb;
 * their answers are ignored.
 */
HAPLO_EXTERN void haplo_poller_close(struct haplo_poller *poller,
                                     haplo_close_cb close_cb);

HAPLO_EXTERN void *haplo_poller_data(const struct haplo_poller *poller);

struct haplo_poller_stats {
    size_t struct_size;        /* set it before the call */
    unsigned in_flight;        /* requests right now */
    size_t undelivered_bytes;  /* held in batches right now */
    size_t server_count;       /* */
    size_t queue_count;        /* */
    uint64_t connection_count; /* connections opened since the start */
};

HAPLO_EXTERN void haplo_poller_stats(const struct haplo_poller *poller,
                                     struct haplo_poller_stats *stats);

/* -- Server --------------------------------------------------------------- */

/* Set struct_size to sizeof; what is 0 or NULL gets the default named. */
struct haplo_server_options {
    size_t struct_size;               /* sizeof(struct haplo_server_options) */
    const char *name;                 /* required; unique in the poller */
    const char *url;                  /* required; https://HOST[:PORT] */
    bool allow_http;                  /* http to other hosts than loopback */
    const char *tls_ca_file;          /* PEM; the system's bundle */
    const char *tls_certificate_file; /* PEM, of the client; none */
    const char *tls_key_file;         /* PEM, of the client; none */
    const char *proxy;                /* URL; none, whatever the environment */
    unsigned in_flight_max;           /* requests at once: 1 */
    uint64_t connect_timeout_ms;      /* name, TCP and TLS: 10 s */
    uint64_t first_byte_timeout_ms;   /* from the request to the answer: 60 s */
    uint64_t stall_timeout_ms;        /* between two bytes of it: 30 s */
    uint64_t total_timeout_ms;        /* the whole request: 120 s */
    unsigned failed_logins_max;       /* in a row, of keys not proven: 5 */
    unsigned breaker_failures;        /* in a row, until the breaker opens: 5 */
    void *data;                       /* the application's own */
    unsigned failed_logins;           /* in a row, of earlier pollers: 0 */
    uint64_t failed_login_age_ms;     /* since the newest of these */
};

/*
 * Adds a server. Copies options. why (may be NULL) receives one line on
 * error; it is why_size bytes large.
 *
 * A server counts failed logins over all processes at this address. An
 * application that is started again and again gives the count of the time
 * before, so that failed_logins_max holds over all: it stores failed_logins of
 * haplo_server_stats() with the time whenever that changes, which an event
 * tells (a queue's event with HAPLO_EREFUSED counts one more, others may come
 * with a count that was cleared). A count older than 310 s is forgotten. Queues
 * whose keys worked the last time are added with key_proven: they need not
 * wait for what other keys have spent.
 *
 * HAPLO_EINVAL (name, URL, http without allow_http), HAPLO_EEXIST,
 * HAPLO_ENOMEM, HAPLO_ESTOPPED; on error *server is NULL.
 */
HAPLO_EXTERN int haplo_server_add(struct haplo_poller *poller,
                                  const struct haplo_server_options *options,
                                  struct haplo_server **server, char *why,
                                  size_t why_size);

/* Frees a server that has no queues left; else HAPLO_EBUSY. */
HAPLO_EXTERN int haplo_server_remove(struct haplo_server *server);

HAPLO_EXTERN const char *haplo_server_name(const struct haplo_server *server);
HAPLO_EXTERN void *haplo_server_data(const struct haplo_server *server);

struct haplo_server_stats {
    size_t struct_size;            /* set it before the call */
    enum haplo_server_state state; /* */
    unsigned in_flight;            /* requests right now */
    unsigned failures;             /* in a row, of the connection kind */
    unsigned failed_logins;        /* in a row; see failed_logins_max */
    bool logins_held;              /* keys not proven wait: budget spent */
    uint64_t wait_ms;              /* until the state or the hold ends, or 0 */
    int error;                     /* the newest failure, or 0 */
    const char *error_text;        /* borrowed until the next callback */
    size_t queue_count;            /* */
    uint64_t request_count;        /* since the start */
    uint64_t failed_login_count;   /* since the start */
    uint64_t throttle_count;       /* THROTTLE answers since the start */
};

HAPLO_EXTERN void haplo_server_stats(const struct haplo_server *server,
                                     struct haplo_server_stats *stats);

/* -- Queue ---------------------------------------------------------------- */

enum haplo_format {
    HAPLO_FORMAT_JSON, /* Haplo's own, or another shape by the pointers */
    HAPLO_FORMAT_RAW   /* the whole body is one message */
};

/*
 * A batch for the application. It answers exactly once, now or later, with
 * haplo_batch_accept(), _retry(), _stale(), _drop() or _reject(), and may do so
 * inside this call. The batch is borrowed until the answer.
 */
typedef void (*haplo_deliver_cb)(struct haplo_queue *queue,
                                 struct haplo_batch *batch);

struct haplo_mark {
    struct haplo_slice state; /* to be stored now; borrowed */
    size_t message_count;     /* of the batch; 0: an empty fetch has shown that
                                 earlier batches were marked */
    uint64_t marked_count;    /* as the server counts; fewer after a retry */
    int64_t unread_count; /* left on the server; -1: it did not say (2019) */
};

/* The server has confirmed the mark of the batch accepted last. Borrowed
 * mark. */
typedef void (*haplo_marked_cb)(struct haplo_queue *queue,
                                const struct haplo_mark *mark);

/* Set struct_size to sizeof; what is 0 or NULL gets the default named. */
struct haplo_queue_options {
    size_t struct_size;           /* sizeof(struct haplo_queue_options) */
    const char *name;             /* required; unique in the server */
    const char *api_key;          /* required; wiped from memory at the end */
    struct haplo_slice state;     /* as stored; empty at first; copied */
    uint64_t interval_ms;         /* between polls of a drained queue: 60 s */
    uint64_t interval_max_ms;     /* it stretches to this while empty: none */
    uint64_t backoff_ms;          /* first wait after a failure: 1 s */
    uint64_t backoff_max_ms;      /* longest wait after a failure: 5 min */
    uint64_t refused_ms;          /* wait after a refused key: 15 min */
    unsigned mark_attempts_max;   /* of one token, before a new fetch: 4 */
    size_t body_bytes_max;        /* of one answer, unpacked: 64M */
    enum haplo_format format;     /* JSON */
    const char *token_pointer;    /* JSON: RFC 6901; "/token" */
    const char *messages_pointer; /* JSON: RFC 6901; "/messages" */
    const char *token_pattern;    /* RAW: see below; group 1 or all */
    const char *content_type;     /* "application/json"; RAW: not text/html */
    haplo_deliver_cb deliver_cb;  /* required */
    haplo_marked_cb marked_cb;    /* none */
    void *data;                   /* the application's own */
    bool key_proven;              /* the server took the key the last time */
};

/*
 * Adds a queue. Copies options. Its first poll is due within interval_ms, at
 * a moment that its name decides, so that many queues spread; see
 * haplo_queue_poll_now(). why (may be NULL) receives one line on error.
 *
 * HAPLO_EINVAL (name, key, state, pointers, pattern; RAW without
 * token_pattern, as it could never be marked), HAPLO_EEXIST, HAPLO_ENOMEM,
 * HAPLO_ESTOPPED; on error *queue is NULL.
 */
HAPLO_EXTERN int haplo_queue_add(struct haplo_server *server,
                                 const struct haplo_queue_options *options,
                                 struct haplo_queue **queue, char *why,
                                 size_t why_size);

/* Fires once, from the loop; the queue is gone when it returns. */
typedef void (*haplo_removed_cb)(struct haplo_queue *queue);

/* Pauses the queue and frees it when it is PAUSED: a batch that is with the
 * application, or being marked, is finished first. removed_cb may be NULL.
 * HAPLO_EBUSY if called before. */
HAPLO_EXTERN int haplo_queue_remove(struct haplo_queue *queue,
                                    haplo_removed_cb removed_cb);

/* No new fetch; an outstanding batch is finished first. Nothing if paused. */
HAPLO_EXTERN void haplo_queue_pause(struct haplo_queue *queue);

/* Ends a pause; the queue is due at once. Nothing if not paused. */
HAPLO_EXTERN void haplo_queue_resume(struct haplo_queue *queue);

/*
 * Ends a pause as haplo_queue_resume() does, but goes on from the state that
 * is stored now: for a queue that another process has stored meanwhile. Copies
 * state. HAPLO_EBUSY unless the queue is PAUSED and not being removed;
 * HAPLO_ESTOPPED; HAPLO_EINVAL if these bytes are no state; HAPLO_ENOMEM.
 */
HAPLO_EXTERN int haplo_queue_resume_from(struct haplo_queue *queue,
                                         struct haplo_slice state);

/* Makes the queue due at once, also out of BACKOFF, REFUSED and BLOCKED; it
 * still waits for its turn, and for a server that is DOWN or SILENT. Nothing
 * if paused or busy with a batch. */
HAPLO_EXTERN void haplo_queue_poll_now(struct haplo_queue *queue);

/* A new API key, used from the next request on; a REFUSED queue is due at
 * once. Copies the key. HAPLO_EINVAL, HAPLO_ENOMEM. */
HAPLO_EXTERN int haplo_queue_set_key(struct haplo_queue *queue,
                                     const char *api_key);

HAPLO_EXTERN const char *haplo_queue_name(const struct haplo_queue *queue);
HAPLO_EXTERN struct haplo_server *haplo_queue_server(
    const struct haplo_queue *queue);
HAPLO_EXTERN struct haplo_poller *haplo_queue_poller(
    const struct haplo_queue *queue);
HAPLO_EXTERN void *haplo_queue_data(const struct haplo_queue *queue);

struct haplo_queue_stats {
    size_t struct_size;            /* set it before the call */
    enum haplo_queue_state state;  /* */
    uint64_t generation;           /* batches ever stored, by the state */
    size_t unconfirmed_count;      /* messages stored, not known confirmed */
    int64_t unread_count;          /* as the server said last; -1: unknown */
    uint64_t wait_ms;              /* until the next step by itself, or 0;
                                      READY: until its key may be tried */
    unsigned failures;             /* in a row */
    int error;                     /* the newest failure, or 0 after success */
    const char *error_text;        /* borrowed until the next callback */
    uint64_t fetch_count;          /* fetches begun; all since the start */
    uint64_t batch_count;          /* whole batches with messages */
    uint64_t message_count;        /* in those */
    uint64_t marked_batch_count;   /* confirmed */
    uint64_t marked_message_count; /* in those batches */
    uint64_t failure_count;        /* fetches and marks that failed */
    uint64_t deliver_retry_count;  /* answers haplo_batch_retry() */
    uint64_t foreign_mark_count;   /* marks that came after another
                                      consumer's */
    uint64_t body_bytes;           /* of fetched bodies, unpacked */
};

HAPLO_EXTERN void haplo_queue_stats(const struct haplo_queue *queue,
                                    struct haplo_queue_stats *stats);

/* -- Checks: what the functions above refuse ------------------------------ */

/*
 * Each returns 0, or HAPLO_EINVAL with one line in why (may be NULL): what is
 * wrong, and what to do. The checked text is no part of that line. A text that
 * is NULL is refused like an empty one. haplo_server_add(), haplo_queue_add()
 * and haplo_queue_set_key() apply the same checks.
 */

/* A server's or a queue's name: 1 to HAPLO_NAME_SIZE_MAX letters, digits and
 * -._~!$&'()*+,;=:@, but not "." or "..". A server compares names with what
 * stands in the URL, so a name that needs encoding there is never found. */
HAPLO_EXTERN int haplo_name_check(const char *name, char *why, size_t why_size);

/* An API key: HAPLO_KEY_SIZE_MIN to HAPLO_KEY_SIZE_MAX printable ASCII
 * characters without spaces. */
HAPLO_EXTERN int haplo_api_key_check(const char *api_key, char *why,
                                     size_t why_size);

/* A server's URL: https://HOST or https://HOST:PORT, and http:// if HOST is
 * localhost, 127.0.0.0/8 or [::1], or with allow_http. */
HAPLO_EXTERN int haplo_url_check(const char *url, bool allow_http, char *why,
                                 size_t why_size);

/* A proxy's URL: http, https, socks5h or socks4a, and a HOST:PORT that a user
 * and a password may precede. */
HAPLO_EXTERN int haplo_proxy_check(const char *url, char *why, size_t why_size);

/*
 * A token_pattern: a regular expression in POSIX's extended syntax, on bytes
 * whatever the locale, without back references, so that any body is searched
 * in time proportional to its size. Also HAPLO_ENOMEM. A pattern that matches
 * anything is refused.
 */
HAPLO_EXTERN int haplo_token_pattern_check(const char *pattern, char *why,
                                           size_t why_size);

/* -- Batch ---------------------------------------------------------------- */

HAPLO_EXTERN struct haplo_queue *haplo_batch_queue(
    const struct haplo_batch *batch);

/* The state to be stored in the transaction that stores its new messages.
 * Borrowed until the answer. When more than HAPLO_LEFTOVER_COUNT_MAX stored
 * messages are neither in the batch nor known to be confirmed, the oldest are
 * dropped from it, which an event tells: a repeat of these would be stored
 * again. */
HAPLO_EXTERN struct haplo_slice haplo_batch_state(
    const struct haplo_batch *batch);

/* How many of its messages are no repeats. */
HAPLO_EXTERN size_t haplo_batch_new_count(const struct haplo_batch *batch);

/* How many messages it holds; at least one. */
HAPLO_EXTERN size_t haplo_batch_message_count(const struct haplo_batch *batch);

/* Its messages, in the server's order; borrowed until the answer. */
HAPLO_EXTERN const struct haplo_message *haplo_batch_messages(
    const struct haplo_batch *batch);

/* The messages are durable: mark them. The batch is gone. */
HAPLO_EXTERN void haplo_batch_accept(struct haplo_batch *batch);

/* Not now: deliver_cb gets the same batch again, after delay_ms or, with 0,
 * after the queue's back-off. why (may be NULL; copied) is for operators. */
HAPLO_EXTERN void haplo_batch_retry(struct haplo_batch *batch,
                                    uint64_t delay_ms, const char *why);

/* The stored state is another one than the batch was evaluated against: the
 * batch is dropped, and fetched again to be evaluated against this one. Copies
 * stored. HAPLO_EINVAL if these bytes are no state (the queue is then BLOCKED:
 * what is stored is damaged), HAPLO_ENOMEM (then as haplo_batch_retry()). */
HAPLO_EXTERN int haplo_batch_stale(struct haplo_batch *batch,
                                   struct haplo_slice stored);

/* Not now, and its memory is needed: the batch is gone, and is fetched again
 * after the queue's back-off. why as above. */
HAPLO_EXTERN void haplo_batch_drop(struct haplo_batch *batch, const char *why);

/* Never: the queue is BLOCKED, nothing is marked, and the batch is gone;
 * haplo_queue_poll_now() tries again. why as above. */
HAPLO_EXTERN void haplo_batch_reject(struct haplo_batch *batch,
                                     const char *why);

#ifdef __cplusplus
}
#endif

#endif
