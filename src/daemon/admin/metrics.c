/*
 * metrics.c - writes a page of metrics.
 *
 *   - For each row of the table: HELP and TYPE, then the samples of all objects
 *     of its scope, one after the other (metrics_more).
 *   - After some samples it looks at the clock. When its time is up, it
 * returns, and goes on at the same object in the next turn of the loop.
 *
 * If a reload changes the objects in between, the page is cut off: half of one
 * and half of another would be wrong, and a scraper tries again.
 */
#include "daemon/admin/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#define CLOCK_EVERY 16 /* objects between two looks at the clock */
#define PREFIX "haplo_poll_"

static const char *const type_names[] = {
    [METRIC_GAUGE] = "gauge",
    [METRIC_COUNTER] = "counter",
    [METRIC_HISTOGRAM] = "histogram",
};

/* Text */

static void put(struct json_writer *out, const char *text)
{
    json_raw(out, text, strlen(text));
}

/* The value of a label: backslash, quote and newline are escaped. */
static void put_value(struct json_writer *out, const char *text)
{
    size_t size;
    while (*text != '\0') {
        size = strcspn(text, "\\\"\n");
        json_raw(out, text, size);
        text += size;
        if (*text != '\0') {
            put(out, *text == '\n' ? "\\n" : *text == '"' ? "\\\"" : "\\\\");
            text++;
        }
    }
}

/* Integers are written as such; what is no number of a double is not used. */
static void put_number(struct json_writer *out, double value)
{
    char text[32];
    if (value == floor(value) && fabs(value) < 1e15) {
        (void)snprintf(text, sizeof text, "%.0f", value);
    } else {
        (void)snprintf(text, sizeof text, "%.6f", value);
    }
    put(out, text);
}

static void put_label(struct json_writer *out, const char **separator,
                      const char *label, const char *value)
{
    if (label != NULL) {
        put(out, *separator);
        put(out, label);
        put(out, "=\"");
        put_value(out, value);
        put(out, "\"");
        *separator = ",";
    }
}

static void put_sample(struct metric_writer *writer, const char *suffix,
                       const char *label, const char *value)
{
    struct json_writer *out = writer->out;
    const char *separator = "{";
    put(out, PREFIX);
    put(out, writer->metric->name);
    put(out, suffix);
    put_label(out, &separator, writer->object_label, writer->object_name);
    put_label(out, &separator, writer->queue_name == NULL ? NULL : "queue",
              writer->queue_name);
    put_label(out, &separator, label, value);
    put(out, separator[0] == '{' ? " " : "} ");
}

static const char *suffix_of(const struct metric *metric)
{
    return metric->type == METRIC_COUNTER ? "_total" : "";
}

void metric_put_label(struct metric_writer *writer, const char *label,
                      const char *text, double value)
{
    put_sample(writer, suffix_of(writer->metric), label, text);
    put_number(writer->out, value);
    put(writer->out, "\n");
}

void metric_put(struct metric_writer *writer, double value)
{
    metric_put_label(writer, NULL, NULL, value);
}

void metric_put_count(struct metric_writer *writer, uint64_t value)
{
    char text[24];
    put_sample(writer, suffix_of(writer->metric), NULL, NULL);
    (void)snprintf(text, sizeof text, "%" PRIu64 "\n", value);
    put(writer->out, text);
}

void metric_put_time(struct metric_writer *writer, uint64_t at_ms)
{
    if (at_ms != 0) {
        char text[32];
        put_sample(writer, suffix_of(writer->metric), NULL, NULL);
        (void)snprintf(text, sizeof text, "%" PRIu64 ".%03u\n", at_ms / 1000,
                       (unsigned)(at_ms % 1000));
        put(writer->out, text);
    }
}

