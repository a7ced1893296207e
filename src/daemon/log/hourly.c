/*
 * hourly.c - samples servers and outlets, and logs early warnings.
 *
 *   - A pass visits all servers, some hundreds in a turn of the loop: the
 *     backlog of each becomes a sample of its trend, its certificates are
 *     noted.
 *   - At the end come the outlets, and what there is to tell of certificates.
 *   - After the start, passes are more frequent: certificates become known, and
 *     are told. Trends have a sample an hour.
 *
 * Failures:
 *
 *   - Servers come or go meanwhile: the pass begins again. Trends that have
 *     their sample of this pass do not get another one.
 *   - Memory runs out: what could not be noted is left out until the next pass.
 */
#include "daemon/log/hourly.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log/log.h"
#include "daemon/log/summary.h"
#include "daemon/log/trend.h"
#include "daemon/observe/observer_feed.h"

#define FIRST_MS UINT64_C(10000)  /* until the first pass */
#define HOUR_MS UINT64_C(3600000) /* between passes */
#define SERVERS_PER_TURN 500      /* less than a millisecond */
#define NAME_SIZE (HAPLO_NAME_SIZE_MAX + 16)

/* The backlog of a server or an outlet. */
struct named_trend {
    char name[NAME_SIZE]; /* "example", "outlet files" */
    struct trend trend;   /* its samples */
    unsigned pass;        /* of the newest sample; 0: none */
};

static const char *trend_name_of(const void *trend)
{
    return ((const struct named_trend *)trend)->name;
}

/* Backlogs */

static struct named_trend *trend_of(struct hourly *hourly, const char *kind,
                                    const char *name)
{
    char full[NAME_SIZE];
    (void)snprintf(full, sizeof full, "%s%s", kind, name);
    struct named_trend *found = name_table_find(&hourly->trends, full);
    if (found != NULL) {
        return found;
    }
    found = calloc(1, sizeof *found);
    if (found == NULL) {
        return NULL;
    }
    memcpy(found->name, full, sizeof full);
    if (name_table_add(&hourly->trends, found) != 0) {
        free(found);
        return NULL;
    }
    return found;
}

static void sample(struct hourly *hourly, const char *kind, const char *name,
                   uint64_t count, const char *why)
{
    const struct log_field fields[] = {
        {.name = "event", .text = "backlog"},
        {.name = kind[0] == '\0' ? "server" : "outlet", .text = name},
        {.name = "count", .number = count},
    };
    char text[SUMMARY_TEXT_SIZE];
    struct named_trend *found = trend_of(hourly, kind, name);
    if (found == NULL || found->pass == hourly->trend_pass) {
        return;
    }
    bool is_first = found->pass == 0;
    found->pass = hourly->trend_pass;
    if (is_first) {
        found->trend = (struct trend){.lowest = count, .newest = count};
    } else if (trend_add(&found->trend, count)) {
        (void)snprintf(text, sizeof text,
                       "%s%s: its backlog has grown for %u h, from %" PRIu64
                       " to %" PRIu64 " messages: %s",
                       kind, name, found->trend.hours, found->trend.lowest,
                       count, why);
        log_fields(LOG_LEVEL_WARNING, fields, 3, text);
    }
}

static void sample_outlets(struct hourly *hourly)
{
    struct gather_outlet *outlet;
    size_t cursor = 0;
    while ((outlet = name_table_next(&hourly->gather->outlets, &cursor))) {
        observer_feed_lag(outlet);
        sample(hourly, "outlet ", outlet->seen.name,
               outlet_lag_messages(&outlet->lag),
               "more is stored than it forwards");
    }
}

/* Certificates */

