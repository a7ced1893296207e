/* queue.c - a queue of a server, and its callbacks. Its memory is freed with
 * its object of JavaScript, which is kept from being garbage until the queue is
 * removed. */
#include "queue.h"

#include <stdlib.h>

#include "batch.h"
#include "options.h"
#include "server.h"
#include "stats.h"

struct queue {
    struct haplo_queue *handle; /* NULL once it is removed */
    struct poller *poller;
    napi_ref object; /* strong until then */
};

static const struct option table[] = {
#define ROW(name, kind, member)                                           \
    {                                                                     \
        name, OPTION_##kind, offsetof(struct haplo_queue_options, member) \
    }
    ROW("name", STRING, name),
    ROW("apiKey", STRING, api_key),
    ROW("state", BYTES, state),
    ROW("intervalMs", UINT64, interval_ms),
    ROW("intervalMaxMs", UINT64, interval_max_ms),
    ROW("backoffMs", UINT64, backoff_ms),
    ROW("backoffMaxMs", UINT64, backoff_max_ms),
    ROW("refusedMs", UINT64, refused_ms),
    ROW("markAttemptsMax", UNSIGNED, mark_attempts_max),
    ROW("bodyBytesMax", SIZE, body_bytes_max),
    ROW("format", FORMAT, format),
    ROW("tokenPointer", STRING, token_pointer),
    ROW("messagesPointer", STRING, messages_pointer),
    ROW("tokenPattern", STRING, token_pattern),
    ROW("contentType", STRING, content_type),
    ROW("keyProven", BOOL, key_proven),
#undef ROW
    {NULL, OPTION_BOOL, 0},
};

static void finalize(napi_env env, void *data, void *hint)
{
    struct queue *queue = data;
    (void)env;
    (void)hint;
    poller_release(queue->poller);
    free(queue);
}

napi_value queue_object(const struct queue *queue)
{
    napi_value object = NULL;
    return js_ok(queue->poller->env,
                 napi_get_reference_value(queue->poller->env, queue->object,
                                          &object))
               ? object
               : NULL;
}

void queue_detach(struct queue *queue)
{
    queue->handle = NULL;
    (void)napi_delete_reference(queue->poller->env, queue->object);
    queue->object = NULL;
}

/* -- Callbacks --------------------------------------------------------------
 */

/* A batch that JavaScript cannot have is fetched again later. */
static void on_deliver(struct haplo_queue *handle, struct haplo_batch batch)
{
    struct queue *queue = haplo_queue_data(handle);
    struct poller *poller = queue->poller;
    napi_handle_scope scope;
    if (!poller_enter(poller, &scope)) {
        (void)haplo_batch_drop(batch, "Node is ending");
        return;
    }
    napi_value arguments[] = {queue_object(queue), batch_add(poller, batch)};
    if (arguments[0] != NULL && arguments[1] != NULL) {
        poller_call(poller, HANDLER_DELIVER, 2, arguments);
    }
    poller_leave(poller, scope);
}

static void on_marked(struct haplo_queue *handle, const struct haplo_mark *mark)
{
    struct queue *queue = haplo_queue_data(handle);
    struct poller *poller = queue->poller;
    napi_handle_scope scope;
    if (!poller_enter(poller, &scope)) {
        return;
    }
    napi_value arguments[] = {queue_object(queue),
                              js_latin1(poller->env, mark->state),
                              js_number(poller->env, mark->message_count),
                              js_number(poller->env, mark->marked_count),
                              js_known(poller->env, mark->unread_count)};
    size_t count = sizeof(arguments) / sizeof(*arguments), made = 0;
    while (made < count && arguments[made] != NULL) {
        made++;
    }
    if (made == count) {
        poller_call(poller, HANDLER_MARKED, count, arguments);
    }
    poller_leave(poller, scope);
}

