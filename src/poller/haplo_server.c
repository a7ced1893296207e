/*
 * haplo_server.c - adds, changes and removes servers.
 */
#include <string.h>

#include "base/alloc.h"
#include "poller/location.h"
#include "poller/options.h"
#include "poller/poller.h"

void object_free_server(struct haplo_server *server)
{
    name_table_free(&server->queues);
    dialect_free(&server->dialect);
    alloc_free(server->name);
    alloc_free(server);
}

const char *object_server_name(const void *server)
{
    return ((const struct haplo_server *)server)->name;
}

static void server_defaults(struct haplo_server_options *options)
{
    DEFAULT_TO(options->in_flight_max, 1);
    DEFAULT_TO(options->connect_timeout_ms, 10000);
    DEFAULT_TO(options->first_byte_timeout_ms, 60000);
    DEFAULT_TO(options->stall_timeout_ms, 30000);
    DEFAULT_TO(options->total_timeout_ms, 120000);
    DEFAULT_TO(options->failed_logins_max, 5);
    DEFAULT_TO(options->breaker_failures, 5);
    dialect_defaults(options);
}

static int check_waits(const struct haplo_server_options *options,
                       struct reason *why)
{
    const struct option_wait waits[] = {
        {"connect_timeout_ms", options->connect_timeout_ms},
        {"first_byte_timeout_ms", options->first_byte_timeout_ms},
        {"stall_timeout_ms", options->stall_timeout_ms},
        {"total_timeout_ms", options->total_timeout_ms},
    };
    return options_check_waits(waits, sizeof waits / sizeof waits[0], why);
}

static int server_check(const struct haplo_poller *poller,
                        const struct haplo_server_options *options,
                        struct reason *why)
{
    if (poller->phase != POLLER_RUNNING) {
        return reason_set(why, HAPLO_ESTOPPED, "the poller is stopping");
    }
    int error = check_waits(options, why);
    if (error == 0) {
        error = options_check_urls(options, why);
    }
    if (error == 0) {
        error = dialect_check(options, why);
    }
    if (error == 0 && options->login_group != NULL &&
        options->login_group[0] != '\0') {
        error = options_check_name("login group", options->login_group, why);
    }
    return error;
}

static int server_check_name(const struct haplo_poller *poller,
                             const struct haplo_server_options *options,
                             struct reason *why)
{
    int error = options_check_name("server", options->name, why);
    if (error == 0 &&
        name_table_find(&poller->server_names, options->name) != NULL) {
        error =
            reason_set(why, HAPLO_EEXIST,
                       "a server named \"%s\" exists already", options->name);
    }
    return error;
}

/* Copies the options of a server, checked and with their defaults. */
static int options_read(const struct haplo_poller *poller,
                        struct haplo_server_options *options,
                        const struct haplo_server_options *given,
                        struct reason *why)
{
    int error = options_copy(options, sizeof *options, given, why);
    if (error != 0) {
        return error;
    }
    server_defaults(options);
    if (options->in_flight_max > poller->scheduler.in_flight_max) {
        options->in_flight_max = poller->scheduler.in_flight_max;
    }
    return server_check(poller, options, why);
}

static struct server_policy policy_of(
    const struct haplo_server_options *options)
{
    return (struct server_policy){
        .in_flight_max = options->in_flight_max,
        .failed_logins_max = options->failed_logins_max,
        .breaker_failures = options->breaker_failures,
    };
}

static int server_make_endpoint(struct haplo_server *server,
                                const struct dialect *dialect,
                                const struct haplo_server_options *options,
                                struct endpoint **endpoint, struct reason *why)
{
    const struct endpoint_options of_endpoint = {
        .url = dialect->origin,
        .allow_http = options->allow_http,
        .proxy = options->proxy,
        .tls_ca_file = options->tls_ca_file,
        .tls_certificate_file = options->tls_certificate_file,
        .tls_key_file = options->tls_key_file,
        .in_flight_max = options->in_flight_max,
        .connect_timeout_ms = options->connect_timeout_ms,
        .first_byte_timeout_ms = options->first_byte_timeout_ms,
        .stall_timeout_ms = options->stall_timeout_ms,
        .total_timeout_ms = options->total_timeout_ms,
        .looked_up_cb = location_on_looked_up,
        .data = server,
    };
    return endpoint_new(server->poller->http, &of_endpoint, endpoint, why);
}

