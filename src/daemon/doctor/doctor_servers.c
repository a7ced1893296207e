/*
 * doctor_servers.c - examines servers and queues with the library, like peek:
 *
 *   - Each queue is fetched once, of a server as many at a time as it allows.
 *     A batch is dropped, never marked, and its queue is paused.
 *   - The result of a queue is what its fetch has shown: the name was resolved,
 *     the connection was made, TLS and the certificate are right, the host name
 *     is the primary one, the key is valid for this queue, and the queue exists
 *     and is polled by this method.
 *   - The connections have shown for how long the certificates are valid.
 *
 * Failures:
 *
 *   - The server fails: that is its result, and its other queues are not
 *     examined: five thousand lines would say the same, and a server that asks
 *     for fewer requests would get five thousand.
 *   - A key is refused: the server counts it. So the counts of earlier runs are
 *     recalled, the library keeps to its budget, and what was refused here is
 *     written for later runs, unless a running process keeps that file.
 *   - The budget is exhausted: queues whose keys are not known to work are
 *     reported as not examined.
 *   - A key cannot be read: its queue is reported.
 */
#include "daemon/doctor/doctor_servers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/reason.h"
#include "base/wall_clock.h"
#include "config/api_key.h"
#include "daemon/doctor/doctor_certificates.h"
#include "daemon/gather/failed_logins_file.h"
#include "daemon/gather/key_commands.h"
#include "daemon/gather/refused_keys.h"
#include "daemon/limits.h"
#include "daemon/log/trace.h"
#include "daemon/state_dir.h"

#define LOGINS_OF_THROTTLE 40 /* what is stored after a throttle, at least */
#define TICK_MS 50
#define ONCE_ONLY_MS 3600000 /* it is paused before another attempt */
#define SUBJECT_SIZE (2 * HAPLO_NAME_SIZE_MAX + 16)

struct doctor_server;

struct doctor_queue {
    const struct config_queue *config; /* in the configuration */
    struct doctor_server *server;      /* its own */
    struct haplo_queue *queue;         /* NULL: it could not be added */
    enum diagnostic_code code;         /* HP_NONE: all is well */
    char *text;                        /* owned; NULL: not settled yet */
    bool was_refused;                  /* its key, in an earlier run */
    bool is_asked;                     /* it is fetched, or was */
    bool is_examined;                  /* something was found out about it */
    bool is_paused;                    /* it is not fetched (any more) */
};

struct doctor_server {
    struct doctor *doctor;              /* its own */
    const struct config_server *config; /* in the configuration */
    struct haplo_server *server;        /* NULL: it could not be added */
    struct haplo_server_stats stats;    /* when all results were known */
    struct doctor_queue *queues;        /* a part of all */
    size_t next;                        /* of queues: the first not asked */
    size_t asked_count;                 /* queues that are being fetched */
    enum diagnostic_code code;          /* HP_NONE: it has not failed */
    char *text;                         /* owned; NULL: it has not failed */
};

struct doctor {
    const struct config *config;   /* borrowed */
    struct doctor_report *report;  /* borrowed */
    uv_loop_t loop;                /* owned */
    uv_timer_t tick;               /* looks at what no event tells */
    struct abandon *abandon;       /* ends it despite a name look-up */
    struct haplo_poller *poller;   /* of all servers */
    struct doctor_server *servers; /* owned; all of the configuration */
    struct doctor_queue *queues;   /* owned; likewise */
    size_t unsettled_count;        /* queues that have no result */
    struct refused_keys absent;    /* of queues that are not configured */
    uint64_t loaded_ms;            /* wall clock, when counts were recalled */
    bool has_refusals;             /* a key was refused here */
};

/* Codes */

