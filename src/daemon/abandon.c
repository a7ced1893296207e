#include "daemon/abandon.h"

#include <unistd.h>

#include "daemon/log/log.h"
#include "daemon/text/output.h"

#define MOMENT_MS 300

void abandon_init(struct abandon *abandon, uv_loop_t *loop)
{
    abandon->is_done = false;
    abandon->timer.data = abandon;
    uv_timer_init(loop, &abandon->timer); /* cannot fail */
    uv_unref((uv_handle_t *)&abandon->timer);
    uv_timer_init(loop, &abandon->limit); /* cannot fail */
    uv_unref((uv_handle_t *)&abandon->limit);
}

/* Look-ups are the only requests that are left then. */
static void on_moment_over(uv_timer_t *timer)
{
    struct abandon *abandon = timer->data;
    if (timer->loop->active_reqs.count > 0) {
        abandon->is_done = true;
        uv_stop(timer->loop);
    }
}

void abandon_soon(struct abandon *abandon)
{
    uv_timer_start(&abandon->timer, on_moment_over, MOMENT_MS, MOMENT_MS);
}

/* As safe as a crash: what was not committed is fetched or forwarded again. */
static void on_limit(uv_timer_t *timer)
{
    (void)timer;
    log_line(LOG_LEVEL_ERROR,
             "exiting although an inbox has not finished writing: is its disk "
             "or database hanging? Nothing is lost");
    log_close();
    _exit(EXIT_CODE_FAILED);
}

void abandon_within(struct abandon *abandon, uint64_t limit_ms)
{
    if (!uv_is_active((uv_handle_t *)&abandon->limit) ||
        uv_timer_get_due_in(&abandon->limit) > limit_ms) {
        uv_timer_start(&abandon->limit, on_limit, limit_ms, 0);
    }
}

void abandon_close(struct abandon *abandon)
{
    uv_loop_t *loop = abandon->timer.loop;
    uv_close((uv_handle_t *)&abandon->timer, NULL);
    uv_close((uv_handle_t *)&abandon->limit, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
}

enum exit_code abandon_exit(const struct abandon *abandon, enum exit_code code)
{
    if (!abandon->is_done) {
        return code;
    }
    log_line(LOG_LEVEL_INFO, "a name is still being looked up: not waiting for "
                             "the name server");
    if (output_flush() != 0 && code == EXIT_CODE_FINE) {
        code = EXIT_CODE_FAILED;
    }
    log_close();
    _exit((int)code);
}