static int server_make(struct haplo_poller *poller,
                       const struct haplo_server_options *options,
                       struct haplo_server **out, struct reason *why)
{
    const struct server_policy policy = policy_of(options);
    struct haplo_server *server = alloc_zeroed(1, sizeof *server);
    if (server == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    server->poller = poller;
    server->data = options->data;
    server->queues.name_of = object_queue_name;
    server_init(&server->core, &policy);
    int error = HAPLO_ENOMEM;
    server->name = alloc_string(options->name);
    if (server->name == NULL || dialect_init(&server->dialect, options) != 0) {
        goto fail_server;
    }
    error = server_make_endpoint(server, &server->dialect, options,
                                 &server->endpoint, why);
    if (error != 0) {
        goto fail_server;
    }
    error = location_begin(server, options->login_group);
    if (error != 0) {
        goto fail_endpoint;
    }
    error = name_table_add(&poller->server_names, server);
    if (error != 0) {
        goto fail_scheduler;
    }
    *out = server;
    return 0;

fail_scheduler:
    scheduler_remove_server(&poller->scheduler, &server->core,
                            uv_now(poller->loop));
fail_endpoint:
    endpoint_free(server->endpoint);
fail_server:
    object_free_server(server);
    return error;
}

int haplo_server_add(struct haplo_poller *poller,
                     const struct haplo_server_options *given,
                     struct haplo_server **out, char *why, size_t why_size)
{
    struct haplo_server_options options;
    struct reason reason = {.text = "out of memory"};
    *out = NULL;
    int error = options_read(poller, &options, given, &reason);
    if (error == 0) {
        error = server_check_name(poller, &options, &reason);
    }
    if (error == 0) {
        error = server_make(poller, &options, out, &reason);
    }
    if (error == 0) {
        TAILQ_INSERT_TAIL(&poller->servers, *out, link);
        poller->server_count++;
    }
    return options_explain(error, why, why_size, &reason);
}

/* Changing options */

/* A token is never posted to a server that has not sent it. */
static int server_check_rest(const struct haplo_server *server,
                             const struct haplo_server_options *options,
                             struct reason *why)
{
    const struct haplo_queue *queue;
    size_t cursor = 0;
    if (options->name != NULL && strcmp(options->name, server->name) != 0) {
        return reason_set(why, HAPLO_EINVAL,
                          "the name of a server cannot be changed: add another "
                          "one and remove \"%s\"",
                          server->name);
    }
    while ((queue = server_next_queue(server, &cursor)) != NULL) {
        if (queue->request != NULL || queue_has_batch(&queue->core)) {
            return reason_set(why, HAPLO_EBUSY,
                              "queue \"%s\" of server \"%s\" is %s: pause the "
                              "queues of the server first",
                              queue->name, server->name,
                              haplo_queue_state_name(queue->core.state));
        }
    }
    return 0;
}

static bool is_same_place(const struct dialect *a, const struct dialect *b)
{
    return strcmp(a->origin, b->origin) == 0 && strcmp(a->user, b->user) == 0;
}

/* The server may be another one. */
static void server_doubt_keys(struct haplo_server *server)
{
    const struct queue_event new_key = {.kind = QUEUE_EVENT_NEW_KEY};
    struct haplo_queue *queue;
    size_t cursor = 0;
    while ((queue = server_next_queue(server, &cursor)) != NULL) {
        poller_step(queue, &new_key);
    }
    scheduler_try_server(&server->poller->scheduler, &server->core,
                         uv_now(server->poller->loop));
}

/* Everything that can fail comes first. */
static int server_change(struct haplo_server *server,
                         const struct haplo_server_options *options,
                         struct reason *why)
{
    const struct server_policy policy = policy_of(options);
    struct endpoint *endpoint = NULL;
    struct dialect dialect;
    if (dialect_init(&dialect, options) != 0) {
        return HAPLO_ENOMEM;
    }
    int error = server_make_endpoint(server, &dialect, options, &endpoint, why);
    if (error == 0) {
        error = location_change(server, endpoint, options->login_group);
    }
    if (error != 0) {
        if (endpoint != NULL) {
            endpoint_free(endpoint);
        }
        dialect_free(&dialect);
        return error;
    }
    bool is_same = is_same_place(&server->dialect, &dialect);
    dialect_free(&server->dialect);
    server->dialect = dialect;
    server->data = options->data;
    scheduler_set_policy(&server->poller->scheduler, &server->core, &policy);
    if (!is_same) {
        server_doubt_keys(server);
    }
    poller_pump(server->poller);
    return 0;
}

int haplo_server_set_options(struct haplo_server *server,
                             const struct haplo_server_options *given,
                             char *why, size_t why_size)
{
    struct haplo_server_options options;
    struct reason reason = {.text = "out of memory"};
    int error = options_read(server->poller, &options, given, &reason);
    if (error == 0) {
        error = server_check_rest(server, &options, &reason);
    }
    if (error == 0) {
        error = server_change(server, &options, &reason);
    }
    return options_explain(error, why, why_size, &reason);
}

struct haplo_server *haplo_server_find(const struct haplo_poller *poller,
                                       const char *name)
{
    return name_table_find(&poller->server_names, name);
}

struct haplo_server *haplo_server_next(const struct haplo_poller *poller,
                                       const struct haplo_server *previous)
{
    return previous != NULL ? TAILQ_NEXT(previous, link)
                            : TAILQ_FIRST(&poller->servers);
}

struct haplo_poller *haplo_server_poller(const struct haplo_server *server)
{
    return server->poller;
}

int haplo_server_remove(struct haplo_server *server)
{
    struct haplo_poller *poller = server->poller;
    if (server->queues.count > 0 || poller->phase == POLLER_CLOSING) {
        return HAPLO_EBUSY;
    }
    scheduler_remove_server(&poller->scheduler, &server->core,
                            uv_now(poller->loop));
    endpoint_free(server->endpoint);
    TAILQ_REMOVE(&poller->servers, server, link);
    name_table_remove(&poller->server_names, server);
    poller->server_count--;
    object_free_server(server);
    return 0;
}

const char *haplo_server_name(const struct haplo_server *server)
{
    return server->name;
}

void *haplo_server_data(const struct haplo_server *server)
{
    return server->data;
}
