/*
 * metrics.h - everything that is counted, in Prometheus's text format 0.0.4 or
 * as OpenMetrics 1.0, written in slices.
 *
 * A metric is a row of a table (metrics_server.c and so on): name, type, help,
 * labels, and the function that writes its samples for one object. Its samples
 * must be together, so for each metric all objects of its scope are visited in
 * turn. Metrics of single queues are written on request only, since there may
 * be 100,000 queues; servers sum up what their queues do, so that no series
 * disappears because of their number.
 */
#ifndef DAEMON_ADMIN_METRICS_H
#define DAEMON_ADMIN_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/gather/gather.h"
#include "daemon/text/json_writer.h"

enum metric_scope {
    METRIC_PROCESS, /* one object: the gather */
    METRIC_SERVER,
    METRIC_QUEUE,
    METRIC_OUTLET,
    METRIC_INBOX
};

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

/* What writes the samples of one metric of one object. */
struct metric_writer;
typedef void (*metric_write_cb)(struct metric_writer *writer,
                                const void *object);

struct metric {
    const char *name; /* without "_total", which counters get */
    enum metric_type type;
    enum metric_scope scope;
    const char *labels; /* "server state", for the documentation */
    const char *help;   /* one line without a period at its end */
    metric_write_cb write_cb;
};

/* The tables, in the order of the page. */
extern const struct metric metrics_of_servers[];
extern const size_t metrics_of_servers_count;
extern const struct metric metrics_of_fleet[];
extern const size_t metrics_of_fleet_count;
extern const struct metric metrics_of_outlets[];
extern const size_t metrics_of_outlets_count;
extern const struct metric metrics_of_queues[];
extern const size_t metrics_of_queues_count;

/* The metric at this index of all tables; NULL past the last. */
const struct metric *metric_at(size_t index);

/* A page of metrics that is being written. */
struct metrics {
    const struct gather *gather; /* borrowed */
    const struct config *config; /* as it was when it began */
    uint64_t generation;         /* of the configuration, likewise */
    size_t queue_count;          /* likewise */
    bool is_open_metrics;        /* the other format */
    bool has_queues;             /* those of queues, too */
    const char *only_server;     /* of this server only; NULL: all. Borrowed */
    uint64_t now_ms;             /* wall clock, when it began */
    size_t index;                /* of the current metric */
    bool has_head;               /* its HELP and TYPE are written */
    size_t cursor;               /* of its objects */
    const struct gather_server *server; /* whose queues are visited */
    size_t queue_cursor;                /* of those */
};

/* Begins a page. queues: a parameter of the request; NULL: none; "all", or the
 * name of a server. */
void metrics_begin(struct metrics *metrics, const struct gather *gather,
                   bool is_open_metrics, const char *queues, uint64_t now_ms);

/* Appends the next part, for about budget_ns. Returns true if there is more. If
 * the configuration has been reloaded meanwhile, out->is_failed is set: the
 * page must be cut off, and asked for again. */
bool metrics_more(struct metrics *metrics, struct json_writer *out,
                  uint64_t budget_ns);

/* The content type of the page. Static string. */
const char *metrics_type(bool is_open_metrics);

/* True if a client that sends this Accept header (NULL: none) wants
 * OpenMetrics. */
bool metrics_wants_open_metrics(const char *accept);

/* For the tables: writes one sample of the current metric. Labels come in
 * pairs of name and value; label NULL: no more. */
struct metric_writer {
    struct json_writer *out;            /* borrowed */
    const struct metric *metric;        /* the current one */
    const struct gather *gather;        /* borrowed */
    const struct gather_server *server; /* METRIC_QUEUE: whose queue it is */
    uint64_t now_ms;                    /* wall clock */
    const char *object_label;           /* "server", "outlet" ...; or NULL */
    const char *object_name;            /* its value */
    const char *queue_name; /* METRIC_QUEUE: of the queue; or NULL */
};

void metric_put(struct metric_writer *writer, double value);
void metric_put_count(struct metric_writer *writer, uint64_t value);
void metric_put_label(struct metric_writer *writer, const char *label,
                      const char *text, double value);
/* Seconds since 1970; nothing if at_ms is 0. */
void metric_put_time(struct metric_writer *writer, uint64_t at_ms);
/* A histogram: count_of values in buckets below bounds, and their sum. */
void metric_put_histogram(struct metric_writer *writer, const double *bounds,
                          const uint64_t *counts, size_t bucket_count,
                          double sum);

#endif