enum diagnostic_code doctor_code_of(int error)
{
    static const struct {
        int error;
        enum diagnostic_code code;
    } rows[] = {
        {HAPLO_ERESOLVE, HP_SERVER_UNRESOLVED},
        {HAPLO_ECONNECT, HP_SERVER_UNREACHABLE},
        {HAPLO_ETIMEDOUT, HP_SERVER_SILENT},
        {HAPLO_ETLS, HP_SERVER_TLS},
        {HAPLO_ERESET, HP_SERVER_RESET},
        {HAPLO_EPROXY, HP_SERVER_PROXY},
        {HAPLO_EREDIRECT, HP_SERVER_REDIRECTS},
        {HAPLO_ENOTFOUND, HP_SERVER_NOT_FOUND},
        {HAPLO_ESERVER, HP_SERVER_ERROR},
        {HAPLO_ELIMITED, HP_SERVER_LIMITED},
        {HAPLO_ESTATUS, HP_SERVER_STATUS},
        {HAPLO_EPROTOCOL, HP_SERVER_PROTOCOL},
        {HAPLO_EREFUSED, HP_QUEUE_KEY_REFUSED},
        {HAPLO_ETHROTTLED, HP_QUEUE_THROTTLED},
        {HAPLO_ECONTENT, HP_QUEUE_CONTENT},
        {HAPLO_EDOCUMENT, HP_QUEUE_DOCUMENT},
        {HAPLO_ETOOBIG, HP_QUEUE_TOO_BIG},
        {HAPLO_ECACHED, HP_QUEUE_CACHED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].error == error) {
            return rows[i].code;
        }
    }
    return HP_QUEUE_FAILED;
}

/* True for what every queue of the server would show as well. */
static bool is_of_server(enum diagnostic_code code)
{
    return code <= HP_SERVER_LIMITED || code == HP_QUEUE_THROTTLED;
}

/* Results */

static void on_tick(uv_timer_t *tick);

static void settle(struct doctor_queue *queue, enum diagnostic_code code,
                   const char *text)
{
    if (queue->text != NULL) {
        return;
    }
    struct doctor *doctor = queue->server->doctor;
    queue->code = code;
    queue->text = strdup(text);
    if (queue->text == NULL) {
        doctor->report->is_out_of_memory = true;
        queue->text = strdup("");
    }
    queue->server->asked_count -= queue->is_asked;
    doctor->unsettled_count--;
    uv_timer_start(&doctor->tick, on_tick, 0, TICK_MS); /* soon */
}

static void fail_server(struct doctor_server *server, enum diagnostic_code code,
                        const char *text)
{
    if (server->text == NULL) {
        server->code = code;
        server->text = strdup(text);
    }
    for (size_t i = 0; i < server->config->queue_count; i++) {
        settle(&server->queues[i], HP_NONE, "");
    }
}

/* Inside callbacks nothing may be paused: on_tick() does that. */
static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    struct doctor_server *server = haplo_server_data(event->server);
    (void)poller;
    trace_event(event);
    if (event->queue == NULL) {
        if (event->error == HAPLO_ETHROTTLED) {
            fail_server(server, HP_QUEUE_THROTTLED, event->text);
        }
        return;
    }
    struct doctor_queue *queue = haplo_queue_data(event->queue);
    if (!queue->is_asked) {
        return;
    }
    bool has_failed = event->to == HAPLO_QUEUE_BACKOFF ||
                      event->to == HAPLO_QUEUE_REFUSED ||
                      event->to == HAPLO_QUEUE_BLOCKED;
    queue->is_examined |= has_failed || event->to == HAPLO_QUEUE_IDLE;
    if (queue->text != NULL) {
        return;
    }
    if (event->to == HAPLO_QUEUE_IDLE) {
        settle(queue, HP_NONE, "the key is valid, there are no messages");
    } else if (has_failed) {
        enum diagnostic_code code = doctor_code_of(event->error);
        server->doctor->has_refusals |= code == HP_QUEUE_KEY_REFUSED;
        queue->was_refused |= code == HP_QUEUE_KEY_REFUSED;
        if (is_of_server(code)) {
            fail_server(server, code, event->text);
        } else {
            settle(queue, code, event->text);
        }
    }
}

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    struct doctor_queue *own = haplo_queue_data(queue);
    char text[96];
    size_t count = haplo_batch_message_count(batch);
    snprintf(text, sizeof text,
             "the key is valid, %zu message%s fetched and not marked", count,
             count == 1 ? " was" : "s were");
    own->is_examined = true;
    settle(own, HP_NONE, text);
    (void)haplo_batch_drop(batch, NULL);
}

