#include "network.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "guard.h"
#include "http/client.h"
#include "http/endpoint.h"
#include "http/host.h"
#include "http/transfer.h"
#include "meaning.h"
#include "process.h"
#include "wire.h"
#include "world.h"

#define PATH_PREFIX "/api/haplo-integration-messages/poll/"
#define LOGIN_PREFIX "Authorization: Basic "
#define KEY_FORMAT "haplo:key-%d-of-a-simulated-queue"

struct http_client {
    struct process *process;
    http_client_close_cb close_cb;
    void *data; /* for it */
};

struct endpoint {
    struct seen_server *server;
    struct host host;   /* of its URL */
    char name[16];      /* the name of that */
    char addresses[32]; /* as its name server says; "" until then */
    endpoint_looked_up_cb looked_up_cb; /* of the owner */
    void *data;                         /* for that */
};

const char *network_key_text(int key, char text[NETWORK_KEY_SIZE])
{
    snprintf(text, NETWORK_KEY_SIZE, &KEY_FORMAT[strlen("haplo:")], key);
    return text;
}

int http_client_new(uv_loop_t *loop, unsigned transfers_max,
                    struct http_client **result, struct reason *why)
{
    struct http_client *client = simulated_calloc(1, sizeof *client);
    (void)transfers_max;
    (void)why;
    client->process = loop->data;
    *result = client;
    return 0;
}

void http_client_allow(struct http_client *client, unsigned transfers_max)
{
    (void)client;
    (void)transfers_max;
}

void http_client_ref(struct http_client *client, bool keeps_alive)
{
    (void)client;
    (void)keeps_alive;
}

static void on_client_closed(struct world *world, void *subject, uint64_t stamp)
{
    struct http_client *client = subject;
    struct http_client own = *client;
    (void)world;
    (void)stamp;
    simulated_free(client);
    own.close_cb(client, own.data);
}

void http_client_close(struct http_client *client,
                       http_client_close_cb close_cb, void *data)
{
    client->close_cb = close_cb;
    client->data = data;
    process_at(client->process, 0, on_client_closed, client, 0);
}

uint64_t http_client_connection_count(const struct http_client *client)
{
    (void)client;
    return 0;
}

int endpoint_new(struct http_client *client,
                 const struct endpoint_options *options,
                 struct endpoint **result, struct reason *why)
{
    struct endpoint *endpoint = simulated_calloc(1, sizeof *endpoint);
    char name[4] = "";
    (void)why;
    (void)sscanf(options->url, NETWORK_URL_FORMAT, name);
    endpoint->server = process_find_server(client->process, name);
    assert(endpoint->server != NULL);
    snprintf(endpoint->name, sizeof endpoint->name, "%s.example", name);
    endpoint->host = (struct host){.name = endpoint->name, .port = 443};
    endpoint->looked_up_cb = options->looked_up_cb;
    endpoint->data = options->data;
    endpoint->server->endpoint = endpoint;
    endpoint->server->endpoint_count++;
    endpoint->server->is_sought = false;
    endpoint->server->is_located = false;
    *result = endpoint;
    return 0;
}

const struct host *endpoint_host(const struct endpoint *endpoint)
{
    return &endpoint->host;
}

bool endpoint_has_proxy(const struct endpoint *endpoint)
{
    (void)endpoint;
    return false;
}

const char *endpoint_addresses(const struct endpoint *endpoint)
{
    return endpoint->addresses[0] == '\0' ? NULL : endpoint->addresses;
}

uint64_t endpoint_certificate_expires_ms(const struct endpoint *endpoint)
{
    (void)endpoint;
    return 0;
}

uint64_t endpoint_ca_certificate_expires_ms(const struct endpoint *endpoint)
{
    (void)endpoint;
    return 0;
}

uint64_t endpoint_client_certificate_expires_ms(const struct endpoint *endpoint)
{
    (void)endpoint;
    return 0;
}

static void locate(struct endpoint *endpoint)
{
    struct seen_server *server = endpoint->server;
    snprintf(endpoint->addresses, sizeof endpoint->addresses, "192.0.2.%u",
             server->remote->address);
    server->is_located = true;
    TRACE(server->process->world, "%s: is at %s", server->remote->name,
          endpoint->addresses);
}

/* The poller goes on from its timer. */
static void on_settled(struct world *world, void *subject, uint64_t index)
{
    struct process *process = subject;
    (void)world;
    process->servers[index].is_settling = false;
}

static void settle(const struct endpoint *endpoint)
{
    struct seen_server *server = endpoint->server;
    server->is_settling = true;
    process_at(server->process, 1, on_settled, server->process,
               server->remote->index);
    endpoint->looked_up_cb(endpoint->data);
}

