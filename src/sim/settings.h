/*
 * settings.h - settings of the simulator, an application or a queue. A new
 * application copies those of the simulator and a new queue those of its
 * application, so a value set higher up is the default further down.
 */
#ifndef SIM_SETTINGS_H
#define SIM_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_NAME_SIZE 64   /* of an application or queue, NUL included */
#define SIM_HOSTS_SIZE 512 /* a comma-separated list of host names */

enum sim_revision {
    SIM_REVISION_2019,
    SIM_REVISION_MID2020,
    SIM_REVISION_2020
};

enum sim_certificate_kind {
    SIM_CERTIFICATE_GOOD,
    SIM_CERTIFICATE_EXPIRED,
    SIM_CERTIFICATE_UNKNOWN_CA,
    SIM_CERTIFICATE_WRONG_NAME,
};

enum sim_formatter {
    SIM_FORMATTER_NONE,
    SIM_FORMATTER_CSV,
    SIM_FORMATTER_XML,
    SIM_FORMATTER_XML_WITHOUT_TOKEN,
    SIM_FORMATTER_JSON_OTHER,
    SIM_FORMATTER_STRING,
};

enum sim_shape {
    SIM_SHAPE_AUTO, /* GLOBAL if the queue has this name, PLAIN otherwise */
    SIM_SHAPE_PLAIN,
    SIM_SHAPE_GLOBAL,
};

struct sim_settings {
    /* Simulator */
    uint64_t seed;           /* for keys, messages, ties, random faults */
    uint64_t throttle_after; /* failed logins before throttling */
    int64_t throttle_ms;     /* since the last counted failure */
    /* Application */
    int revision;               /* enum sim_revision */
    bool tls;                   /* https instead of http */
    char port[SIM_NAME_SIZE];   /* number, 0, or application to share with */
    char host[256];             /* primary host name */
    char alias[SIM_HOSTS_SIZE]; /* additional names, which redirect to host */
    char path[64];              /* in front of all paths, "" or "/haplo" */
    char fetch_path[96];        /* with {queue} in it */
    char mark_path[96];         /* with {queue} in it */
    char user[64];              /* that goes with API keys */
    char token_field[64];       /* of the form of a mark */
    int certificate;            /* enum sim_certificate_kind */
    int64_t certificate_ms;     /* until it expires, when it is issued */
    bool active;                /* false: 404 for everything */
    bool http_redirect;         /* plain port as well, which redirects */
    uint64_t running_max;       /* concurrent requests */
    int64_t latency_ms;         /* of each request */
    int64_t latency_jitter_ms;  /* random addition to latency_ms */
    int64_t keep_alive_ms;      /* idle limit of a connection */
    bool gzip;                  /* if the client accepts it */
    uint64_t chunked_bytes;     /* chunk bodies of this size and more */
    uint64_t limit;             /* messages per fetch; unused by 2019 */
    uint64_t queue_count;       /* q1, q2 ... created with the application */
    /* Queue */
    int method;             /* 0 poll, 1 send */
    int formatter;          /* enum sim_formatter */
    int shape;              /* enum sim_shape: generated messages */
    uint64_t object_count;  /* GLOBAL: objects that change */
    uint64_t message_count; /* created with the queue */
    uint64_t message_bytes; /* pad generated data to about this */
    double rate;            /* new messages each second */
    uint64_t ties;          /* successive messages with the same date */
    bool shuffle;           /* return those in random order */
    bool edge;              /* start with one message per quirk */
};

#endif