/* What no event tells: unproven keys wait because the budget is exhausted. */
static void look_for_held(struct doctor_server *server)
{
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    char text[160];
    if (server->server == NULL || server->text != NULL) {
        return;
    }
    haplo_server_get_stats(server->server, &stats);
    if (!stats.logins_held || stats.in_flight > 0) {
        return;
    }
    uint64_t wait_s = (stats.wait_ms + 999) / 1000;
    if (stats.failed_logins >= LOGINS_OF_THROTTLE) {
        snprintf(text, sizeof text,
                 "its key was not tried: the server refused all logins from "
                 "this address, or was about to; next try in %" PRIu64 " s",
                 wait_s);
    } else {
        snprintf(text, sizeof text,
                 "its key was not tried: the server has refused %u logins in a "
                 "row; next try in %" PRIu64 " s",
                 stats.failed_logins, wait_s);
    }
    for (size_t i = 0; i < server->config->queue_count; i++) {
        settle(&server->queues[i], HP_LOGINS_SPARED, text);
    }
}

/* Failed logins of earlier runs */

static void recall(void *data, struct haplo_failed_logins *logins,
                   uint64_t newest_ms)
{
    struct doctor *doctor = data;
    if (newest_ms <= doctor->loaded_ms) {
        logins->age_ms = doctor->loaded_ms - newest_ms;
        (void)haplo_poller_recall_logins(doctor->poller, logins);
    }
}

static void take_refused(void *data, const char *server, const char *name)
{
    struct doctor *doctor = data;
    for (size_t i = 0; i < doctor->config->queue_count; i++) {
        struct doctor_queue *queue = &doctor->queues[i];
        if (strcmp(queue->config->name, name) == 0 &&
            strcmp(queue->config->server->options.name, server) == 0) {
            queue->was_refused = true;
            return;
        }
    }
    (void)refused_keys_add(&doctor->absent, server, name);
}

static void recall_logins(struct doctor *doctor)
{
    char path[FAILED_LOGINS_PATH_SIZE];
    const struct failed_logins_reading reading = {
        .logins_cb = recall, .refused_cb = take_refused, .data = doctor};
    refused_keys_init(&doctor->absent);
    failed_logins_file_path(doctor->config->state_dir, "", path);
    doctor->loaded_ms = wall_clock_ms();
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        (void)failed_logins_file_read(file, &reading);
        (void)fclose(file);
    }
}

static void print_refused(void *data, FILE *file)
{
    const struct doctor *doctor = data;
    refused_keys_print(&doctor->absent, file);
    for (size_t i = 0; i < doctor->config->queue_count; i++) {
        const struct doctor_queue *queue = &doctor->queues[i];
        if (queue->was_refused) {
            failed_logins_file_refused(
                file, queue->config->server->options.name, queue->config->name);
        }
    }
}

/* The next run must know of them. A process that runs has counts of its own,
 * which are not to be overwritten; nothing is created for this. */
static void keep_logins(const struct doctor *doctor)
{
    struct reason why;
    int lock;
    const char *state_dir = doctor->config->state_dir;
    if (doctor->has_refusals && access(state_dir, W_OK) == 0 &&
        state_dir_lock(state_dir, &lock, &why) == 0) {
        (void)failed_logins_file_write(state_dir, doctor->poller, print_refused,
                                       (void *)doctor);
        state_dir_unlock(lock);
    }
}

