/*
 * option.h - the table of all keys that the configuration file knows. The
 * schema, the checks, `haplo-poll help config` and the option part of
 * haplo-poll.yaml(5) come from it.
 */
#ifndef DAEMON_OPTION_H
#define DAEMON_OPTION_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_id {
    OPTION_STATE_DIR,
    OPTION_IN_FLIGHT_MAX,
    OPTION_UNDELIVERED_MAX,
    OPTION_SINKS,
    OPTION_DEFAULTS,
    OPTION_SERVERS,
    OPTION_SINK_NAME,
    OPTION_SINK_TYPE,
    OPTION_SINK_PATH,
    OPTION_SERVER_NAME,
    OPTION_URL,
    OPTION_ALLOW_HTTP,
    OPTION_TLS_CA_FILE,
    OPTION_TLS_CERTIFICATE_FILE,
    OPTION_TLS_KEY_FILE,
    OPTION_PROXY,
    OPTION_MAX_IN_FLIGHT,
    OPTION_CONNECT_TIMEOUT,
    OPTION_FIRST_BYTE_TIMEOUT,
    OPTION_STALL_TIMEOUT,
    OPTION_TOTAL_TIMEOUT,
    OPTION_FAILED_LOGINS_MAX,
    OPTION_BREAKER_FAILURES,
    OPTION_QUEUES,
    OPTION_QUEUE_NAME,
    OPTION_API_KEY_FILE,
    OPTION_API_KEY_ENV,
    OPTION_API_KEY_CREDENTIAL,
    OPTION_SINK,
    OPTION_INTERVAL,
    OPTION_INTERVAL_MAX,
    OPTION_BACKOFF,
    OPTION_BACKOFF_MAX,
    OPTION_REFUSED_WAIT,
    OPTION_MARK_ATTEMPTS_MAX,
    OPTION_DELIVER_ATTEMPTS_MAX,
    OPTION_MAX_BODY,
    OPTION_FORMAT,
    OPTION_TOKEN_POINTER,
    OPTION_MESSAGES_POINTER,
    OPTION_TOKEN_PATTERN,
    OPTION_CONTENT_TYPE,
    OPTION_COUNT
};

/* Where a key may stand; a set of bits. */
enum option_level {
    LEVEL_TOP = 1,
    LEVEL_DEFAULTS = 2,
    LEVEL_SINK = 4,
    LEVEL_SERVER = 8,
    LEVEL_QUEUE = 16
};

enum option_value {
    VALUE_LIST,           /* of mappings */
    VALUE_MAPPING,        /* */
    VALUE_NAME,           /* of a sink or a server */
    VALUE_QUEUE_NAME,     /* stands in a URL */
    VALUE_SINK_TYPE,      /* see sink_types.h */
    VALUE_SINK,           /* a sink's name */
    VALUE_PATH,           /* */
    VALUE_FILE,           /* a path that can be read now */
    VALUE_PRIVATE_FILE,   /* and only by its owner and group */
    VALUE_KEY_FILE,       /* of an API key */
    VALUE_KEY_ENV,        /* of an API key */
    VALUE_KEY_CREDENTIAL, /* of an API key */
    VALUE_URL,            /* of a server */
    VALUE_PROXY,          /* URL; never printed, it may hold a password */
    VALUE_BOOL,           /* */
    VALUE_COUNT,          /* */
    VALUE_DURATION,       /* stored in milliseconds */
    VALUE_SIZE,           /* stored in bytes */
    VALUE_FORMAT,         /* json or raw */
    VALUE_POINTER,        /* RFC 6901 */
    VALUE_PATTERN,        /* POSIX extended */
    VALUE_CONTENT_TYPE,   /* */
    VALUE_TYPE_COUNT
};

struct option_row {
    const char *name;        /* of the key */
    enum option_value value; /* */
    enum option_level home;  /* whose struct it is stored in */
    unsigned levels;         /* where it may stand */
    uint64_t min;            /* of a count, duration or size */
    uint64_t max;            /* the same */
    const char *fallback;    /* the default; NULL: required */
    size_t target;           /* offset in the struct of its home */
    const char *help;        /* sentences */
};

extern const struct option_row option_table[OPTION_COUNT];

/* True where "none" may be written, and is what holds by default. */
int option_has_none(const struct option_row *row);

/* "a server", "defaults" ... */
const char *option_level_text(enum option_level level);

/* The key of that name on that level, or NULL. */
const struct option_row *option_find(const char *name, enum option_level level);

/* What somebody may have meant who wrote this unknown key there: the nearest
 * key of that level, or NULL if none is near. */
const struct option_row *option_suggest(const char *name,
                                        enum option_level level);

/* For `haplo-poll help config`, and the part of haplo-poll.yaml(5). */
void option_print_help(FILE *file);
void option_print_mdoc(FILE *file);

#endif
