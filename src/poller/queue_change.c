/*
 * queue_change.c - the options and the key of a queue, at first and later.
 */
#include "poller/queue_change.h"

#include <string.h>

#include "base/alloc.h"
#include "poller/event.h"
#include "poller/options.h"

/* Keys */

char *queue_key_first(struct haplo_queue *queue)
{
    return queue->name + strlen(queue->name) + 1;
}

void queue_key_forget(struct haplo_queue *queue)
{
    explicit_bzero(queue->api_key, strlen(queue->api_key));
    if (queue->api_key != queue_key_first(queue)) {
        alloc_free(queue->api_key);
    }
}

static void key_free(char *key)
{
    if (key != NULL) {
        explicit_bzero(key, strlen(key));
        alloc_free(key);
    }
}

/* Takes own_key. */
static void use_key(struct haplo_queue *queue, char *own_key)
{
    queue_key_forget(queue);
    queue->api_key = own_key;
    if (queue->request != NULL) {
        queue->request->has_old_key = true;
    }
    poller_command(queue, QUEUE_EVENT_NEW_KEY);
}

int haplo_queue_set_key(struct haplo_queue *queue, const char *api_key)
{
    struct reason why;
    int error = options_check_key(api_key, &why);
    if (error != 0) {
        return error;
    }
    char *own_key = alloc_string(api_key);
    if (own_key == NULL) {
        return HAPLO_ENOMEM;
    }
    use_key(queue, own_key);
    return 0;
}

/* Options */

void queue_options_default(struct haplo_queue_options *options)
{
    DEFAULT_TO(options->interval_ms, 60000);
    DEFAULT_TO(options->backoff_ms, 1000);
    DEFAULT_TO(options->backoff_max_ms, 300000);
    DEFAULT_TO(options->refused_ms, 900000);
    DEFAULT_TO(options->mark_attempts_max, 4);
    DEFAULT_TO(options->body_bytes_max, (size_t)64 << 20);
}

static int check_waits(const struct haplo_queue_options *options,
                       struct reason *why)
{
    const struct option_wait waits[] = {
        {"interval_ms", options->interval_ms},
        {"interval_max_ms", options->interval_max_ms},
        {"backoff_ms", options->backoff_ms},
        {"backoff_max_ms", options->backoff_max_ms},
        {"refused_ms", options->refused_ms},
    };
    return options_check_waits(waits, sizeof waits / sizeof waits[0], why);
}

int queue_options_check(const struct haplo_server *server,
                        const struct haplo_queue_options *options,
                        struct reason *why)
{
    if (server->poller->phase != POLLER_RUNNING) {
        return reason_set(why, HAPLO_ESTOPPED, "the poller is stopping");
    }
    if (options->deliver_cb == NULL) {
        return reason_set(why, HAPLO_EINVAL, "a queue needs a deliver_cb");
    }
    return check_waits(options, why);
}

/* What is kept if the application leaves it out. */
static int check_kept(const struct haplo_queue *queue,
                      const struct haplo_queue_options *options,
                      struct reason *why)
{
    if (options->name != NULL && strcmp(options->name, queue->name) != 0) {
        return reason_set(
            why, HAPLO_EINVAL,
            "the name of a queue cannot be changed: remove \"%s\" "
            "and add the other one",
            queue->name);
    }
    if (options->state.size > 0) {
        return reason_set(why, HAPLO_EINVAL,
                          "the state of a queue is not an option that can be "
                          "changed: see haplo_queue_resume_from()");
    }
    return 0;
}

/* A response that is being read keeps the settings that it began with. */
static int change_settings(struct haplo_queue *queue,
                           const struct haplo_queue_options *options,
                           struct reason *why)
{
    struct haplo_poller *poller = server_of(queue)->poller;
    struct queue_settings *old = settings_of(queue);
    int error = queue_settings_take(&poller->settings, options, why);
    if (error == 0) {
        queue->core.policy = &poller->settings->policy;
        queue->data = options->data;
        poller_release_settings(poller, old);
    }
    return error;
}

/* A queue that rests for longer than a new, shorter interval is due now. */
static void change_interval(struct haplo_queue *queue, uint64_t old_ms)
{
    uint64_t now_ms = uv_now(server_of(queue)->poller->loop);
    uint64_t interval_ms = queue->core.policy->interval_ms;
    if (interval_ms != old_ms) {
        queue->core.interval_now_ms = (uint32_t)interval_ms;
    }
    if (interval_ms < old_ms && queue->core.state == HAPLO_QUEUE_IDLE &&
        event_ms_until(queue->core.due_ms, now_ms) > interval_ms) {
        haplo_queue_poll_now(queue);
    }
}

static int options_check_all(const struct haplo_queue *queue,
                             const struct haplo_queue_options *options,
                             struct reason *why)
{
    int error = check_kept(queue, options, why);
    if (error == 0) {
        error = queue_options_check(server_of(queue), options, why);
    }
    if (error == 0 && options->api_key != NULL) {
        error = options_check_key(options->api_key, why);
    }
    return error;
}

/* Everything that can fail comes first. */
static int change(struct haplo_queue *queue,
                  const struct haplo_queue_options *options, struct reason *why)
{
    char *new_key = NULL;
    uint64_t old_interval_ms = queue->core.policy->interval_ms;
    if (options->api_key != NULL) {
        new_key = alloc_string(options->api_key);
        if (new_key == NULL) {
            return HAPLO_ENOMEM;
        }
    }
    int error = change_settings(queue, options, why);
    if (error != 0) {
        key_free(new_key);
        return error;
    }
    if (new_key != NULL && strcmp(new_key, queue->api_key) != 0) {
        use_key(queue, new_key);
    } else {
        key_free(new_key); /* what is proven or refused stays so */
    }
    change_interval(queue, old_interval_ms);
    return 0;
}

int haplo_queue_set_options(struct haplo_queue *queue,
                            const struct haplo_queue_options *given, char *why,
                            size_t why_size)
{
    struct haplo_queue_options options;
    struct reason reason = {.text = "out of memory"};
    int error = options_copy(&options, sizeof options, given, &reason);
    if (error == 0) {
        queue_options_default(&options);
        error = options_check_all(queue, &options, &reason);
    }
    if (error == 0) {
        error = change(queue, &options, &reason);
    }
    return options_explain(error, why, why_size, &reason);
}