static void on_drained(struct haplo_queue *handle)
{
    struct queue *queue = haplo_queue_data(handle);
    struct poller *poller = queue->poller;
    napi_handle_scope scope;
    if (!poller_enter(poller, &scope)) {
        return;
    }
    napi_value object = queue_object(queue);
    if (object != NULL) {
        poller_call(poller, HANDLER_DRAINED, 1, &object);
    }
    poller_leave(poller, scope);
}

static void on_removed(struct haplo_queue *handle)
{
    struct queue *queue = haplo_queue_data(handle);
    struct poller *poller = queue->poller;
    napi_handle_scope scope;
    if (!poller_enter(poller, &scope)) {
        return; /* the poller is about to be closed, and detaches it */
    }
    napi_value object = queue_object(queue);
    queue_detach(queue);
    if (object != NULL) {
        poller_call(poller, HANDLER_REMOVED, 1, &object);
    }
    poller_leave(poller, scope);
}

/* -- Adding -----------------------------------------------------------------
 */

/* With its object, but not in its server yet. */
static struct queue *create(struct poller *poller, napi_value *object)
{
    struct queue *queue = calloc(1, sizeof(*queue));
    if (queue == NULL) {
        return js_throw(poller->env, HAPLO_ENOMEM, "out of memory");
    }
    queue->poller = poller;
    *object = addon_make(poller->addon, &queue_class, queue);
    if (*object == NULL) {
        free(queue);
        return NULL;
    }
    poller->reference_count++;
    return js_ok(poller->env,
                 napi_create_reference(poller->env, *object, 1, &queue->object))
               ? queue
               : NULL;
}

static bool read_options(struct queue *queue, napi_value from,
                         struct haplo_queue_options *options,
                         struct option_texts *texts)
{
    *options = (struct haplo_queue_options){.struct_size = sizeof(*options),
                                            .deliver_cb = on_deliver,
                                            .marked_cb = on_marked,
                                            .drained_cb = on_drained,
                                            .data = queue};
    return options_read(queue->poller->env, from, table, options, texts);
}

/* Its names never change, so they are properties, set before it works. */
static bool add(struct queue *queue, struct haplo_server *server,
                napi_value from, napi_value object)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    napi_env env = queue->poller->env;
    struct haplo_queue_options options;
    struct option_texts texts = {.count = 0};
    int error = 0;
    bool is_read =
        read_options(queue, from, &options, &texts) &&
        (options.name == NULL ||
         js_set(env, object, "name", js_string(env, options.name))) &&
        js_set(env, object, "server", server_object(haplo_server_data(server)));
    if (is_read) {
        error =
            haplo_queue_add(server, &options, &queue->handle, why, sizeof(why));
    }
    options_free(&texts);
    if (error != 0) {
        (void)js_throw_why(env, error, why);
    }
    return is_read && error == 0;
}

napi_value queue_add(struct poller *poller, struct haplo_server *server,
                     napi_value options)
{
    napi_value object = NULL;
    struct queue *queue = create(poller, &object);
    if (queue == NULL) {
        return NULL;
    }
    if (!add(queue, server, options, object)) {
        queue_detach(queue);
        return NULL;
    }
    return object;
}

/* -- Methods ----------------------------------------------------------------
 */

static struct queue *this_queue(napi_env env, napi_callback_info info,
                                size_t count, napi_value *arguments)
{
    struct queue *queue = js_this(env, info, count, arguments);
    if (queue != NULL && queue->poller->is_closing) {
        return js_throw_closed(env);
    }
    if (queue != NULL && queue->handle == NULL) {
        (void)js_throw(env, HAPLO_EINVAL, "the queue has been removed");
        return NULL;
    }
    return queue;
}

/* The data of a method's descriptor: a function of the library that takes a
 * queue and returns nothing. */
struct action {
    void (*function)(struct haplo_queue *queue);
};

static struct action pause_action = {haplo_queue_pause};
static struct action resume_action = {haplo_queue_resume};
static struct action give_up_action = {haplo_queue_give_up};
static struct action poll_now_action = {haplo_queue_poll_now};