static void on_looked_up(struct world *world, void *subject, uint64_t count)
{
    struct seen_server *server = subject;
    struct process *process = server->process;
    struct endpoint *endpoint = server->endpoint;
    if (endpoint == NULL || server->endpoint_count != count) {
        return; /* it was freed */
    }
    process_enter(process);
    server->is_sought = false;
    if (!world->is_quiet &&
        dice_hit(&world->dice, world->plan.look_up_fails_permille)) {
        world_count(world, SITUATION_LOOK_UP_FAILED);
        TRACE(world, "%s: not found", server->remote->name);
    } else {
        locate(endpoint);
    }
    settle(endpoint);
}

int endpoint_look_up(struct endpoint *endpoint)
{
    struct seen_server *server = endpoint->server;
    struct world *world = server->process->world;
    server->is_sought = true;
    process_at(server->process,
               dice_between(&world->dice, 1, world->plan.latency_ms_max),
               on_looked_up, server, server->endpoint_count);
    return 0;
}

bool host_is_loopback(const struct host *host)
{
    (void)host;
    return false;
}

void endpoint_free(struct endpoint *endpoint)
{
    endpoint->server->endpoint = NULL;
    simulated_free(endpoint);
}

static unsigned base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = strchr(digits, c);
    return at == NULL || c == '\0' ? 0 : (unsigned)(at - digits);
}

static void base64_read(const char *from, char *to, size_t room)
{
    size_t used = 0;
    for (; from[0] != '\0' && from[1] != '\0' && used + 4 < room; from += 4) {
        unsigned bits = base64_digit(from[0]) << 18 |
                        base64_digit(from[1]) << 12 |
                        base64_digit(from[2]) << 6 | base64_digit(from[3]);
        to[used++] = (char)(bits >> 16);
        to[used++] = (char)(bits >> 8 & 255);
        to[used++] = (char)(bits & 255);
    }
    to[used] = '\0';
}

/* The key's number; -1 if no such key was ever made. */
static int key_of(const struct transfer *transfer)
{
    char login[128];
    int key = -1;
    for (const struct curl_slist *line = transfer->headers; line != NULL;
         line = line->next) {
        if (strncmp(line->data, LOGIN_PREFIX, strlen(LOGIN_PREFIX)) == 0) {
            base64_read(line->data + strlen(LOGIN_PREFIX), login, sizeof login);
            (void)sscanf(login, KEY_FORMAT, &key);
        }
    }
    return key;
}

/* The queue named by the path. */
static struct seen_queue *queue_of(const struct transfer *transfer)
{
    const struct seen_server *server = transfer->endpoint->server;
    struct process *process = server->process;
    const char *verb = transfer->body == NULL ? "fetch" : "mark";
    char path[256];
    for (unsigned i = 0; i < process->world->queue_count; i++) {
        struct seen_queue *queue = &process->queues[i];
        snprintf(path, sizeof path, PATH_PREFIX "%s/%s",
                 queue->remote->own_name, verb);
        if (queue->server == server && strcmp(path, transfer->path) == 0) {
            return queue;
        }
    }
    world_violation(process->world, "%s: asked for %s", server->remote->name,
                    transfer->path);
}

static struct exchange draft_of(struct seen_queue *queue,
                                struct transfer *transfer)
{
    struct exchange draft = {
        .queue = queue->remote,
        .asker = queue,
        .transfer = transfer,
        .is_mark = transfer->body != NULL,
        .key = key_of(transfer),
        .address = queue->server->remote->address,
        .token = queue->token,
    };
    if (draft.is_mark) {
        assert(transfer->body_size < sizeof draft.form);
        memcpy(draft.form, transfer->body, transfer->body_size);
        draft.form_size = transfer->body_size;
    } else {
        draft.token = NULL;
    }
    return draft;
}

int transfer_start(struct transfer *transfer)
{
    struct seen_queue *queue = queue_of(transfer);
    struct world *world = queue->process->world;
    struct exchange draft = draft_of(queue, transfer);
    if (draft.key != queue->key) {
        world_violation(world, "%s: asked with another key than its own",
                        queue->remote->name);
    }
    guard_starts(queue, draft.is_mark);
    draft.fate =
        wire_draw_fate(world, queue->remote, draft.is_mark, queue->token);
    if (!queue->server->is_located && draft.fate != FATE_NO_MEMORY) {
        draft.fate = FATE_UNRESOLVED;
    }
    if (draft.fate == FATE_NO_MEMORY) {
        struct meaning meaning = meaning_of_failure(HAPLO_ENOMEM);
        world_count(world, SITUATION_NO_MEMORY);
        guard_ended(queue, &meaning);
        return HAPLO_ENOMEM;
    }
    if (draft.is_mark) {
        world->totals->marks++;
        TRACE(world, "%s: mark of token %u sent", queue->remote->name,
              queue->token->number);
    } else {
        world->totals->fetches++;
        TRACE(world, "%s: fetch sent", queue->remote->name);
    }
    queue->exchange = wire_send(world, draft);
    transfer->easy = (struct easy *)queue->exchange;
    world_crash_point(world, draft.is_mark ? CRASH_AFTER_MARK_SENT
                                           : CRASH_AFTER_FETCH_SENT);
    return 0;
}