static void take_stats(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->config->server_count; i++) {
        struct doctor_server *server = &doctor->servers[i];
        server->stats.struct_size = sizeof server->stats;
        if (server->server != NULL) {
            haplo_server_get_stats(server->server, &server->stats);
        }
    }
}

/* Nothing is asked of a server once it has failed: what it is to be spared
 * would be a request for each of its queues. */
static void ask_next(struct doctor_server *server)
{
    size_t limit = server->config->options.in_flight_max;
    while (server->text == NULL && server->next < server->config->queue_count &&
           server->asked_count < (limit > 0 ? limit : 1)) {
        struct doctor_queue *queue = &server->queues[server->next++];
        if (queue->text == NULL) {
            queue->is_asked = true;
            queue->is_paused = false;
            server->asked_count++;
            haplo_queue_resume(queue->queue);
        }
    }
}

static void on_tick(uv_timer_t *tick)
{
    struct doctor *doctor = tick->data;
    for (size_t i = 0; i < doctor->config->queue_count; i++) {
        struct doctor_queue *queue = &doctor->queues[i];
        if (queue->text != NULL && queue->queue != NULL && !queue->is_paused) {
            queue->is_paused = true;
            haplo_queue_pause(queue->queue);
        }
    }
    for (size_t i = 0; i < doctor->config->server_count; i++) {
        look_for_held(&doctor->servers[i]);
        ask_next(&doctor->servers[i]);
    }
    if (doctor->unsettled_count == 0) {
        take_stats(doctor);
        keep_logins(doctor);
        uv_close((uv_handle_t *)tick, NULL);
        abandon_soon(doctor->abandon);
        haplo_poller_close(doctor->poller, NULL);
    }
}

/* The start */

static void add_queue(struct doctor_queue *queue)
{
    struct haplo_queue_options options = {.struct_size = sizeof options};
    struct api_key key;
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    const struct config *config = queue->server->doctor->config;
    if (key_commands_read_now(queue->config->key,
                              config->api_key_command_timeout_ms, &key, why,
                              sizeof why) != 0) {
        queue->is_examined = true;
        settle(queue, HP_API_KEY_UNUSABLE, why);
        return;
    }
    config_queue_options(queue->config, &options);
    options.api_key = key.revealed;
    options.deliver_cb = on_deliver;
    options.data = queue;
    options.backoff_ms = options.backoff_max_ms = ONCE_ONLY_MS;
    int error = haplo_queue_add(queue->server->server, &options, &queue->queue,
                                why, sizeof why);
    api_key_wipe(&key);
    if (error == 0) {
        queue->is_paused = true; /* until it is asked */
        haplo_queue_pause(queue->queue);
    } else {
        queue->is_examined = true;
        settle(queue, HP_QUEUE_FAILED, why);
    }
}

static void add_server(struct doctor_server *server)
{
    struct haplo_server_options options = {.struct_size = sizeof options};
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    config_server_options(server->config, &options);
    options.data = server;
    int error = config_server_files(server->config, why, sizeof why);
    if (error != 0) {
        fail_server(server, HP_INPUT_FILE_UNUSABLE, why);
        return;
    }
    error = haplo_server_add(server->doctor->poller, &options, &server->server,
                             why, sizeof why);
    if (error != 0) {
        fail_server(server, HP_QUEUE_FAILED, why);
        return;
    }
    for (size_t i = 0; i < server->config->queue_count; i++) {
        add_queue(&server->queues[i]);
    }
}

static int allocate(struct doctor *doctor)
{
    const struct config *config = doctor->config;
    doctor->servers = calloc(config->server_count + 1, sizeof *doctor->servers);
    doctor->queues = calloc(config->queue_count + 1, sizeof *doctor->queues);
    if (doctor->servers == NULL || doctor->queues == NULL) {
        return -1;
    }
    doctor->unsettled_count = config->queue_count;
    for (size_t i = 0; i < config->server_count; i++) {
        const struct config_server *from = &config->servers[i];
        struct doctor_server *server = &doctor->servers[i];
        *server = (struct doctor_server){
            .doctor = doctor,
            .config = from,
            .queues = doctor->queues + (from->queues - config->queues),
        };
        for (size_t j = 0; j < from->queue_count; j++) {
            server->queues[j] = (struct doctor_queue){
                .config = &from->queues[j], .server = server};
        }
    }
    return 0;
}