static napi_value act(napi_env env, napi_callback_info info)
{
    void *data = NULL;
    struct queue *queue = this_queue(env, info, 0, NULL);
    if (queue == NULL ||
        !js_ok(env, napi_get_cb_info(env, info, NULL, NULL, NULL, &data))) {
        return NULL;
    }
    const struct action *action = data;
    action->function(queue->handle);
    return js_undefined(env);
}

static napi_value resume_from(napi_env env, napi_callback_info info)
{
    napi_value argument;
    struct haplo_slice state;
    struct queue *queue = this_queue(env, info, 1, &argument);
    if (queue == NULL || !js_get_bytes(env, argument, "the state", &state)) {
        return NULL;
    }
    int error = haplo_queue_resume_from(queue->handle, state);
    if (error == HAPLO_EBUSY) {
        return js_throw(env, error, "the queue is not PAUSED");
    }
    if (error == HAPLO_EINVAL) {
        return js_throw(env, error, "the state is damaged");
    }
    return error == 0 ? js_undefined(env) : js_throw_why(env, error, "");
}

static napi_value set_key(napi_env env, napi_callback_info info)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    napi_value argument;
    struct queue *queue = this_queue(env, info, 1, &argument);
    struct option_texts texts = {.count = 0};
    char *key =
        queue != NULL ? js_copy_string(env, argument, "the API key") : NULL;
    if (key == NULL) {
        return NULL;
    }
    int error = haplo_queue_set_key(queue->handle, key);
    if (error == HAPLO_EINVAL) {
        (void)haplo_api_key_check(key, why, sizeof(why));
    }
    options_keep(&texts, key);
    options_free(&texts);
    return error == 0
               ? js_undefined(env)
               : js_throw(env, error, "the API key: %s",
                          why[0] != '\0' ? why : haplo_error_text(error));
}

static napi_value set_options(napi_env env, napi_callback_info info)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    napi_value from, result = NULL;
    struct haplo_queue_options options;
    struct option_texts texts = {.count = 0};
    struct queue *queue = this_queue(env, info, 1, &from);
    if (queue != NULL && read_options(queue, from, &options, &texts)) {
        int error =
            haplo_queue_set_options(queue->handle, &options, why, sizeof(why));
        result = error == 0 ? js_undefined(env) : js_throw_why(env, error, why);
    }
    options_free(&texts);
    return result;
}

static napi_value start_removing(napi_env env, napi_callback_info info)
{
    struct queue *queue = this_queue(env, info, 0, NULL);
    if (queue == NULL) {
        return NULL;
    }
    int error = haplo_queue_remove(queue->handle, on_removed);
    return error == 0
               ? js_undefined(env)
               : js_throw(env, error, "the queue is being removed already");
}

static napi_value get_stats(napi_env env, napi_callback_info info)
{
    struct queue *queue = this_queue(env, info, 0, NULL);
    return queue != NULL ? stats_of_queue(env, queue->handle) : NULL;
}

#define ACTION(name, action)                                              \
    {                                                                     \
        name, NULL, act, NULL, NULL, NULL, napi_default_method, &(action) \
    }

static const napi_property_descriptor properties[] = {
    ACTION("pause", pause_action),
    ACTION("resume", resume_action),
    ACTION("giveUp", give_up_action),
    ACTION("pollNow", poll_now_action),
    ADDON_METHOD("resumeFrom", resume_from),
    ADDON_METHOD("setKey", set_key),
    ADDON_METHOD("setOptions", set_options),
    ADDON_METHOD("startRemoving", start_removing),
    ADDON_METHOD("stats", get_stats),
};

const struct class queue_class = {
    .name = "Queue",
    .index = CLASS_QUEUE,
    .finalize_cb = finalize,
    .properties = properties,
    .property_count = sizeof(properties) / sizeof(*properties),
};
