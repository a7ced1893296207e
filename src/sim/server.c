#include "sim/server.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "sim/control.h"
#include "sim/files.h"
#include "sim/memory.h"
#include "sim/service.h"

#define TICK_MS 10 /* resolution of rates and outages */

void sim_server_clock(struct sim_server *server)
{
    server->world.now_ms = (int64_t)(uv_hrtime() / 1000000);
}

void sim_server_init(struct sim_server *server, uv_loop_t *loop)
{
    server->loop = loop;
    sim_options_default(SIM_SCOPE_SETTINGS, &server->world.settings);
    sim_authority_init(&server->authority, "haplo-sim CA");
    sim_authority_init(&server->unknown, "haplo-sim unknown CA");
    if (uv_timer_init(loop, &server->tick) != 0) {
        abort(); /* cannot fail */
    }
    server->tick.data = server;
    sim_server_clock(server);
}

static struct sim_listener *listener_new(struct sim_server *server,
                                         struct sim_app *app)
{
    struct sim_listener *listener = sim_new(sizeof *listener);
    listener->server = server;
    listener->app = app;
    listener->request_run = app == NULL ? sim_control_run : sim_service_run;
    listener->next = server->listeners;
    server->listeners = listener;
    return listener;
}

bool sim_server_open_control(struct sim_server *server, char *error,
                             size_t error_size)
{
    char address[sizeof server->command.control];
    strcpy(address, server->command.control);
    char *colon = strrchr(address, ':');
    char *end = NULL;
    unsigned long port = colon == NULL ? 65536 : strtoul(colon + 1, &end, 10);
    if (port > 65535 || *end != '\0' || strncmp(address, "127.", 4) != 0) {
        snprintf(error, error_size,
                 "control: expected a loopback address:port, not %s", address);
        return false;
    }
    *colon = '\0';
    server->control = listener_new(server, NULL);
    int result =
        sim_listener_open(server->control, address, (unsigned int)port);
    if (result != 0) {
        snprintf(error, error_size, "control: listen on %s: %s",
                 server->command.control, uv_strerror(result));
    }
    return result == 0;
}

/* Writes the host names of all applications on a port, comma-separated. */
static void names_write(const struct sim_server *server,
                        const struct sim_app *owner, struct sim_buffer *to)
{
    for (size_t i = 0; i < server->world.app_count; i++) {
        const struct sim_app *app = server->world.apps[i];
        if (app->server == owner) {
            sim_buffer_format(to, "%s,%s,", app->settings.host,
                              app->settings.alias);
        }
    }
    sim_buffer_add(to, "", 1);
}

/* False if settings have changed since it was issued. */
static bool certificate_is_current(const struct sim_listener *listener)
{
    const struct sim_settings *settings = &listener->app->settings;
    return listener->certificate == settings->certificate &&
           listener->certificate_ms == settings->certificate_ms;
}

static bool certificate_renew(struct sim_listener *listener, char *error,
                              size_t error_size)
{
    struct sim_server *server = listener->server;
    struct sim_buffer names = {0};
    struct sim_buffer pem = {0};
    int kind = listener->app->settings.certificate;
    int64_t lifetime_ms = listener->app->settings.certificate_ms;
    names_write(server, listener->app, &names);
    SSL_CTX *tls = sim_certificate_context(
        kind == SIM_CERTIFICATE_UNKNOWN_CA ? &server->unknown
                                           : &server->authority,
        (enum sim_certificate_kind)kind, lifetime_ms, names.bytes, &pem);
    bool good = tls != NULL;
    if (good) {
        SSL_CTX_free(listener->tls);
        listener->tls = tls;
        listener->certificate = kind;
        listener->certificate_ms = lifetime_ms;
        good = sim_files_certificate(&server->command, listener->app->name,
                                     &pem, error, error_size);
    } else {
        snprintf(error, error_size, "%s: OpenSSL cannot create a certificate",
                 listener->app->name);
    }
    sim_buffer_free(&names);
    sim_buffer_free(&pem);
    return good;
}

static bool port_open(struct sim_server *server, struct sim_app *app,
                      struct sim_listener **listener, const char *port,
                      char *error, size_t error_size)
{
    unsigned long number = strtoul(port, NULL, 10);
    struct sim_listener *made = listener_new(server, app);
    int result = number > 65535 ? UV_EINVAL
                                : sim_listener_open(made, "127.0.0.1",
                                                    (unsigned int)number);
    if (result != 0) {
        snprintf(error, error_size, "%s: listen on port %s: %s", app->name,
                 port, uv_strerror(result));
        server->listeners = made->next;
        free(made);
        return false;
    }
    *listener = made;
    return true;
}

static void url_write(char *to, size_t size, const struct sim_app *app,
                      const struct sim_listener *listener)
{
    snprintf(to, size, "%s://%s:%u%s", listener->tls == NULL ? "http" : "https",
             app->settings.host, listener->port, app->settings.path);
}

