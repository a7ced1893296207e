/*
 * haplopoll.h - polls many Haplo integration message queues, on many servers,
 * inside the application's own libuv loop.
 *
 * The life of a message:
 *
 *   - When a queue is due, the poller GETs its fetch URL.
 *   - Once the whole batch has been received and checked, deliver_cb gets it.
 *     A response that may be truncated, or that a cache repeats, is rejected.
 *   - The application makes it durable and calls haplo_batch_accept().
 *   - The poller POSTs the token of the batch to the mark URL, so that the
 *     server does not send these messages again.
 *   - marked_cb reports that the server has confirmed it.
 *
 * A queue never has more than one token outstanding. A message is never marked
 * before the application has accepted it, so no failure loses a message. If
 * the confirmation of a mark is lost, messages are delivered again. The state
 * of the queue then distinguishes them from new ones: see "The state
 * contract".
 *
 * Threads: none. Call all functions on the thread that runs the loop;
 * callbacks fire on it; only the messages of a batch may be read elsewhere. No
 * callback fires inside a call of a function in this header unless its comment
 * says so. The exception is event_cb, which may fire inside any of them, and
 * may only read.
 *
 * Ownership is described by three words: a function "borrows" what must stay
 * valid only during the call (or for as long as stated), "copies" what it
 * keeps, and "takes" what it owns from then on.
 *
 * Units: times are in milliseconds, sizes in bytes; the last word of a name
 * says which. Errors: 0, or one of the negative HAPLO_E* codes.
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

/* -- Limits --------------------------------------------------------------- */

#define HAPLO_NAME_SIZE_MAX 128      /* a server's or a queue's name */
#define HAPLO_URL_SIZE_MAX 1024      /* a server's URL */
#define HAPLO_PATH_SIZE_MAX 256      /* the path in it; fetch_path, mark_path */
#define HAPLO_USER_SIZE_MAX 64       /* the user in front of an API key */
#define HAPLO_FIELD_SIZE_MAX 64      /* a token_field */
#define HAPLO_KEY_SIZE_MIN 16        /* an API key; the minimum of servers */
#define HAPLO_KEY_SIZE_MAX 256       /* an API key; Haplo generates 44 */
#define HAPLO_TOKEN_SIZE_MAX 1048569 /* percent-encoded, as it is posted */
#define HAPLO_TEXT_SIZE_MAX 512      /* one line of explanation */
#define HAPLO_WAIT_MS_MAX 2678400000 /* 31 days; for any wait or time limit */
#define HAPLO_POINTER_DEPTH_MAX 16   /* segments of a JSON pointer */
#define HAPLO_LEFTOVER_COUNT_MAX 1024 /* see haplo_batch_state() */

/* -- Errors --------------------------------------------------------------- */

/* X(name, number, text) */
#define HAPLO_ERRNO_MAP(X)                                                    \
    X(EINVAL, 1, "invalid argument")                                          \
    X(ENOMEM, 2, "out of memory")                                             \
    X(EEXIST, 3, "the name is in use already")                                \
    X(EBUSY, 4, "still in use")                                               \
    X(ECANCELED, 5, "cancelled")                                              \
    X(ESTOPPED, 6, "the poller is stopping")                                  \
    X(EANSWERED, 7, "the batch has been answered already")                    \
    X(ENOTSUP, 8, "a library in use lacks what is needed")                    \
    X(ERESOLVE, 10, "the host name could not be resolved")                    \
    X(ECONNECT, 11, "could not connect to the server")                        \
    X(ETLS, 12, "could not establish TLS")                                    \
    X(ETIMEDOUT, 13, "timed out")                                             \
    X(ERESET, 14, "the connection was lost before the response was complete") \
    X(ESERVER, 15, "the server reported an internal error")                   \
    X(EPROTOCOL, 16, "the response violates HTTP or may be truncated")        \
    X(EPROXY, 17, "the proxy refuses to connect to the server")               \
    X(ELIMITED, 18, "the server asks for fewer requests")                     \
    X(EREDIRECT, 20, "the server redirected the request")                     \
    X(ENOTFOUND, 21, "the server does not know this host name or path")       \
    X(ESTATUS, 22, "the server responded with an unexpected status")          \
    X(ECONTENT, 23, "the response has an unexpected content type")            \
    X(EDOCUMENT, 24, "the response is not the expected document")             \
    X(ETOOBIG, 25, "the response exceeds the size limit")                     \
    X(ECACHED, 26, "the response comes from a cache and may be outdated")     \
    X(EREFUSED, 30, "the server refused the API key")                         \
    X(ETHROTTLED, 31, "too many failed logins: the server refuses requests")  \
    X(ENOPROGRESS, 40, "the mark succeeded but marked nothing")               \
    X(EDELIVERY, 41, "the messages cannot be delivered at the moment")        \
    X(EREJECTED, 42, "the messages were rejected")                            \
    X(ESTALE, 43, "a different state is stored")

enum haplo_error {
#define HAPLO_ERRNO_ENUM(name, number, text) HAPLO_##name = -(number),
    HAPLO_ERRNO_MAP(HAPLO_ERRNO_ENUM)
#undef HAPLO_ERRNO_ENUM
};

/* The name ("HAPLO_ETLS") and the text of an error. 0 gives "HAPLO_OK" and "no
 * error"; an unknown number gives "HAPLO_EUNKNOWN" and "unknown error". Static
 * strings. */