/* The end */

static void report_server(const struct doctor_server *server)
{
    char subject[SUBJECT_SIZE];
    struct doctor_report *report = server->doctor->report;
    const char *name = server->config->options.name;
    snprintf(subject, sizeof subject, "server %s", name);
    if (server->text != NULL) {
        doctor_report_add(report, server->code, subject, "%s%s", server->text,
                          server->config->queue_count > 1
                              ? "; its other queues were not examined"
                              : "");
    }
    if (server->text == NULL) {
        doctor_certificates(server->config, &server->stats, wall_clock_ms(),
                            subject, report);
    }
    for (size_t i = 0; i < server->config->queue_count; i++) {
        const struct doctor_queue *queue = &server->queues[i];
        report->unexamined_count += !queue->is_examined;
        if (queue->text != NULL && queue->text[0] != '\0') {
            snprintf(subject, sizeof subject, "queue %s/%s", name,
                     queue->config->name);
            doctor_report_add(report, queue->code, subject, "%s", queue->text);
        }
    }
}

static void free_all(struct doctor *doctor)
{
    for (size_t i = 0;
         doctor->queues != NULL && i < doctor->config->queue_count; i++) {
        free(doctor->queues[i].text);
    }
    for (size_t i = 0;
         doctor->servers != NULL && i < doctor->config->server_count; i++) {
        free(doctor->servers[i].text);
    }
    refused_keys_clear(&doctor->absent);
    free(doctor->queues);
    free(doctor->servers);
}

static void examine(struct doctor *doctor)
{
    recall_logins(doctor);
    for (size_t i = 0; i < doctor->config->server_count; i++) {
        add_server(&doctor->servers[i]);
    }
    uv_timer_start(&doctor->tick, on_tick, 0, TICK_MS);
    uv_run(&doctor->loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < doctor->config->server_count; i++) {
        report_server(&doctor->servers[i]);
    }
}

/* What is still being looked up keeps the loop, which must then stay. */
static void end(struct doctor *doctor)
{
    if (!doctor->abandon->is_done) {
        abandon_close(doctor->abandon);
        uv_loop_close(&doctor->loop);
        free_all(doctor);
        free(doctor);
    }
}

static int run(struct doctor *doctor, char *why, size_t why_size)
{
    const struct haplo_poller_options options = {
        .struct_size = sizeof options, .event_cb = on_event, .data = doctor};
    uv_timer_init(&doctor->loop, &doctor->tick); /* cannot fail */
    doctor->tick.data = doctor;
    abandon_init(doctor->abandon, &doctor->loop);
    int error = haplo_poller_new(&doctor->loop, &options, &doctor->poller, why,
                                 why_size);
    if (error == 0) {
        examine(doctor);
    } else {
        uv_close((uv_handle_t *)&doctor->tick, NULL);
        uv_run(&doctor->loop, UV_RUN_DEFAULT);
    }
    end(doctor);
    return error == 0 ? 0 : -1;
}

int doctor_servers(const struct config *config, struct doctor_report *report,
                   struct abandon *abandon, char *why, size_t why_size)
{
    struct doctor *doctor = calloc(1, sizeof *doctor);
    if (doctor == NULL) {
        return reason_write(why, why_size, -1, "out of memory");
    }
    *doctor =
        (struct doctor){.config = config, .report = report, .abandon = abandon};
    if (allocate(doctor) != 0) {
        (void)reason_write(why, why_size, 0, "out of memory");
    } else if (limits_loop_init(&doctor->loop, why, why_size) == 0) {
        return run(doctor, why, why_size);
    }
    free_all(doctor);
    free(doctor);
    return -1;
}