static void note_certificates(struct hourly *hourly,
                              const struct gather_server *server,
                              uint64_t now_ms)
{
    const struct haplo_server_options *options = &server->config->options;
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    const char *name = server->seen.name;
    if (server->server != NULL) {
        haplo_server_get_stats(server->server, &stats);
    }
    expiry_note(&hourly->expiry, EXPIRY_SERVER, name, name,
                stats.certificate_expires_ms, now_ms);
    if (stats.ca_certificate_expires_ms != 0) {
        expiry_note(&hourly->expiry, EXPIRY_CA,
                    options->tls_ca_file != NULL ? options->tls_ca_file : "",
                    name, stats.ca_certificate_expires_ms, now_ms);
    }
    if (stats.client_certificate_expires_ms != 0 &&
        options->tls_certificate_file != NULL) {
        expiry_note(&hourly->expiry, EXPIRY_CLIENT,
                    options->tls_certificate_file, name,
                    stats.client_certificate_expires_ms, now_ms);
    }
}

static void log_expiry(void *data, const struct expiry_report *report)
{
    const uint64_t *now_ms = data;
    bool is_of_server =
        report->kind == EXPIRY_SERVER && report->certificate_count == 1;
    const struct log_field fields[] = {
        {.name = "event",
         .text = report->stage == EXPIRY_NONE ? "renewed" : "expiry"},
        {.name = "server", .text = is_of_server ? report->name : ""},
        {.name = "count", .number = report->server_count},
    };
    char text[EXPIRY_TEXT_SIZE];
    log_fields(expiry_level(report), fields, 3,
               expiry_text(report, *now_ms, text));
}

/* Passes */

static void begin(struct hourly *hourly, uint64_t now_ms)
{
    hourly->is_at_work = true;
    hourly->due_ms = now_ms + hourly->period_ms;
    hourly->expiry.is_starting = hourly->period_ms < HOUR_MS;
    hourly->period_ms =
        2 * hourly->period_ms < HOUR_MS ? 2 * hourly->period_ms : HOUR_MS;
    if (now_ms >= hourly->trend_due_ms) {
        hourly->trend_due_ms = now_ms + HOUR_MS;
        hourly->trend_pass++;
    }
}

/* Begins with the first server, unless the servers are still the same. */
static void go_on(struct hourly *hourly)
{
    const struct gather *gather = hourly->gather;
    if (hourly->cursor > 0 && hourly->server_count == gather->servers.count &&
        hourly->generation == gather->observer.generation) {
        return;
    }
    hourly->cursor = 0;
    hourly->server_count = gather->servers.count;
    hourly->generation = gather->observer.generation;
    expiry_restart(&hourly->expiry);
}

/* True if there are more. */
static bool sample_servers(struct hourly *hourly, uint64_t now_ms)
{
    for (unsigned i = 0; i < SERVERS_PER_TURN; i++) {
        const struct gather_server *server =
            name_table_next(&hourly->gather->servers, &hourly->cursor);
        if (server == NULL) {
            return false;
        }
        sample(hourly, "", server->seen.name, server->seen.sums.unread_count,
               "more arrives on the server than is fetched");
        note_certificates(hourly, server, now_ms);
    }
    return true;
}

void hourly_run(struct hourly *hourly, uint64_t now_ms)
{
    if (!hourly->is_at_work && now_ms < hourly->due_ms) {
        return;
    }
    if (!hourly->is_at_work) {
        begin(hourly, now_ms);
    }
    go_on(hourly);
    if (!sample_servers(hourly, now_ms)) {
        sample_outlets(hourly);
        expiry_end(&hourly->expiry, now_ms, log_expiry, &now_ms);
        hourly->is_at_work = false;
        hourly->cursor = 0;
    }
}

void hourly_open(struct hourly *hourly, uint64_t now_ms)
{
    hourly->due_ms = now_ms + FIRST_MS;
    hourly->period_ms = FIRST_MS;
}

void hourly_init(struct hourly *hourly, struct gather *gather)
{
    *hourly = (struct hourly){
        .gather = gather,
        .trends.name_of = trend_name_of,
    };
    expiry_init(&hourly->expiry);
}

void hourly_free(struct hourly *hourly)
{
    struct named_trend *trend;
    size_t cursor = 0;
    while ((trend = name_table_next(&hourly->trends, &cursor)) != NULL) {
        free(trend);
    }
    name_table_free(&hourly->trends);
    expiry_free(&hourly->expiry);
}