void metric_put_histogram(struct metric_writer *writer, const double *bounds,
                          const uint64_t *counts, size_t bucket_count,
                          double sum)
{
    char text[32];
    uint64_t count = 0;
    for (size_t i = 0; i < bucket_count; i++) {
        bool is_last = i + 1 == bucket_count;
        count += counts[i];
        (void)snprintf(text, sizeof text, "%g", is_last ? 0 : bounds[i]);
        put_sample(writer, "_bucket", "le", is_last ? "+Inf" : text);
        (void)snprintf(text, sizeof text, "%" PRIu64 "\n", count);
        put(writer->out, text);
    }
    put_sample(writer, "_sum", NULL, NULL);
    put_number(writer->out, sum);
    put(writer->out, "\n");
    put_sample(writer, "_count", NULL, NULL);
    (void)snprintf(text, sizeof text, "%" PRIu64 "\n", count);
    put(writer->out, text);
}

/* In the text format, the name of a counter includes its suffix. */
static void put_head(const struct metrics *metrics, struct json_writer *out,
                     const struct metric *metric)
{
    const char *suffix = metrics->is_open_metrics ? "" : suffix_of(metric);
    put(out, "# HELP " PREFIX);
    put(out, metric->name);
    put(out, suffix);
    put(out, " ");
    put(out, metric->help);
    put(out, "\n# TYPE " PREFIX);
    put(out, metric->name);
    put(out, suffix);
    put(out, " ");
    put(out, type_names[metric->type]);
    put(out, "\n");
}

/* Objects */

/* The next server that no other host polls. */
static const struct gather_server *next_own(const struct gather *gather,
                                            size_t *cursor)
{
    const struct gather_server *server;
    do {
        server = name_table_next(&gather->servers, cursor);
    } while (server != NULL && server->seen.state == OBSERVER_SERVER_ELSEWHERE);
    return server;
}

/* Writes the samples of the next queue. False: that was the last one. */
static bool next_queue(struct metrics *metrics, struct metric_writer *writer)
{
    const struct gather *gather = metrics->gather;
    const struct gather_queue *queue = NULL;
    while (queue == NULL) {
        if (metrics->server == NULL) {
            metrics->server = next_own(gather, &metrics->cursor);
            metrics->queue_cursor = 0;
        }
        if (metrics->server == NULL) {
            return false;
        }
        if (metrics->only_server == NULL ||
            strcmp(metrics->only_server, metrics->server->seen.name) == 0) {
            queue = name_table_next(&metrics->server->queues,
                                    &metrics->queue_cursor);
        }
        if (queue == NULL) {
            metrics->server = NULL;
        }
    }
    writer->server = metrics->server;
    writer->object_label = "server";
    writer->object_name = metrics->server->seen.name;
    writer->queue_name = queue->config->name;
    writer->metric->write_cb(writer, queue);
    return true;
}

static bool next_server(struct metrics *metrics, struct metric_writer *writer)
{
    const struct gather_server *server =
        next_own(metrics->gather, &metrics->cursor);
    if (server == NULL) {
        return false;
    }
    writer->object_label = "server";
    writer->object_name = server->seen.name;
    writer->metric->write_cb(writer, server);
    return true;
}

static bool next_outlet(struct metrics *metrics, struct metric_writer *writer)
{
    const struct gather_outlet *outlet =
        name_table_next(&metrics->gather->outlets, &metrics->cursor);
    if (outlet == NULL) {
        return false;
    }
    writer->object_label = "outlet";
    writer->object_name = outlet->seen.name;
    writer->metric->write_cb(writer, outlet);
    return true;
}

static bool next_inbox(struct metrics *metrics, struct metric_writer *writer)
{
    const struct gather_inbox *inbox =
        name_table_next(&metrics->gather->inboxes, &metrics->cursor);
    if (inbox == NULL) {
        return false;
    }
    writer->object_label = "inbox";
    writer->object_name = inbox->seen.name;
    writer->metric->write_cb(writer, inbox);
    return true;
}

static bool next_process(struct metrics *metrics, struct metric_writer *writer)
{
    if (metrics->cursor > 0) {
        return false;
    }
    metrics->cursor = 1;
    writer->metric->write_cb(writer, metrics->gather);
    return true;
}