void transfer_cancel(struct transfer *transfer)
{
    struct exchange *exchange = (struct exchange *)transfer->easy;
    struct seen_queue *queue = exchange->asker;
    assert(queue->exchange == exchange);
    wire_abandon(queue->process->world, exchange);
    queue->exchange = NULL;
    transfer->easy = NULL;
    guard_cancelled(queue);
}

static void end(struct exchange *exchange, const struct meaning *meaning,
                int error)
{
    struct seen_queue *queue = exchange->asker;
    struct transfer *transfer = exchange->transfer;
    const struct transfer_result result = {
        .warning = "",
        .error = error,
        .text = error != 0 ? "as the simulation has it" : "",
        .retry_after_ms = meaning->delay_ms,
        .is_repeated = exchange->is_repeated,
    };
    queue->exchange = NULL;
    transfer->easy = NULL;
    if (meaning->kind == MEANING_BATCH) {
        queue->token = exchange->answer.token;
        queue->token->confirm_number = queue->remote->confirm_number;
    }
    guard_ended(queue, meaning);
    transfer->done_cb(transfer, &result);
}

static void end_failed(struct exchange *exchange, int error)
{
    struct meaning meaning = meaning_of_failure(error);
    TRACE(exchange->asker->process->world, "%s: %s", exchange->queue->name,
          haplo_error_name(error) + strlen("HAPLO_"));
    end(exchange, &meaning, error);
}

/* The response is complete. */
static void end_answered(struct world *world, struct exchange *exchange)
{
    struct meaning meaning = meaning_of_answer(
        &exchange->answer, exchange->is_mark, exchange->queue->server->revision,
        exchange->is_repeated);
    book_answered(world, exchange->asker,
                  exchange->is_mark ? exchange->token : NULL, &exchange->answer,
                  exchange->is_repeated);
    end(exchange, &meaning, 0);
}

struct rest {
    struct exchange *exchange;
    size_t size;  /* of what follows */
    char bytes[]; /* of the body */
};

static void on_rest(struct world *world, void *subject, uint64_t stamp)
{
    struct rest *rest = subject;
    struct exchange *exchange = rest->exchange;
    struct transfer *transfer = exchange->transfer;
    (void)stamp;
    if (exchange->is_abandoned) {
        return;
    }
    int error = transfer->data_cb(transfer, rest->bytes, rest->size);
    if (error != 0) {
        end_failed(exchange, error);
    } else {
        end_answered(world, exchange);
    }
}

/* The second half arrives at once, or a moment later. */
static void bring_rest(struct world *world, struct exchange *exchange,
                       const char *bytes, size_t size)
{
    struct rest *rest = pool_take(&world->pool, sizeof *rest + size);
    rest->exchange = exchange;
    rest->size = size;
    memcpy(rest->bytes, bytes, size);
    if (dice_hit(&world->dice, 800)) {
        on_rest(world, rest, 0);
    } else {
        world_count(world, SITUATION_ANSWER_IN_PIECES);
        process_at(exchange->asker->process,
                   dice_below(&world->dice, world->plan.latency_ms_max),
                   on_rest, rest, 0);
    }
}

void network_answered(struct world *world, struct exchange *exchange)
{
    struct transfer *transfer = exchange->transfer;
    bool is_cut = exchange->fate == FATE_ANSWER_CUT;
    struct http_head head;
    char text[64];
    size_t size = answer_write(&exchange->answer, exchange->queue->server,
                               exchange->is_mark, &head, world->body);
    size_t half = (size_t)dice_below(&world->dice, size);
    TRACE(world, "%s: answered%s: %s", exchange->queue->name,
          is_cut ? ", cut" : "",
          answer_text(&exchange->answer, text, sizeof text));
    if (exchange->answer.kind == ANSWER_GARBLED) {
        world_count(world, SITUATION_ANSWER_GARBLED);
    }
    transfer->head_cb(transfer, &head);
    int error = half == 0 ? 0 : transfer->data_cb(transfer, world->body, half);
    if (error != 0) {
        end_failed(exchange, error);
    } else if (is_cut) {
        world_count(world, SITUATION_ANSWER_CUT);
        end_failed(exchange, HAPLO_ERESET);
    } else {
        bring_rest(world, exchange, world->body + half, size - half);
    }
}

/* The next look-up may succeed. */
static void maybe_locate(struct world *world, const struct seen_server *server)
{
    struct endpoint *endpoint = server->endpoint;
    if (!server->is_located &&
        (world->is_quiet ||
         !dice_hit(&world->dice, world->plan.look_up_fails_permille))) {
        locate(endpoint);
        settle(endpoint);
    }
}

void network_failed(struct world *world, struct exchange *exchange)
{
    maybe_locate(world, exchange->asker->server);
    end_failed(exchange, exchange->error);
}