HAPLO_EXTERN const char *haplo_error_name(int error);
HAPLO_EXTERN const char *haplo_error_text(int error);

/* True if a retry may succeed without any change (connect, timeout, 5xx,
 * haplo_batch_retry() and so on). False if somebody must change a key, a URL
 * or the configuration. */
HAPLO_EXTERN bool haplo_error_is_transient(int error);

/* The library's version, "0.1.0". Static string. */
HAPLO_EXTERN const char *haplo_version(void);

/* -- Memory --------------------------------------------------------------- */

/* Replaces malloc(), realloc() and free() for all memory that the library
 * allocates itself (libcurl and libuv have their own hooks). Borrows the
 * functions for the lifetime of the process. Returns HAPLO_EINVAL if one of
 * them is NULL, and HAPLO_EBUSY if the library has allocated memory already:
 * call it before any other function. */
HAPLO_EXTERN int haplo_replace_allocator(void *(*malloc_cb)(size_t),
                                         void *(*realloc_cb)(void *, size_t),
                                         void (*free_cb)(void *));

/* -- Objects -------------------------------------------------------------- */

struct haplo_poller; /* belongs to a loop, which may have several */
struct haplo_server; /* one base URL; belongs to a poller */
struct haplo_queue;  /* one queue; belongs to a server */

/*
 * Handle of a delivered batch, the result of one fetch. Copy it and pass it by
 * value. Its fields are private. It is valid until the batch is answered (see
 * haplo_deliver_cb) and stale after that: functions that answer return
 * HAPLO_EANSWERED and do nothing, all others return NULL, 0 or an empty slice.
 * So an answer that comes late, or twice, never reaches another batch. A
 * zeroed handle is stale. A stale handle may be used until close_cb of the
 * poller, even after its queue has been removed.
 */
struct haplo_batch {
    void *memory;    /* private */
    uint64_t serial; /* private; of one delivery */
};

/* Bytes that may contain NUL and are not NUL-terminated. */
struct haplo_slice {
    const char *data;
    size_t size;
};

/*
 * One message. `body` is the exact bytes that the server sent, never
 * re-serialised. `id` and `datetime` are the JSON values found in the message,
 * quotes included, or empty. They do not identify a message, because its own
 * data may override them.
 */
struct haplo_message {
    struct haplo_slice body;     /* exact bytes */
    struct haplo_slice id;       /* JSON value, or empty */
    struct haplo_slice datetime; /* JSON value, or empty */
    uint8_t key[16];             /* XXH3-128 of body, in canonical order */
    bool is_repeat;              /* already stored; see below */
};

/* -- The state contract --------------------------------------------------- */

/*
 * To store messages exactly once, the application keeps a state for each
 * queue: opaque bytes that it gets from the library and passes back to it.
 *
 *   - In deliver_cb, in one transaction: read the stored state of the queue
 *     (empty if there is none yet) and compare it with haplo_batch_state(),
 *     using haplo_state_compare().
 *       HAPLO_COMPARE_CURRENT: store the messages that are not repeats, and
 *         the new state in place of the old one; commit; accept.
 *       HAPLO_COMPARE_STORED: an earlier commit of this batch, whose outcome
 *         was unknown, succeeded; accept.
 *       HAPLO_COMPARE_STALE: write nothing, and call haplo_batch_stale() with
 *         the stored state.
 *   - If a commit fails, or its outcome is unknown: haplo_batch_retry().
 *   - In marked_cb: if haplo_state_compare() returns HAPLO_COMPARE_CURRENT,
 *     store mark->state. This may be done later, and may fail.
 *   - At the next start, pass the stored state as haplo_queue_options.state.
 *     Where confirmed states are stored late, let none be on its way then.
 *
 * examples/own_database.c does all of this, with SQLite; docs/embedding.md has
 * the statements for PostgreSQL.
 *
 * A state is small: at most HAPLO_STATE_SIZE_MAX(n) bytes for a batch of n
 * messages. It contains the ids of the states that it may follow, and the keys
 * of the messages that are stored and not known to be confirmed. A message
 * that is among these is a repeat. Any other message is new, or has been
 * unsent by an administrator, and must be stored. A stale state means that
 * another process stores this queue, that an older copy was restored, or that
 * a batch was dropped although its commit, of unknown outcome, had succeeded.
 *
 * Messages with identical bytes are counted: if one is stored and not known to
 * be confirmed, and two are fetched, one of them is a repeat.
 */

/* The maximum size of the state of a batch with count messages. */
#define HAPLO_STATE_SIZE_MAX(count) \
    (64 + 16 * ((size_t)(count) + HAPLO_LEFTOVER_COUNT_MAX))

enum haplo_compare {
    HAPLO_COMPARE_CURRENT, /* the new state may replace it */
    HAPLO_COMPARE_STORED,  /* it already is the new state */
    HAPLO_COMPARE_STALE    /* it is some other state */
};

/* Compares the stored state with a new one, which contains the states that it
 * may follow. stored may be any bytes, or empty if nothing is stored. Reads
 * nothing but these bytes, so it can be called on any thread, and inside a
 * transaction. */
HAPLO_EXTERN enum haplo_compare haplo_state_compare(struct haplo_slice state,
                                                    struct haplo_slice stored);