static bool app_open(struct sim_server *server, struct sim_app *app,
                     char *error, size_t error_size)
{
    if (app->server != app) {
        app->listener = app->server->listener;
        if (app->listener == NULL) {
            snprintf(error, error_size, "%s: the port of %s is not open",
                     app->name, app->server->name);
            return false;
        }
    } else if (!port_open(server, app, &app->listener, app->settings.port,
                          error, error_size)) {
        return false;
    }
    if (app->settings.tls &&
        !certificate_renew(app->listener, error, error_size)) {
        return false;
    }
    url_write(app->url, sizeof app->url, app, app->listener);
    if (app->settings.http_redirect && app->settings.tls) {
        if (!port_open(server, app, &app->redirect_listener, "0", error,
                       error_size)) {
            return false;
        }
        app->redirect_listener->redirects = true;
        url_write(app->http_url, sizeof app->http_url, app,
                  app->redirect_listener);
    }
    return true;
}

static bool app_sync(struct sim_server *server, struct sim_app *app,
                     char *error, size_t error_size)
{
    if (app->failed) {
        return true;
    }
    if (app->listener == NULL && !app_open(server, app, error, error_size)) {
        app->failed = true;
        return false;
    }
    if (app->listener->tls != NULL && app->server == app &&
        !certificate_is_current(app->listener) &&
        !certificate_renew(app->listener, error, error_size)) {
        return false;
    }
    for (size_t i = 0; i < app->key_count; i++) {
        if (!app->keys[i]->stored &&
            !sim_files_key(&server->command, app->name, app->keys[i], error,
                           error_size)) {
            return false;
        }
    }
    return true;
}

/* The fault that makes a port refuse connections now, or NULL. */
static const struct sim_fault *refusal_find(const struct sim_server *server,
                                            const struct sim_listener *listener)
{
    const struct sim_world *world = &server->world;
    for (size_t i = 0; i < world->faults.count; i++) {
        const struct sim_fault *fault = &world->faults.list[i];
        if (fault->kind == SIM_FAULT_REFUSE &&
            fnmatch(fault->app, listener->app->name, 0) == 0 &&
            (fault->for_ms == 0 ||
             world->now_ms - fault->start_ms < fault->for_ms)) {
            return fault;
        }
    }
    return NULL;
}

static bool refusing_sync(struct sim_server *server, char *error,
                          size_t error_size)
{
    for (struct sim_listener *it = server->listeners; it; it = it->next) {
        const struct sim_fault *fault =
            it->app == NULL ? NULL : refusal_find(server, it);
        if (fault != NULL && fault->drop && !it->refusing) {
            sim_listener_drop(it);
        }
        int result = sim_listener_refuse(it, fault != NULL);
        if (result != 0) {
            snprintf(error, error_size, "%s: listen on port %u: %s",
                     it->app->name, it->port, uv_strerror(result));
            return false;
        }
    }
    return true;
}

/* Is any timed outage left? If not, the tick can stop. */
static bool refusals_left(struct sim_server *server)
{
    struct sim_faults *faults = &server->world.faults;
    bool left = false;
    for (size_t i = 0; i < faults->count; i++) {
        struct sim_fault *fault = &faults->list[i];
        if (fault->kind == SIM_FAULT_REFUSE && fault->for_ms > 0) {
            fault->hit_count = 1;
            left =
                left || server->world.now_ms - fault->start_ms < fault->for_ms;
        }
    }
    return left;
}

static void tick_cb(uv_timer_t *timer)
{
    struct sim_server *server = timer->data;
    char error[256];
    sim_server_clock(server);
    sim_world_tick(&server->world, server->world.now_ms - server->tick_ms);
    server->tick_ms = server->world.now_ms;
    bool left = refusals_left(server);
    if (!refusing_sync(server, error, sizeof error)) {
        fprintf(stderr, "haplo-sim: %s\n", error);
    }
    if (!left && !sim_world_has_rate(&server->world)) {
        uv_timer_stop(timer);
    }
}

static void tick_sync(struct sim_server *server)
{
    bool wanted = refusals_left(server) || sim_world_has_rate(&server->world);
    if (wanted && !uv_is_active((uv_handle_t *)&server->tick)) {
        server->tick_ms = server->world.now_ms;
        uv_update_time(server->loop);
        uv_timer_start(&server->tick, tick_cb, TICK_MS, TICK_MS);
    }
}

bool sim_server_sync(struct sim_server *server, char *error, size_t error_size)
{
    for (size_t i = 0; i < server->world.app_count; i++) {
        if (!app_sync(server, server->world.apps[i], error, error_size)) {
            return false;
        }
    }
    if (!refusing_sync(server, error, error_size)) {
        return false;
    }
    tick_sync(server);
    return true;
}

void sim_server_stop(struct sim_server *server)
{
    if (server->stopping) {
        return;
    }
    server->stopping = true;
    for (size_t i = 0; i < server->world.app_count; i++) {
        sim_service_abandon(server->world.apps[i]);
    }
    for (struct sim_listener *it = server->listeners; it; it = it->next) {
        sim_listener_close(it);
    }
    uv_close((uv_handle_t *)&server->tick, NULL);
    uv_close((uv_handle_t *)&server->signals[0], NULL);
    uv_close((uv_handle_t *)&server->signals[1], NULL);
    if (server->has_input) {
        uv_close((uv_handle_t *)&server->input, NULL);
    }
}

void sim_server_free(struct sim_server *server)
{
    while (server->listeners != NULL) {
        struct sim_listener *listener = server->listeners;
        server->listeners = listener->next;
        free(listener);
    }
    sim_authority_free(&server->authority);
    sim_authority_free(&server->unknown);
    sim_world_free(&server->world);
}
