#include "poller_scene.h"

/* The application */

/* What does not fit any more is not kept. */
__attribute__((format(printf, 2, 3))) static void events_add(
    struct scene *scene, const char *format, ...)
{
    size_t room = sizeof scene->events - scene->events_size;
    va_list arguments;
    va_start(arguments, format);
    int size =
        vsnprintf(scene->events + scene->events_size, room, format, arguments);
    va_end(arguments);
    assert_true(size >= 0);
    scene->events_size += (size_t)size < room ? (size_t)size : room - 1;
}

static void check_text(struct scene *scene, const struct haplo_event *event)
{
    assert_null(strstr(event->text, KEY));
    assert_null(strstr(event->text, KEY_SENT));
    assert_null(strchr(event->text, '\n'));
    assert_true((event->error == 0) || event->text[0] != '\0');
    if (event->error != 0) {
        snprintf(scene->text, sizeof scene->text, "%s", event->text);
    }
}

void scene_on_event(struct haplo_poller *poller,
                    const struct haplo_event *event)
{
    struct scene *scene = haplo_poller_data(poller);
    check_text(scene, event);
    if (event->queue == NULL) {
        events_add(
            scene, "%s: %s -> %s", haplo_server_name(event->server),
            haplo_server_state_name((enum haplo_server_state)event->from),
            haplo_server_state_name((enum haplo_server_state)event->to));
    } else {
        events_add(scene, "%s/%s: %s -> %s", haplo_server_name(event->server),
                   haplo_queue_name(event->queue),
                   haplo_queue_state_name((enum haplo_queue_state)event->from),
                   haplo_queue_state_name((enum haplo_queue_state)event->to));
    }
    if (event->error != 0) {
        events_add(scene, " %s", haplo_error_name(event->error));
    } else if (event->message_count != 0) {
        events_add(scene, " %u", (unsigned)event->message_count);
    }
    events_add(scene, "\n");
}

void scene_forget_events(struct scene *scene)
{
    scene->events_size = 0;
    scene->events[0] = '\0';
}

unsigned id_of(const struct haplo_message *message)
{
    return (unsigned)strtoul(message->id.data, NULL, 10);
}

struct haplo_batch watch_take(struct watch *watch)
{
    assert_true(watch->has_batch);
    watch->has_batch = false;
    return watch->batch;
}

void watch_accept(struct watch *watch)
{
    if (watch->newest_id > watch->fake->accepted) {
        watch->fake->accepted = watch->newest_id;
    }
    assert_int_not_equal(haplo_batch_accept(watch_take(watch)),
                         HAPLO_EANSWERED);
}

static void watch_answer(struct watch *watch)
{
    switch (watch->answer) {
    case ACCEPT:
        watch_accept(watch);
        break;
    case HOLD:
        break;
    case RETRY:
        haplo_batch_retry(watch_take(watch), watch->retry_ms, "not now");
        break;
    case REJECT:
        haplo_batch_reject(watch_take(watch), "never");
        break;
    }
}

void scene_on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    struct watch *watch = haplo_queue_data(queue);
    size_t count = haplo_batch_message_count(batch);
    assert_ptr_equal(haplo_batch_queue(batch), queue);
    assert_true(count > 0);
    watch->scene->calls++;
    watch->deliver_count++;
    watch->message_count = count;
    watch->new_count = haplo_batch_new_count(batch);
    watch->newest_id = id_of(&haplo_batch_messages(batch)[count - 1]);
    watch->batch = batch;
    watch->has_batch = true;
    if (watch->in_deliver != NULL) {
        watch->in_deliver(watch);
    }
    if (watch->has_batch) {
        watch_answer(watch);
    }
}

void scene_on_marked(struct haplo_queue *queue, const struct haplo_mark *mark)
{
    struct watch *watch = haplo_queue_data(queue);
    watch->scene->calls++;
    watch->marked_count++;
    watch->mark = *mark;
    if (watch->in_marked != NULL) {
        watch->in_marked(watch);
    }
}

void scene_on_removed(struct haplo_queue *queue)
{
    struct watch *watch = haplo_queue_data(queue);
    watch->scene->calls++;
    watch->removed_count++;
    if (watch->in_removed != NULL) {
        watch->in_removed(watch);
    }
    watch->queue = NULL;
}

void scene_on_stopped(struct haplo_poller *poller, size_t left)
{
    struct scene *scene = haplo_poller_data(poller);
    scene->calls++;
    scene->stopped_count++;
    scene->batches_left = left;
    if (scene->in_stopped != NULL) {
        scene->in_stopped(scene);
    }
}

void scene_on_closed(void *data)
{
    struct scene *scene = data;
    scene->closed_count++;
    scene->poller = NULL;
}

/* Running */

bool scene_is_quiet(const struct scene *scene)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    unsigned in_flight = 0;
    if (scene->poller != NULL) {
        haplo_poller_get_stats(scene->poller, &stats);
        in_flight += stats.in_flight;
    }
    if (scene->second != NULL) {
        haplo_poller_get_stats(scene->second, &stats);
        in_flight += stats.in_flight;
    }
    return in_flight == 0;
}

