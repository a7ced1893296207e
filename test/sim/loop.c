#include "loop.h"

#include <assert.h>
#include <string.h>
#include <uv.h>

#include "process.h"
#include "world.h"

/* A firing that a handle waits for. The handle points to it until it is
 * stopped. */
struct firing {
    uv_handle_t *handle; /* NULL: it was stopped */
};

static struct process *process_of(const uv_loop_t *loop)
{
    return loop->data;
}

void loop_init(struct process *process)
{
    memset(&process->loop, 0, sizeof process->loop);
    process->loop.data = process;
}

static void handle_init(uv_loop_t *loop, uv_handle_t *handle,
                        uv_handle_type type)
{
    void *data = handle->data;
    memset(&handle->handle_queue, 0, sizeof handle->handle_queue);
    handle->data = data;
    handle->loop = loop;
    handle->type = type;
    handle->close_cb = NULL;
    handle->flags = 0;
    process_of(loop)->handle_count++;
}

static struct firing *plan(uv_handle_t *handle, uint64_t delay_ms,
                           agenda_cb happen)
{
    struct process *process = process_of(handle->loop);
    struct firing *firing = pool_take(&process->world->pool, sizeof *firing);
    firing->handle = handle;
    process_at(process, delay_ms, happen, firing, 0);
    return firing;
}

static void cancel(void **place)
{
    struct firing *firing = *place;
    if (firing != NULL) {
        firing->handle = NULL;
    }
    *place = NULL;
}

uint64_t uv_now(const uv_loop_t *loop)
{
    return process_of(loop)->loop_ms;
}

void uv_update_time(uv_loop_t *loop)
{
    process_of(loop)->loop_ms = process_of(loop)->world->now_ms;
}

uint64_t uv_hrtime(void)
{
    return 1; /* only where there is no randomness */
}

uv_pid_t uv_os_getpid(void)
{
    return 1; /* the same */
}

int uv_gettimeofday(uv_timeval64_t *time)
{
    const struct world *world = process_current()->world;
    uint64_t wall_ms = world->now_ms + world->wall_offset_ms;
    time->tv_sec = (int64_t)(wall_ms / 1000);
    time->tv_usec = (int32_t)(wall_ms % 1000 * 1000);
    return 0;
}

int uv_random(uv_loop_t *loop, uv_random_t *request, void *buffer, size_t size,
              unsigned flags, uv_random_cb random_cb)
{
    struct process *process = process_current();
    unsigned char *bytes = buffer;
    (void)loop;
    (void)request;
    (void)flags;
    assert(random_cb == NULL);
    (void)random_cb;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)dice_next(&process->world->dice);
    }
    return 0;
}

/* heap_node[0] is the firing that it waits for. */
int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
    handle_init(loop, (uv_handle_t *)timer, UV_TIMER);
    timer->timer_cb = NULL;
    timer->heap_node[0] = NULL;
    timer->repeat = 0;
    return 0;
}

static void on_timer(struct world *world, void *subject, uint64_t stamp)
{
    struct firing *firing = subject;
    (void)world;
    (void)stamp;
    if (firing->handle == NULL) {
        return;
    }
    uv_timer_t *timer = (uv_timer_t *)firing->handle;
    timer->heap_node[0] = NULL;
    if (timer->repeat != 0) {
        uv_timer_start(timer, timer->timer_cb, timer->repeat, timer->repeat);
    }
    timer->timer_cb(timer);
}

/* The loop counts from the time that it remembers. */
static uint64_t left_ms(const uv_loop_t *loop, uint64_t timeout_ms)
{
    const struct process *process = process_of(loop);
    uint64_t past_ms = process->world->now_ms - process->loop_ms;
    return timeout_ms > past_ms ? timeout_ms - past_ms : 0;
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb timer_cb, uint64_t timeout_ms,
                   uint64_t repeat_ms)
{
    assert(timer->close_cb == NULL);
    cancel(&timer->heap_node[0]);
    timer->timer_cb = timer_cb;
    timer->repeat = repeat_ms;
    timer->heap_node[0] =
        plan((uv_handle_t *)timer, left_ms(timer->loop, timeout_ms), on_timer);
    return 0;
}

int uv_timer_stop(uv_timer_t *timer)
{
    cancel(&timer->heap_node[0]);
    return 0;
}

/* queue[0] is the firing that it waits for. */
int uv_idle_init(uv_loop_t *loop, uv_idle_t *idle)
{
    handle_init(loop, (uv_handle_t *)idle, UV_IDLE);
    idle->queue[0] = NULL;
    return 0;
}

/* Repeats until the handle is stopped. */
static void on_idle(struct world *world, void *subject, uint64_t stamp)
{
    struct firing *firing = subject;
    (void)world;
    (void)stamp;
    if (firing->handle != NULL) {
        uv_idle_t *idle = (uv_idle_t *)firing->handle;
        idle->queue[0] = plan(firing->handle, 0, on_idle);
        idle->idle_cb(idle);
    }
}

int uv_idle_start(uv_idle_t *idle, uv_idle_cb idle_cb)
{
    assert(idle->close_cb == NULL);
    if (idle->queue[0] == NULL) {
        idle->idle_cb = idle_cb;
        idle->queue[0] = plan((uv_handle_t *)idle, 0, on_idle);
    }
    return 0;
}

int uv_idle_stop(uv_idle_t *idle)
{
    cancel(&idle->queue[0]);
    return 0;
}

static void on_close(struct world *world, void *subject, uint64_t stamp)
{
    struct firing *firing = subject;
    uv_handle_t *handle = firing->handle;
    (void)world;
    (void)stamp;
    process_of(handle->loop)->handle_count--;
    handle->close_cb(handle);
}

static void ignore_close(uv_handle_t *handle)
{
    (void)handle;
}

void uv_close(uv_handle_t *handle, uv_close_cb close_cb)
{
    assert(handle->close_cb == NULL);
    if (handle->type == UV_TIMER) {
        uv_timer_stop((uv_timer_t *)handle);
    } else {
        uv_idle_stop((uv_idle_t *)handle);
    }
    handle->close_cb = close_cb != NULL ? close_cb : ignore_close;
    plan(handle, 0, on_close);
}

int uv_is_closing(const uv_handle_t *handle)
{
    return handle->close_cb != NULL;
}

int uv_is_active(const uv_handle_t *handle)
{
    return handle->type == UV_TIMER
               ? ((const uv_timer_t *)handle)->heap_node[0] != NULL
               : ((const uv_idle_t *)handle)->queue[0] != NULL;
}

void uv_ref(uv_handle_t *handle)
{
    (void)handle;
}

void uv_unref(uv_handle_t *handle)
{
    (void)handle;
}