/* -- States --------------------------------------------------------------- */

/* X(name, text). See the diagram in src/core/queue.h. */
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

/* X(name, text). See the diagram in src/core/server.h. */
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

/* Static strings: "FETCHING" and "fetching"; "UNKNOWN" and "unknown" for
 * anything else. */
HAPLO_EXTERN const char *haplo_queue_state_name(enum haplo_queue_state state);
HAPLO_EXTERN const char *haplo_queue_state_text(enum haplo_queue_state state);
HAPLO_EXTERN const char *haplo_server_state_name(enum haplo_server_state state);
HAPLO_EXTERN const char *haplo_server_state_text(enum haplo_server_state state);

/* -- Events: for logs and traces ------------------------------------------ */

/* A queue or a server has changed its state, or something else is worth
 * logging (then from == to). */
struct haplo_event {
    uint64_t now_ms;             /* the loop's time */
    struct haplo_server *server; /* never NULL */
    struct haplo_queue *queue;   /* NULL: the event concerns the server */
    int from;                    /* enum haplo_queue_state, or server_state */
    int to;                      /* likewise */
    int error;                   /* the cause: 0 or HAPLO_E* */
    const char *text;            /* one line; "": none; contains no secrets */
    uint64_t message_count;      /* of the batch, if there is one */
    uint64_t delay_ms;           /* until the next attempt, if one is planned */
};

/* event is borrowed and valid only during the call. It can fire inside any
 * other function, so it may only call functions that take pointers to const. */
typedef void (*haplo_event_cb)(struct haplo_poller *poller,
                               const struct haplo_event *event);

/* -- Poller --------------------------------------------------------------- */

/*
 * Options: set struct_size to sizeof, and zero what you don't set: what is 0 or
 * NULL gets the default named. A later version of the library may add members
 * at the end. An application that was built with an earlier one gets their
 * defaults; one that sets a member that the library in use does not know gets
 * HAPLO_EINVAL.
 */

struct haplo_poller_options {
    size_t struct_size;     /* sizeof(struct haplo_poller_options) */
    unsigned in_flight_max; /* concurrent requests, all servers: 256 */
    size_t
        undelivered_bytes_max; /* no new fetch while bodies hold more: 256M */
    uint64_t seed;             /* for jitter; 0: random */
    haplo_event_cb event_cb;   /* none */
    void *data;                /* the application's own */
};

/*
 * Creates a poller on a loop. Borrows the loop until close_cb; copies options
 * (NULL: all defaults). The poller starts immediately: a queue is polled as
 * soon as it has been added and is due. On error, *poller is NULL and why (may
 * be NULL), a buffer of why_size bytes, receives one line.
 *
 * HAPLO_EINVAL, HAPLO_ENOMEM; HAPLO_ENOTSUP: the libcurl in use is too old, or
 * was built without TLS, zlib or an option that the library needs. why names
 * it.
 */
HAPLO_EXTERN int haplo_poller_new(uv_loop_t *loop,
                                  const struct haplo_poller_options *options,
                                  struct haplo_poller **poller, char *why,
                                  size_t why_size);

/*
 * A poller keeps its loop alive, so that uv_run() does not return, while it has
 *
 *     a queue that waits or is busy   every state but the next two
 *     a queue that is PAUSED          no: haplo_queue_resume() may come
 *     a queue that is BLOCKED         no: haplo_queue_poll_now() may come
 *     a batch that is not answered    yes, also while its queue is pausing
 *     no queue at all                 no
 *     haplo_poller_close() called     yes, until close_cb
 *
 * After haplo_poller_unref() only the last line holds, except that a look-up
 * of a name that has begun keeps the loop alive until it ends.
 * haplo_poller_ref() ends that. Both may be called again and again, and at any
 * time.
 */
HAPLO_EXTERN void haplo_poller_unref(struct haplo_poller *poller);
HAPLO_EXTERN void haplo_poller_ref(struct haplo_poller *poller);

/* The loop that it was created on. */
HAPLO_EXTERN uv_loop_t *haplo_poller_loop(const struct haplo_poller *poller);

/* Fires once, from the loop. batches_left is the number of batches that were
 * delivered or being marked, and could not be confirmed. The server will send
 * their messages again. */
typedef void (*haplo_stopped_cb)(struct haplo_poller *poller,
                                 size_t batches_left);

/*
 * Stops polling. Fetches in flight are cancelled and no new ones start;
 * delivered batches and marks are finished, for at most deadline_ms. Then
 * stopped_cb fires. After that, only answer batches that are left, and call
 * haplo_poller_close().
 *
 * HAPLO_ESTOPPED if called before.
 */
HAPLO_EXTERN int haplo_poller_stop(struct haplo_poller *poller,
                                   uint64_t deadline_ms,
                                   haplo_stopped_cb stopped_cb);

/*
 * For a poller whose queues another process may take over, should this one be
 * suspended or cut off: begins no fetch and no mark from this time on. It is
 * read afresh from CLOCK_BOOTTIME, in milliseconds, before each of them,
 * because the loop remembers the time; and again after a look-up of the
 * server's name, when it ends the request with HAPLO_ECANCELED. What has begun
 * is not stopped, and batches are delivered. A later deadline lets it go on.
 * UINT64_MAX, the default: no deadline.
 */
