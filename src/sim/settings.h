/*
 * settings.h - what can be set for the simulator, an application or a queue.
 * An application starts with a copy of the simulator's, a queue with a copy of
 * its application's: so a word given higher up is the default further down.
 */
#ifndef SIM_SETTINGS_H
#define SIM_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_NAME_SIZE 64   /* of an application or queue, with the NUL */
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

struct sim_settings {
    /* simulator */
    uint64_t seed;           /* of keys, messages, ties, random faults */
    uint64_t throttle_after; /* failed logins of one address */
    int64_t throttle_ms;     /* since the last counted failure */
    /* application */
    int revision;               /* enum sim_revision */
    bool tls;                   /* */
    char port[SIM_NAME_SIZE];   /* a number, 0, or an app to share with */
    char host[256];             /* primary host name */
    char alias[SIM_HOSTS_SIZE]; /* further names; they redirect to the host */
    int certificate;            /* enum sim_certificate_kind */
    bool active;                /* false: 404 for everything */
    bool http_redirect;         /* a second, plain port that redirects */
    uint64_t running_max;       /* requests at a time */
    int64_t latency_ms;         /* of each request */
    int64_t latency_jitter_ms;  /* random, on top */
    int64_t keep_alive_ms;      /* idle limit of a connection */
    bool gzip;                  /* when asked for */
    uint64_t chunked_bytes;     /* bodies of this size are chunked */
    uint64_t limit;             /* messages of a fetch; 2019 has none */
    uint64_t queue_count;       /* q1, q2 ... made with the application */
    /* queue */
    int method;             /* 0 poll, 1 send */
    int formatter;          /* enum sim_formatter */
    uint64_t message_count; /* made with the queue */
    uint64_t message_bytes; /* generated data is padded to this */
    double rate;            /* new messages each second */
    uint64_t ties;          /* successive messages of equal date */
    bool shuffle;           /* ties change order between fetches */
    bool edge;              /* starts with one message of each quirk */
};

#endif
