/*
 * peek.c - fetches one batch of a queue and prints it. It needs no inbox and
 * no lock, and marks nothing; a fetch changes nothing on the server.
 */
#include <stdio.h>
#include <string.h>

#include "base/command_hint.h"
#include "config/catalogue.h"
#include "config/config_suggest.h"
#include "daemon/abandon.h"
#include "daemon/command.h"
#include "daemon/gather/key_commands.h"
#include "daemon/limits.h"
#include "daemon/log/log.h"
#include "daemon/log/trace.h"
#include "daemon/text/output.h"

struct peek {
    const struct config_queue *config; /* the queue to peek at */
    struct haplo_poller *poller;       /* has only this queue */
    struct haplo_queue *queue;         /* its queue */
    uint64_t key_time_limit_ms;        /* of its api_key_command */
    uv_loop_t loop;                    /* owned */
    uv_timer_t end;                    /* ends it outside of callbacks */
    struct abandon abandon;            /* ends it despite a name look-up */
    enum exit_code code;               /* to exit with */
    bool is_done;                      /* batch shown, or failure logged */
};

static void on_end(uv_timer_t *timer)
{
    struct peek *peek = timer->data;
    uv_close((uv_handle_t *)timer, NULL);
    if (peek->poller != NULL) {
        abandon_soon(&peek->abandon);
        haplo_poller_close(peek->poller, NULL);
    }
}

static void finish(struct peek *peek, enum exit_code code)
{
    if (!peek->is_done) {
        peek->is_done = true;
        peek->code = code;
        uv_timer_start(&peek->end, on_end, 0, 0);
    }
}

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    struct peek *peek = haplo_queue_data(queue);
    const struct haplo_message *messages = haplo_batch_messages(batch);
    size_t count = haplo_batch_message_count(batch);
    for (size_t i = 0; i < count; i++) {
        fwrite(messages[i].body.data, 1, messages[i].body.size, stdout);
        putchar('\n');
    }
    if (output_flush() == 0) {
        log_line(
            LOG_LEVEL_INFO,
            count == 1
                ? "%zu message, as it is on the server; it was not marked"
                : "%zu messages, as they are on the server; none was marked",
            count);
        finish(peek, EXIT_CODE_FINE);
    } else {
        finish(peek, EXIT_CODE_FAILED);
    }
    (void)haplo_batch_drop(batch, NULL); /* so it is never marked */
}

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    struct peek *peek = haplo_poller_data(poller);
    trace_event(event);
    if (event->queue == NULL || peek->is_done) {
        return;
    }
    if (event->to == HAPLO_QUEUE_IDLE) {
        log_line(LOG_LEVEL_INFO, "no unread messages");
        finish(peek, EXIT_CODE_FINE);
    } else if (event->to == HAPLO_QUEUE_BACKOFF ||
               event->to == HAPLO_QUEUE_REFUSED) {
        log_line(LOG_LEVEL_ERROR, "%s", event->text);
        finish(peek, EXIT_CODE_FAILED);
    }
}

static int add_queue(struct peek *peek, char *why, size_t why_size)
{
    struct haplo_server_options server_options = {.struct_size =
                                                      sizeof server_options};
    struct haplo_queue_options options = {.struct_size = sizeof options};
    struct haplo_server *server;
    struct api_key key;
    config_server_options(peek->config->server, &server_options);
    int error = config_server_files(peek->config->server, why, why_size);
    if (error != 0) {
        return error;
    }
    error =
        haplo_server_add(peek->poller, &server_options, &server, why, why_size);
    if (error != 0) {
        return error;
    }
    if (key_commands_read_now(peek->config->key, peek->key_time_limit_ms, &key,
                              why, why_size) != 0) {
        return HAPLO_EINVAL;
    }
    config_queue_options(peek->config, &options);
    options.api_key = key.revealed;
    options.deliver_cb = on_deliver;
    options.data = peek;
    error = haplo_queue_add(server, &options, &peek->queue, why, why_size);
    api_key_wipe(&key);
    return error;
}

static enum exit_code peek_run(struct peek *peek)
{
    const struct haplo_poller_options options = {
        .struct_size = sizeof options, .event_cb = on_event, .data = peek};
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    if (limits_loop_init(&peek->loop, why, sizeof why) != 0) {
        log_line(LOG_LEVEL_ERROR, "%s", why);
        return EXIT_CODE_FAILED;
    }
    uv_timer_init(&peek->loop, &peek->end); /* cannot fail */
    peek->end.data = peek;
    abandon_init(&peek->abandon, &peek->loop);
    int error =
        haplo_poller_new(&peek->loop, &options, &peek->poller, why, sizeof why);
    if (error == 0) {
        error = add_queue(peek, why, sizeof why);
    }
    if (error == 0) {
        haplo_queue_poll_now(peek->queue);
    } else {
        log_line(LOG_LEVEL_ERROR, "%s", why);
        finish(peek,
               error == HAPLO_EINVAL ? EXIT_CODE_USAGE : EXIT_CODE_FAILED);
    }
    uv_run(&peek->loop, UV_RUN_DEFAULT);
    if (!peek->abandon.is_done) {
        abandon_close(&peek->abandon);
        uv_loop_close(&peek->loop);
    }
    return peek->code;
}

/* The queue is held, or not in the configuration. */
static void tell_missing(const struct config *config, const char *name)
{
    char code[CODE_TEXT_SIZE];
    char advice[CONFIG_SUGGEST_SIZE];
    char hint[COMMAND_HINT_SIZE];
    char otherwise[COMMAND_HINT_SIZE + 48];
    const struct config_held *held = config_held_find(config, name);
    if (held != NULL) {
        log_line(LOG_LEVEL_ERROR, "%s:%u:%u: %s [%s]",
                 config_place_path(config, held->problem->place),
                 held->problem->place.line, held->problem->place.column,
                 held->problem->text, code_format(held->problem->code, code));
    } else {
        snprintf(otherwise, sizeof otherwise,
                 "give SERVER/QUEUE, as `%s` lists them",
                 command_hint(hint, "check", NULL));
        log_line(LOG_LEVEL_ERROR, "%s has no queue %s: %s", config->path, name,
                 config_suggest_queue(config, name, otherwise, advice));
    }
}

enum exit_code command_peek(const struct command_options *options)
{
    const char *name = options->arguments[0];
    struct config *config;
    log_open(options->is_verbose, false);
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    struct peek peek = {
        .config = config_queue_find(config, name),
        .key_time_limit_ms = config->api_key_command_timeout_ms,
    };
    if (peek.config != NULL) {
        code = peek_run(&peek);
    } else {
        tell_missing(config, name);
        code = EXIT_CODE_USAGE;
    }
    config_free(config);
    return abandon_exit(&peek.abandon, code);
}