HAPLO_EXTERN void haplo_poller_set_deadline(struct haplo_poller *poller,
                                            uint64_t deadline_ms);

typedef void (*haplo_close_cb)(void *data);

/*
 * Cancels everything and frees the poller, its servers and its queues. No
 * callback fires from now on except close_cb (may be NULL), which fires once,
 * from the loop, with the data of the poller, when all its handles are closed,
 * every delivered batch has been answered, and the name look-ups have
 * ended. Until then, the application, and any thread of it, can read these
 * batches, and the loop stays alive. Any answer releases a batch now, and
 * returns HAPLO_ESTOPPED: nothing is marked.
 *
 * Look-ups cannot be cancelled: with an unresponsive name server they take as
 * long as the resolver of the system allows, often a minute. So does the end of
 * the process, because libuv waits for its threads in exit(); a process that
 * must not wait uses _exit().
 *
 * Pointers to the poller, its servers and its queues are invalid after
 * close_cb. A second call does nothing.
 *
 * The poller's handles are visible to uv_walk(), and must not be closed by it:
 * that is asserted. An application that closes whatever it finds on its loop
 * closes its pollers first, runs the loop until the last close_cb, and then
 * walks.
 */
HAPLO_EXTERN void haplo_poller_close(struct haplo_poller *poller,
                                     haplo_close_cb close_cb);

/* Sets two of the options again, 0 for the default: in_flight_max and
 * undelivered_bytes_max. What exceeds lower limits already is finished. A
 * server keeps the in_flight_max that it was added with. */
HAPLO_EXTERN void haplo_poller_set_limits(struct haplo_poller *poller,
                                          unsigned in_flight_max,
                                          size_t undelivered_bytes_max);

/* The application's own, as in the options. */
HAPLO_EXTERN void *haplo_poller_data(const struct haplo_poller *poller);

struct haplo_poller_stats {
    size_t struct_size;       /* set it before the call */
    unsigned in_flight;       /* current requests */
    size_t undelivered_bytes; /* currently held in batches */
    size_t server_count;
    size_t queue_count;
    uint64_t connection_count; /* connections opened so far */
};

/* Fills in as much as stats->struct_size has room for. */
HAPLO_EXTERN void haplo_poller_get_stats(const struct haplo_poller *poller,
                                         struct haplo_poller_stats *stats);

/* -- Server --------------------------------------------------------------- */

struct haplo_server_options {
    size_t struct_size;      /* sizeof(struct haplo_server_options) */
    const char *name;        /* required; unique in the poller */
    const char *url;         /* required; https://HOST[:PORT][/PATH] */
    bool allow_http;         /* allow http to hosts other than loopback */
    const char *fetch_path;  /* appended to it; see below */
    const char *mark_path;   /* likewise */
    const char *user;        /* in front of each API key: "haplo" */
    const char *token_field; /* of the form that marks: "token" */
    const char *tls_ca_file; /* PEM; default: the system bundle */
    const char *tls_certificate_file; /* PEM, of the client; none */
    const char *tls_key_file;         /* PEM, of the client; none */
    const char *proxy;      /* URL; none, even if the environment has one */
    unsigned in_flight_max; /* concurrent requests: 1 */
    uint64_t connect_timeout_ms;    /* name, TCP and TLS: 10 s */
    uint64_t first_byte_timeout_ms; /* from request to response: 60 s */
    uint64_t stall_timeout_ms;      /* between two bytes of that: 30 s */
    uint64_t total_timeout_ms;      /* the whole request: 120 s */
    unsigned failed_logins_max;     /* consecutive, with unproven keys: 5 */
    const char *login_group;   /* see below; by host name, address and port */
    unsigned breaker_failures; /* consecutive, open the breaker: 5 */
    void *data;                /* the application's own */
};

/*
 * Adds a server. Copies options. On error, why (may be NULL), a buffer of
 * why_size bytes, receives one line.
 *
 * Where a reverse proxy gives a server a path, it belongs to the URL. The paths
 * of a fetch and of a mark follow it:
 * "/api/haplo-integration-messages/poll/{queue}/fetch" and ".../{queue}/mark".
 * For a server that has been modified, they, the user and the form's field can
 * be replaced. {queue} stands for the name of a queue.
 *
 * A Haplo server counts the failed logins of our address, over all of its
 * applications and users, and locks the address out at 50. So all servers of a
 * poller that are the same actual server share one budget of failed logins, of
 * which the smallest failed_logins_max counts, and become SILENT together. At
 * most 40 requests are in flight or refused in a row, unless in_flight_max of
 * one of them is larger: keys may all be revoked at the same moment.
 *
 * Servers are the same if they have the same host name or a common address, and
 * the same port; nothing is sent before the name has been looked up. Through a
 * proxy only the name is known. Where that is wrong, as with several Haplo
 * servers behind one address, set login_group: servers are the same if they
 * have the same login_group, whatever their addresses. It is named like a
 * server.
 *
 * HAPLO_EINVAL (name, URL, paths, user, token_field, login_group, http without
 * allow_http), HAPLO_EEXIST, HAPLO_ENOMEM, HAPLO_ESTOPPED; on error *server is
 * NULL.
 */