void scene_turn(struct scene *scene)
{
    uv_update_time(&scene->loop);
    int wait_ms = uv_backend_timeout(&scene->loop);
    if (wait_ms > 0 && scene_is_quiet(scene)) {
        clock_skipped_ms += (uint64_t)wait_ms;
    }
    uv_run(&scene->loop, UV_RUN_NOWAIT);
}

/* Long enough for anything that is going to happen at once. */
void scene_linger(struct scene *scene)
{
    for (unsigned i = 0; i < 200; i++) {
        uv_run(&scene->loop, UV_RUN_NOWAIT);
    }
}

/* Setting the stage */

struct haplo_poller_options poller_options(struct scene *scene)
{
    return (struct haplo_poller_options){
        .struct_size = sizeof(struct haplo_poller_options),
        .seed = 1,
        .event_cb = scene_on_event,
        .data = scene,
    };
}

/* A loop, and nothing on it yet. */
struct scene *scene_new(void)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    return scene;
}

void scene_start(struct scene *scene,
                 const struct haplo_poller_options *options)
{
    assert_int_equal(
        haplo_poller_new(&scene->loop, options, &scene->poller, NULL, 0), 0);
}

/* Server "a", then "b", each with a fake of its own; struct_size and name are
 * filled in, and url, in front of a path that it may have. */
int scene_try_server(struct scene *scene, struct haplo_server_options options)
{
    static const char *const names[] = {"a", "b"};
    unsigned index = scene->server_count;
    char url[128];
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    assert_true(index < SERVERS_MAX);
    if (fake_port(&scene->fakes[index]) == 0) {
        fake_open(&scene->fakes[index], &scene->loop);
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s",
             fake_port(&scene->fakes[index]),
             options.url != NULL ? options.url : "");
    options.struct_size = sizeof options;
    options.name = names[index];
    options.url = url;
    int error = haplo_server_add(scene->poller, &options,
                                 &scene->servers[index], why, sizeof why);
    assert_true((error == 0) == (why[0] == '\0'));
    scene->server_count += error == 0;
    return error;
}

struct haplo_server *scene_add_server(struct scene *scene,
                                      struct haplo_server_options options)
{
    assert_int_equal(scene_try_server(scene, options), 0);
    return scene->servers[scene->server_count - 1];
}

/* A poller with server "a". */
struct scene *scene_open(void)
{
    struct scene *scene = scene_new();
    struct haplo_poller_options options = poller_options(scene);
    scene_start(scene, &options);
    scene_add_server(scene, (struct haplo_server_options){0});
    return scene;
}

struct haplo_queue_options queue_options(const char *name)
{
    return (struct haplo_queue_options){
        .struct_size = sizeof(struct haplo_queue_options),
        .name = name,
        .api_key = KEY,
        .deliver_cb = scene_on_deliver,
        .marked_cb = scene_on_marked,
    };
}

struct watch *watch_new(struct scene *scene, unsigned server, const char *name,
                        unsigned unread)
{
    struct fake_server *fake = &scene->fakes[server];
    assert_true(scene->watch_count < QUEUES_MAX);
    assert_true(fake->queue_count < QUEUES_MAX);
    struct watch *watch = &scene->watches[scene->watch_count++];
    watch->scene = scene;
    watch->fake = &fake->queues[fake->queue_count++];
    watch->fake->name = name;
    watch->fake->unread = unread;
    watch->fake->batch_max = 16;
    return watch;
}

/* Adds the queue to the newest server, and lets it be polled at once. */
struct watch *scene_add_with(struct scene *scene,
                             struct haplo_queue_options options,
                             unsigned unread)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    unsigned server = scene->server_count - 1;
    struct watch *watch = watch_new(scene, server, options.name, unread);
    options.data = watch;
    if (haplo_queue_add(scene->servers[server], &options, &watch->queue, why,
                        sizeof why) != 0) {
        fail_msg("%s", why);
    }
    haplo_queue_poll_now(watch->queue);
    return watch;
}

struct watch *scene_add(struct scene *scene, const char *name, unsigned unread)
{
    return scene_add_with(scene, queue_options(name), unread);
}

void scene_release(struct scene *scene)
{
    for (unsigned i = 0; i < scene->watch_count; i++) {
        struct watch *watch = &scene->watches[i];
        if (watch->has_batch) {
            assert_int_equal(haplo_batch_drop(watch_take(watch), NULL),
                             HAPLO_ESTOPPED);
        }
    }
}

void scene_close(struct scene *scene)
{
    if (scene->closed_count == 0 && scene->poller != NULL) {
        haplo_poller_close(scene->poller, scene_on_closed);
    }
    unsigned calls = scene->calls;
    scene_release(scene);
    RUN_UNTIL(scene, scene->poller == NULL);
    assert_int_equal(scene->calls, calls);
    for (unsigned i = 0; i < SERVERS_MAX; i++) {
        assert_int_equal(scene->fakes[i].unaccepted_marks, 0);
        if (fake_port(&scene->fakes[i]) != 0) {
            fake_close(&scene->fakes[i]);
        }
    }
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_true(scene->closed_count <= 1);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    free(scene);
}

enum haplo_queue_state state_of(const struct watch *watch)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_get_stats(watch->queue, &stats);
    return stats.state;
}

struct haplo_queue_stats stats_of(const struct watch *watch)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_get_stats(watch->queue, &stats);
    return stats;
}