/* Writes the samples of the next object. False: that was the last one. */
static bool next_object(struct metrics *metrics, struct metric_writer *writer)
{
    switch (writer->metric->scope) {
    case METRIC_SERVER:
        return next_server(metrics, writer);
    case METRIC_QUEUE:
        return metrics->has_queues && next_queue(metrics, writer);
    case METRIC_OUTLET:
        return next_outlet(metrics, writer);
    case METRIC_INBOX:
        return next_inbox(metrics, writer);
    default:
        return next_process(metrics, writer);
    }
}

/* The page */

const struct metric *metric_at(size_t index)
{
    if (index < metrics_of_servers_count) {
        return &metrics_of_servers[index];
    }
    index -= metrics_of_servers_count;
    if (index < metrics_of_fleet_count) {
        return &metrics_of_fleet[index];
    }
    index -= metrics_of_fleet_count;
    if (index < metrics_of_outlets_count) {
        return &metrics_of_outlets[index];
    }
    index -= metrics_of_outlets_count;
    return index < metrics_of_queues_count ? &metrics_of_queues[index] : NULL;
}

void metrics_begin(struct metrics *metrics, const struct gather *gather,
                   bool is_open_metrics, const char *queues, uint64_t now_ms)
{
    *metrics = (struct metrics){
        .gather = gather,
        .config = gather->config,
        .generation = gather->observer.generation,
        .queue_count = gather->queue_count,
        .is_open_metrics = is_open_metrics,
        .has_queues = queues != NULL,
        .only_server =
            queues == NULL || strcmp(queues, "all") == 0 ? NULL : queues,
        .now_ms = now_ms,
    };
}

static bool is_outdated(const struct metrics *metrics)
{
    const struct gather *gather = metrics->gather;
    return metrics->config != gather->config ||
           metrics->generation != gather->observer.generation ||
           metrics->queue_count != gather->queue_count;
}

static void next_metric(struct metrics *metrics, struct json_writer *out)
{
    metrics->index++;
    metrics->has_head = false;
    metrics->cursor = 0;
    metrics->server = NULL;
    if (metric_at(metrics->index) == NULL && metrics->is_open_metrics) {
        put(out, "# EOF\n");
    }
}

bool metrics_more(struct metrics *metrics, struct json_writer *out,
                  uint64_t budget_ns)
{
    uint64_t end_ns = uv_hrtime() + budget_ns;
    struct metric_writer writer = {
        .out = out, .gather = metrics->gather, .now_ms = metrics->now_ms};
    unsigned count = 0;
    if (is_outdated(metrics)) {
        out->is_failed = true;
        return false;
    }
    while ((writer.metric = metric_at(metrics->index)) != NULL) {
        if (!metrics->has_head &&
            (writer.metric->scope != METRIC_QUEUE || metrics->has_queues)) {
            put_head(metrics, out, writer.metric);
        }
        metrics->has_head = true;
        writer.object_label = NULL;
        writer.queue_name = NULL;
        if (!next_object(metrics, &writer)) {
            next_metric(metrics, out);
        }
        if (++count % CLOCK_EVERY == 0 && uv_hrtime() >= end_ns) {
            break;
        }
    }
    return writer.metric != NULL;
}

/* Formats */

const char *metrics_type(bool is_open_metrics)
{
    return is_open_metrics
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

/* Clients list it only if they prefer it; a quality of 0 refuses it. */
bool metrics_wants_open_metrics(const char *accept)
{
    static const char wanted[] = "application/openmetrics-text";
    const char *found = accept == NULL ? NULL : strstr(accept, wanted);
    if (found == NULL) {
        return false;
    }
    size_t size = strcspn(found, ",");
    const char *quality = strstr(found, "q=");
    return quality == NULL || quality > found + size ||
           strtod(quality + 2, NULL) > 0;
}