HAPLO_EXTERN int haplo_server_add(struct haplo_poller *poller,
                                  const struct haplo_server_options *options,
                                  struct haplo_server **server, char *why,
                                  size_t why_size);

/*
 * Replaces all options of a server but its name, which may be NULL here; again,
 * what is 0 or NULL gets its default. Copies options; why as above. Queues keep
 * their states and their counters. If the server may be another one now (url,
 * user), their keys have to be proven again, and a server that is DOWN is tried
 * at once. Files of certificates are read again, so this is also how renewed
 * ones come into use.
 *
 * A token is never posted to a server that has not sent it. So, for any change,
 * HAPLO_EBUSY while one of its queues has a request in flight or an outstanding
 * batch: haplo_queue_pause() them, which finishes what is outstanding, and call
 * this when all are PAUSED. Errors otherwise as of haplo_server_add(); on error
 * nothing has changed.
 */
HAPLO_EXTERN int haplo_server_set_options(
    struct haplo_server *server, const struct haplo_server_options *options,
    char *why, size_t why_size);

/* Frees a server; pointers to it are invalid at once. HAPLO_EBUSY if it still
 * has queues. One that is being removed counts until its removed_cb is called,
 * which may remove the server. */
HAPLO_EXTERN int haplo_server_remove(struct haplo_server *server);

/* The server of this name, or NULL. */
HAPLO_EXTERN struct haplo_server *haplo_server_find(
    const struct haplo_poller *poller, const char *name);

/* Visits the servers of a poller in the order in which they were added:
 * previous NULL gets the first, and NULL follows the last. To remove servers on
 * the way, get the next one before that. */
HAPLO_EXTERN struct haplo_server *haplo_server_next(
    const struct haplo_poller *poller, const struct haplo_server *previous);

/* What it was added with, and to. The name is borrowed until it is removed. */
HAPLO_EXTERN const char *haplo_server_name(const struct haplo_server *server);
HAPLO_EXTERN struct haplo_poller *haplo_server_poller(
    const struct haplo_server *server);
HAPLO_EXTERN void *haplo_server_data(const struct haplo_server *server);

struct haplo_server_stats {
    size_t struct_size; /* set it before the call */
    enum haplo_server_state state;
    unsigned in_flight;     /* current requests */
    unsigned failures;      /* consecutive failures to connect or respond */
    unsigned failed_logins; /* consecutive, of all that share the budget */
    bool logins_held;       /* exhausted: unproven keys wait */
    uint64_t wait_ms;       /* until the state, or logins_held, ends; or 0 */
    int error;              /* the newest failure, or 0 */
    const char *error_text; /* borrowed; see haplo_server_get_stats() */
    size_t queue_count;
    uint64_t request_count;          /* since the start */
    uint64_t failed_login_count;     /* since the start */
    uint64_t throttle_count;         /* THROTTLE responses since the start */
    uint64_t certificate_expires_ms; /* Unix ms: of the server's certificates,
                                        its own and intermediate ones, with
                                        which it was verified, the first to
                                        expire; as of the last connection that
                                        did not resume a TLS session. 0:
                                        unknown, or no TLS */
    uint64_t ca_certificate_expires_ms; /* Unix ms: of the one in the CA file
                                           with which it was verified,
                                           likewise; 0 as well if that is the
                                           server's own */
    uint64_t client_certificate_expires_ms; /* Unix ms: of the one that it is
                                               presented; 0: none, or it has
                                               not been read yet */
};

/* Fills in as much as stats->struct_size has room for. error_text is valid
 * until the next callback, or the next call that may change something: one that
 * takes a batch, or a pointer that is not to const. */
HAPLO_EXTERN void haplo_server_get_stats(const struct haplo_server *server,
                                         struct haplo_server_stats *stats);

/* -- Failed logins of earlier runs ---------------------------------------- */

/*
 * The server's count continues when an application is restarted. One that is
 * restarted frequently should store what its poller has counted, and recall it
 * in the next run:
 *
 *   - When haplo_server_get_stats() reports other failed_logins than before, it
 *     stores what haplo_poller_failed_logins() lists, with the time. Events
 *     say when to look: one of a queue with HAPLO_EREFUSED increments the
 *     count, others may clear it.
 *   - At the next start, it calls haplo_poller_recall_logins() for each of
 *     these, in the same order, before it adds servers. Servers find their
 *     counts by address, so they may have been renamed in the meantime.
 *   - It adds queues whose keys worked in the last run with key_proven, so that
 *     they need not wait because of the failed logins of others.
 *
 * Two processes that run at the same time know nothing of each other's failed
 * logins.
 */

#define HAPLO_SITE_SIZE_MAX (HAPLO_URL_SIZE_MAX + 8) /* a site; see below */

/* Failed logins at a site. The site is a host name or an address with the port,
 * "192.0.2.1:443", or "=" and a login_group: printable, without spaces. */
struct haplo_failed_logins {
    const char *site;    /* borrowed */
    const char *same_as; /* a site listed before that leads to the same server,
                            so this is the same count; or NULL */
    unsigned count;      /* consecutive */
    uint64_t age_ms;     /* of the newest one */
};

typedef void (*haplo_failed_logins_cb)(
    void *data, const struct haplo_failed_logins *logins);

/* Calls logins_cb for each site at which logins have failed. Reports recalled
 * counts as well, until they expire. */
