/*
 * haplo_server.c - adds and removes servers.
 */
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

static bool has_long_wait(const struct haplo_server_options *options)
{
    return options->connect_timeout_ms > HAPLO_WAIT_MS_MAX ||
           options->first_byte_timeout_ms > HAPLO_WAIT_MS_MAX ||
           options->stall_timeout_ms > HAPLO_WAIT_MS_MAX ||
           options->total_timeout_ms > HAPLO_WAIT_MS_MAX;
}

static int server_check(const struct haplo_poller *poller,
                        const struct haplo_server_options *options,
                        struct reason *why)
{
    if (poller->phase != POLLER_RUNNING) {
        return reason_set(why, HAPLO_ESTOPPED, "the poller is stopping");
    }
    if (has_long_wait(options)) {
        return reason_set(why, HAPLO_EINVAL, "a time limit exceeds 31 days");
    }
    int error = options_check_name("server", options->name, why);
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
    if (error != 0) {
        return error;
    }
    if (name_table_find(&poller->server_names, options->name) != NULL) {
        return reason_set(why, HAPLO_EEXIST,
                          "a server named \"%s\" exists already",
                          options->name);
    }
    return 0;
}

static int server_make_endpoint(struct haplo_server *server,
                                const struct haplo_server_options *options,
                                struct reason *why)
{
    const struct endpoint_options of_endpoint = {
        .url = server->dialect.origin,
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
    return endpoint_new(server->poller->http, &of_endpoint, &server->endpoint,
                        why);
}

static int server_make(struct haplo_poller *poller,
                       const struct haplo_server_options *options,
                       struct haplo_server **out, struct reason *why)
{
    const struct server_policy policy = {
        .in_flight_max = options->in_flight_max,
        .failed_logins_max = options->failed_logins_max,
        .breaker_failures = options->breaker_failures,
    };
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
    error = server_make_endpoint(server, options, why);
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
    struct haplo_server_options options = {0};
    struct reason reason = {.text = "out of memory"};
    *out = NULL;
    if (given == NULL || given->struct_size == 0) {
        return options_missing(why, why_size);
    }
    OPTIONS_COPY(&options, given);
    server_defaults(&options);
    if (options.in_flight_max > poller->scheduler.in_flight_max) {
        options.in_flight_max = poller->scheduler.in_flight_max;
    }
    int error = server_check(poller, &options, &reason);
    if (error == 0) {
        error = server_make(poller, &options, out, &reason);
    }
    if (error != 0) {
        options_copy_why(why, why_size, &reason);
        return error;
    }
    TAILQ_INSERT_TAIL(&poller->servers, *out, link);
    poller->server_count++;
    return 0;
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