HAPLO_EXTERN void haplo_poller_failed_logins(const struct haplo_poller *poller,
                                             haplo_failed_logins_cb logins_cb,
                                             void *data);

/* Continues a count of an earlier run. Copies it. Returns 0, also if it is
 * older than 310 s and ignored; HAPLO_EINVAL if haplo_poller_failed_logins()
 * cannot have reported it; HAPLO_ENOMEM. */
HAPLO_EXTERN int haplo_poller_recall_logins(
    struct haplo_poller *poller, const struct haplo_failed_logins *logins);

/* -- Queue ---------------------------------------------------------------- */

enum haplo_format {
    HAPLO_FORMAT_JSON, /* Haplo's default, or another shape: see pointers */
    HAPLO_FORMAT_RAW   /* the whole body is one message */
};

/*
 * Delivers a batch. The application must answer it exactly once, inside this
 * callback or later, by calling one of haplo_batch_accept(), _retry(),
 * _stale(), _drop() and _reject(). It borrows messages and state until then.
 * A batch that is never answered holds up its queue, haplo_queue_remove() and
 * haplo_poller_close() forever.
 */
typedef void (*haplo_deliver_cb)(struct haplo_queue *queue,
                                 struct haplo_batch batch);

struct haplo_mark {
    struct haplo_slice state; /* to be stored; borrowed until
                                 haplo_queue_resume_from() of the queue */
    size_t message_count;     /* of the batch; 0: an empty fetch has shown that
                                 earlier batches were marked */
    uint64_t marked_count;    /* according to the server; lower after a retry */
    int64_t unread_count;     /* left on the server; -1: unknown (2019) */
};

/* The server has confirmed the mark of the batch accepted last. mark is
 * borrowed and valid only during the call. */
typedef void (*haplo_marked_cb)(struct haplo_queue *queue,
                                const struct haplo_mark *mark);

/* The server has nothing more for the queue, for now: a fetch was empty, or a
 * mark has left nothing unread. Fires after marked_cb, each time that the queue
 * is polled and found, or left, empty. */
typedef void (*haplo_drained_cb)(struct haplo_queue *queue);

struct haplo_queue_options {
    size_t struct_size;           /* sizeof(struct haplo_queue_options) */
    const char *name;             /* required; unique in the server */
    const char *api_key;          /* required; wiped from memory when freed */
    struct haplo_slice state;     /* as stored; empty: none yet */
    uint64_t interval_ms;         /* between polls of a drained queue: 60 s */
    uint64_t interval_max_ms;     /* grows up to this while empty: no growth */
    uint64_t backoff_ms;          /* first wait after a failure: 1 s */
    uint64_t backoff_max_ms;      /* longest wait after a failure: 5 min */
    uint64_t refused_ms;          /* wait after a refused key: 15 min */
    unsigned mark_attempts_max;   /* posts of one token, then fetch again: 4 */
    size_t body_bytes_max;        /* of one response, decompressed: 64M */
    enum haplo_format format;     /* JSON */
    const char *token_pointer;    /* JSON: RFC 6901; "/token" */
    const char *messages_pointer; /* JSON: RFC 6901; "/messages" */
    const char *token_pattern; /* RAW: first group or whole match; see below */
    const char *content_type;  /* "application/json"; RAW: any but text/html */
    haplo_deliver_cb deliver_cb; /* required */
    haplo_marked_cb marked_cb;   /* none */
    void *data;                  /* the application's own */
    bool key_proven; /* the server accepted the key in the last run */
    haplo_drained_cb drained_cb; /* none */
};

/*
 * Adds a queue. Copies options. The first poll is due within interval_ms, at a
 * time derived from its name, so that polls of many queues are spread; see
 * haplo_queue_poll_now(). why (may be NULL) receives one line on error.
 *
 * HAPLO_EINVAL (name, key, state, pointers, pattern; RAW without
 * token_pattern, which could never be marked), HAPLO_EEXIST, HAPLO_ENOMEM,
 * HAPLO_ESTOPPED; on error *queue is NULL.
 */
HAPLO_EXTERN int haplo_queue_add(struct haplo_server *server,
                                 const struct haplo_queue_options *options,
                                 struct haplo_queue **queue, char *why,
                                 size_t why_size);

/*
 * Replaces all options of a queue but its name and its state, which may be NULL
 * and empty here, and its key, which is kept if it is NULL; again, what is 0 or
 * NULL gets its default. A key that is the same is no new one: what is proven
 * or refused stays so. key_proven is ignored. Copies options; why as above. A
 * response that is being read is read to its end with the options that it began
 * with. A new interval that is shorter than the rest of the wait makes the
 * queue due immediately; other waits run on.
 *
 * HAPLO_EINVAL, HAPLO_ENOMEM, HAPLO_ESTOPPED; on error nothing has changed.
 */
HAPLO_EXTERN int haplo_queue_set_options(
    struct haplo_queue *queue, const struct haplo_queue_options *options,
    char *why, size_t why_size);

/* Fires once, from the loop. The queue is in its server no more: a queue of the
 * same name may be added, and the server removed. The queue is freed when this
 * returns, and pointers to it are invalid then. */
typedef void (*haplo_removed_cb)(struct haplo_queue *queue);

/* Pauses the queue and frees it once it is PAUSED; a delivered batch, or one
 * being marked, is finished first, however long its server is DOWN: see
 * haplo_queue_give_up(). removed_cb may be NULL. HAPLO_EBUSY if called before.
 */
HAPLO_EXTERN int haplo_queue_remove(struct haplo_queue *queue,
                                    haplo_removed_cb removed_cb);

/* Stops fetching; an outstanding batch is finished first. Does nothing if the
 * queue is already paused. */
HAPLO_EXTERN void haplo_queue_pause(struct haplo_queue *queue);

/*
 * Waits no longer for the mark of a queue that is being paused or removed: it
 * is PAUSED immediately, and a mark in flight is cancelled. The server will
 * send the messages again unless it has marked them, and they are recognised
 * by the stored state. Does nothing while the application has the batch, or if
 * the queue is not being paused.
 */
HAPLO_EXTERN void haplo_queue_give_up(struct haplo_queue *queue);

/* Ends a pause: the queue is due immediately. Does nothing if not paused. */
HAPLO_EXTERN void haplo_queue_resume(struct haplo_queue *queue);

/*
 * Ends a pause like haplo_queue_resume(), but continues from this stored state,
 * for a queue that another process has stored in the meantime. Copies state.
 * HAPLO_EBUSY unless the queue is PAUSED and not being removed;
 * HAPLO_ESTOPPED; HAPLO_EINVAL if these bytes are not a state; HAPLO_ENOMEM.
 */
HAPLO_EXTERN int haplo_queue_resume_from(struct haplo_queue *queue,
                                         struct haplo_slice state);

/* Makes the queue due immediately, even in BACKOFF, REFUSED and BLOCKED. It
 * still waits for its turn, and for a server that is DOWN or SILENT. Does
 * nothing if the queue is paused or has an outstanding batch. */
HAPLO_EXTERN void haplo_queue_poll_now(struct haplo_queue *queue);

/* Sets a new API key, which is used from the next request on. A REFUSED queue
 * is due immediately. Copies the key. HAPLO_EINVAL, HAPLO_ENOMEM. */
HAPLO_EXTERN int haplo_queue_set_key(struct haplo_queue *queue,
                                     const char *api_key);

/* The queue of this name, or NULL. */
HAPLO_EXTERN struct haplo_queue *haplo_queue_find(
    const struct haplo_server *server, const char *name);

/* Visits the queues of a server, in no particular order: previous NULL gets the
 * first, and NULL follows the last. Queues are not added to the server on the
 * way, nor freed; haplo_queue_remove() frees them later, from the loop. */
HAPLO_EXTERN struct haplo_queue *haplo_queue_next(
    const struct haplo_server *server, const struct haplo_queue *previous);

/* What it was added with, and to. The name is borrowed until it is removed. */
HAPLO_EXTERN const char *haplo_queue_name(const struct haplo_queue *queue);
HAPLO_EXTERN struct haplo_server *haplo_queue_server(
    const struct haplo_queue *queue);
HAPLO_EXTERN struct haplo_poller *haplo_queue_poller(
    const struct haplo_queue *queue);
HAPLO_EXTERN void *haplo_queue_data(const struct haplo_queue *queue);

struct haplo_queue_stats {
    size_t struct_size; /* set it before the call */
    enum haplo_queue_state state;
    uint64_t generation;      /* batches ever stored, according to the state */
    size_t unconfirmed_count; /* stored, not known to be confirmed */
    int64_t unread_count;     /* last value from the server; -1: unknown */
    uint64_t wait_ms;         /* until the current wait ends, or 0;
                                 READY: until its key may be tried */
    unsigned failures;        /* consecutive */
    int error;                /* the newest failure, or 0 after success */
    const char *error_text;   /* borrowed; see haplo_server_get_stats() */
    uint64_t fetch_count;     /* fetches started; all since the start */
    uint64_t batch_count;     /* complete batches with messages */
    uint64_t message_count;   /* in those */
    uint64_t marked_batch_count;   /* batches confirmed */
    uint64_t marked_message_count; /* in those batches */
    uint64_t failure_count;        /* fetches and marks that failed */
    uint64_t deliver_retry_count;  /* calls of haplo_batch_retry() */
    uint64_t foreign_mark_count;   /* marks in which another consumer had
                                      marked messages first */
    uint64_t body_bytes;           /* of fetched bodies, decompressed */
    bool key_proven;               /* the server has accepted its API key */
};

/* See haplo_server_get_stats() for how long error_text is valid. */
HAPLO_EXTERN void haplo_queue_get_stats(const struct haplo_queue *queue,
                                        struct haplo_queue_stats *stats);

/* -- Checks: what the functions above refuse ------------------------------ */

/*
 * Each returns 0, or HAPLO_EINVAL with one line in why (may be NULL) that says
 * what is wrong and what to do. This line never contains the checked text. NULL
 * is treated like an empty text. haplo_server_add(), haplo_queue_add() and
 * haplo_queue_set_key() apply the same checks.
 */

/* A server's or a queue's name: 1 to HAPLO_NAME_SIZE_MAX letters, digits and
 * -._~!$&'()*+,;=:@, but not "." or "..". A server compares names with
 * the URL undecoded, so it never finds a name that needs encoding there. */
HAPLO_EXTERN int haplo_name_check(const char *name, char *why, size_t why_size);

/* An API key: HAPLO_KEY_SIZE_MIN to HAPLO_KEY_SIZE_MAX printable ASCII
 * characters without spaces. */
HAPLO_EXTERN int haplo_api_key_check(const char *api_key, char *why,
                                     size_t why_size);

/* A server's URL: https://HOST or https://HOST:PORT, and http:// if HOST is
 * localhost, *.localhost, 127.0.0.0/8 or [::1], or with allow_http. A path may
 * follow, but neither a user nor a query, as both often are secrets. A name
 * with characters outside ASCII is written as xn--... */
HAPLO_EXTERN int haplo_url_check(const char *url, bool allow_http, char *why,
                                 size_t why_size);

/* A server's fetch_path or mark_path: it begins with a slash and contains
 * {queue} once. Characters that a path cannot have are written as %XX. */
HAPLO_EXTERN int haplo_path_check(const char *path, char *why, size_t why_size);

/* A server's user: 1 to HAPLO_USER_SIZE_MAX printable ASCII characters without
 * spaces and colons. */
HAPLO_EXTERN int haplo_user_check(const char *user, char *why, size_t why_size);

/* A server's token_field: 1 to HAPLO_FIELD_SIZE_MAX letters, digits and
 * -._~ */
HAPLO_EXTERN int haplo_field_check(const char *field, char *why,
                                   size_t why_size);

/* A proxy's URL: http, https, socks5h or socks4a, then HOST:PORT, optionally
 * preceded by a user and a password. */
HAPLO_EXTERN int haplo_proxy_check(const char *url, char *why, size_t why_size);

/*
 * A token_pattern: a POSIX extended regular expression, matched against bytes
 * regardless of the locale. Back-references are refused, so that any body is
 * searched in time proportional to its size. So is a pattern that matches
 * anything. Also HAPLO_ENOMEM.
 */
HAPLO_EXTERN int haplo_token_pattern_check(const char *pattern, char *why,
                                           size_t why_size);

/* -- Batch ---------------------------------------------------------------- */

/*
 * Reading: any thread may call these four functions until the batch is
 * answered. The slices point into the batch: they are borrowed until then.
 */

/* The state to be stored in the transaction that stores the new messages. If
 * more than HAPLO_LEFTOVER_COUNT_MAX stored messages are neither in the batch
 * nor known to be confirmed, the oldest are dropped from the state, and an
 * event reports it: if one of these is sent again, it is stored twice. */
HAPLO_EXTERN struct haplo_slice haplo_batch_state(struct haplo_batch batch);

/* The number of its messages that are not repeats. */
HAPLO_EXTERN size_t haplo_batch_new_count(struct haplo_batch batch);

/* The number of its messages; at least one. */
HAPLO_EXTERN size_t haplo_batch_message_count(struct haplo_batch batch);

/* Its messages, in the order of the server. */
HAPLO_EXTERN const struct haplo_message *haplo_batch_messages(
    struct haplo_batch batch);

/* The queue that it was fetched from. */
HAPLO_EXTERN struct haplo_queue *haplo_batch_queue(struct haplo_batch batch);

/*
 * Answers. Each returns 0; HAPLO_EANSWERED if the handle is stale, and nothing
 * has happened; or HAPLO_ESTOPPED if the poller is closing, and the batch was
 * released without being marked.
 */

/* The messages are durable: mark them. */
HAPLO_EXTERN int haplo_batch_accept(struct haplo_batch batch);

/* Not now: deliver_cb gets the same batch again, with a new handle, after
 * delay_ms, or for 0 after the back-off of the queue. why (may be NULL;
 * copied) is for operators. */
HAPLO_EXTERN int haplo_batch_retry(struct haplo_batch batch, uint64_t delay_ms,
                                   const char *why);

/* The stored state is not the one that the batch was evaluated against. The
 * batch is dropped, and fetched again to be evaluated against this one. Copies
 * stored. HAPLO_EINVAL if these bytes are not a state: the stored state is
 * damaged, and the queue is BLOCKED. HAPLO_ENOMEM: then it acts like
 * haplo_batch_retry(). */
HAPLO_EXTERN int haplo_batch_stale(struct haplo_batch batch,
                                   struct haplo_slice stored);

/* Not now, and its memory is needed: the batch is freed, and fetched again
 * after the back-off of the queue. why as above. */
HAPLO_EXTERN int haplo_batch_drop(struct haplo_batch batch, const char *why);

/* Never: nothing is marked, the batch is freed, and the queue is BLOCKED until
 * haplo_queue_poll_now() or a restart. why as above. */
HAPLO_EXTERN int haplo_batch_reject(struct haplo_batch batch, const char *why);

#ifdef __cplusplus
} /* extern "C" */

/* The states of an event are int, which C++ does not take for an enum. */
inline const char *haplo_queue_state_name(int state)
{
    return haplo_queue_state_name(static_cast<haplo_queue_state>(state));
}
inline const char *haplo_queue_state_text(int state)
{
    return haplo_queue_state_text(static_cast<haplo_queue_state>(state));
}
inline const char *haplo_server_state_name(int state)
{
    return haplo_server_state_name(static_cast<haplo_server_state>(state));
}
inline const char *haplo_server_state_text(int state)
{
    return haplo_server_state_text(static_cast<haplo_server_state>(state));
}
#endif

#endif
