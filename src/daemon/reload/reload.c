#include "daemon/reload/reload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "base/wall_clock.h"
#include "config/config_equal.h"
#include "daemon/log/log.h"

struct reload_waiter {
    STAILQ_ENTRY(reload_waiter) link; /* in asking or later */
    reload_done_cb done_cb;           /* to be told */
    void *data;                       /* for done_cb */
};

static void begin(struct reload *reload);

/* Telling */

static void tell_waiters(struct reload_waiters *waiters,
                         const struct reload_result *result)
{
    struct reload_waiter *waiter;
    while ((waiter = STAILQ_FIRST(waiters)) != NULL) {
        reload_done_cb done_cb = waiter->done_cb;
        void *data = waiter->data;
        STAILQ_REMOVE_HEAD(waiters, link);
        free(waiter);
        done_cb(data, result);
    }
}

static void log_lines(enum log_level level, const char *word,
                      const struct reload_lines *lines)
{
    for (size_t i = 0; i < lines->line_count; i++) {
        log_line(level, "reload: %s%s", word, lines->lines[i]);
    }
    if (lines->count > lines->line_count) {
        log_line(level, "reload: %sand %zu more", word,
                 lines->count - lines->line_count);
    }
}

static void log_result(const struct reload_result *result)
{
    char text[HAPLO_TEXT_SIZE_MAX];
    reload_result_summary(result, text, sizeof text);
    if (!result->is_accepted) {
        log_lines(LOG_LEVEL_ERROR, "", &result->errors);
        log_line(LOG_LEVEL_ERROR,
                 "reload: rejected: nothing has changed; still at work: %s",
                 text);
        return;
    }
    log_lines(LOG_LEVEL_INFO, "added: ", &result->added);
    log_lines(LOG_LEVEL_INFO, "changed: ", &result->changed);
    log_lines(LOG_LEVEL_INFO, "removed: ", &result->removed);
    log_line(LOG_LEVEL_INFO, "reloaded: %s", text);
}

static void observe(struct reload *reload)
{
    const struct reload_result *result = &reload->result;
    char text[HAPLO_TEXT_SIZE_MAX];
    const char *why =
        result->errors.line_count > 0 ? result->errors.lines[0] : "";
    reload_result_summary(result, text, sizeof text);
    observer_reloaded(&reload->gather->observer,
                      &(struct observer_note){
                          .now_ms = wall_clock_ms(),
                          .error = result->is_accepted ? 0 : HAPLO_EINVAL,
                          .text = result->is_accepted ? text : why,
                      });
}

/* Those who have asked need not wait any longer. */
static void answer(struct reload *reload)
{
    struct reload_result result = reload->result;
    struct reload_waiters waiters = STAILQ_HEAD_INITIALIZER(waiters);
    reload->result = (struct reload_result){.is_accepted = false};
    reload->phase = RELOAD_IDLE;
    uv_timer_stop(&reload->patience);
    reload_result_take_waiting(&result, &reload->changes);
    if (result.is_accepted) {
        reload_result_take_held(&result, reload->gather);
    }
    STAILQ_CONCAT(&waiters, &reload->asking);
    tell_waiters(&waiters, &result); /* which may ask for another one */
    reload_result_free(&result);
    if (reload->is_again && reload->phase == RELOAD_IDLE) {
        begin(reload);
    }
}

static void on_patience(uv_timer_t *timer)
{
    struct reload *reload = timer->data;
    reload->is_late = true;
    reload_result_take_waiting(&reload->result, &reload->changes);
    log_lines(LOG_LEVEL_WARNING, "still waiting: ", &reload->result.waiting);
    answer(reload);
}

/* It was applied, or rejected: from now on, the next one may begin. */
static void settle(struct reload *reload)
{
    reload->phase = RELOAD_SETTLING;
    reload->gather->configured_ms = reload->result.is_accepted
                                        ? wall_clock_ms()
                                        : reload->gather->configured_ms;
    reload->result.generation = reload->gather->generation;
    reload->result.digest = reload->gather->digest;
    reload_result_take_waiting(&reload->result, &reload->changes);
    log_result(&reload->result);
    observe(reload);
    if (reload->event_cb != NULL) {
        reload->event_cb(reload, &reload->result);
    }
    if (reload->is_again || !reload->result.is_accepted ||
        reload_changes_count(&reload->changes) == 0) {
        answer(reload);
    } else {
        uv_timer_start(&reload->patience, on_patience, RELOAD_PATIENCE_MS, 0);
    }
}

static struct reload *reload_of(struct gather *gather)
{
    return container_of(gather->changes, struct reload, changes);
}

static void on_settled(struct gather *gather)
{
    struct reload *reload = reload_of(gather);
    if (reload->is_late) {
        reload->is_late = false;
        log_line(LOG_LEVEL_INFO, "reload: nothing is waiting any more");
    }
    if (reload->phase == RELOAD_SETTLING) {
        answer(reload);
    }
}

static void on_passed(struct gather *gather)
{
    settle(reload_of(gather));
}

/* Loading */

static void on_work(struct worker_job *job)
{
    struct reload *reload = job->data;
    const struct config *at_work = reload->gather->config;
    int error = 0;
    reload->load_result =
        config_load(at_work->path, at_work->environment, CONFIG_RELOAD,
                    &reload->errors, &reload->loaded);
    if (reload->loaded != NULL) {
        error = config_digest(reload->loaded, reload->digest);
    }
    if (reload->loaded != NULL && error == 0) {
        error = config_diff(at_work, reload->loaded, &reload->diff);
    }
    if (error != 0) {
        config_free(reload->loaded);
        reload->loaded = NULL;
    }
}

/* True after reporting that it differs in what a process cannot change while it
 * runs. */
static bool needs_restart(const struct config *from, const struct config *to,
                          struct reload_lines *errors)
{
    struct option_names names = {.size = 0};
    if (strcmp(from->state_dir, to->state_dir) != 0) {
        reload_lines_add(errors, "state_dir has changed: restart haplo-poll");
    }
    if (!config_fleet_equals(&from->fleet, &to->fleet, &names)) {
        reload_lines_add(errors, "fleet (%s) has changed: restart haplo-poll",
                         names.text);
    }
    return strcmp(from->state_dir, to->state_dir) != 0 || names.size > 0;
}

static void judge(struct reload *reload)
{
    struct reload_lines *errors = &reload->result.errors;
    reload_result_take_errors(&reload->result, &reload->errors);
    config_errors_clear(&reload->errors);
    if (reload->loaded == NULL && errors->count == 0) {
        reload_lines_add(errors, "%s", haplo_error_text(HAPLO_ENOMEM));
    } else if (reload->loaded != NULL &&
               needs_restart(reload->gather->config, reload->loaded, errors)) {
        config_free(reload->loaded);
        reload->loaded = NULL;
    }
}

static void apply(struct reload *reload)
{
    struct gather *gather = reload->gather;
    struct config *from = *reload->config;
    reload->result.is_accepted = true;
    reload_result_take_diff(&reload->result, &reload->diff);
    memcpy(gather->digest, reload->digest, sizeof gather->digest);
    *reload->config = reload->loaded;
    reload->loaded = NULL;
    reload->phase = RELOAD_APPLYING;
    reload_pass_start(&reload->pass, from, *reload->config);
}

/* The thread has ended. */
static void on_worker_closed(void *data)
{
    struct reload *reload = data;
    if (!reload->is_open) {
        return; /* freed when the loop has ended */
    }
    judge(reload);
    if (reload->loaded != NULL) {
        apply(reload);
    }
    config_diff_free(&reload->diff);
    if (reload->phase == RELOAD_LOADING) {
        settle(reload);
    }
}

static void on_loaded(struct worker_job *job)
{
    struct reload *reload = job->data;
    worker_close(&reload->worker, on_worker_closed, reload);
}

static void begin(struct reload *reload)
{
    assert(reload->phase == RELOAD_IDLE);
    reload->is_again = false;
    STAILQ_CONCAT(&reload->asking, &reload->later);
    reload->result = (struct reload_result){.is_accepted = false};
    reload->phase = RELOAD_LOADING;
    if (reload->event_cb != NULL) {
        reload->event_cb(reload, NULL);
    }
    if (worker_open(&reload->worker, reload->loop) != 0) {
        reload_lines_add(&reload->result.errors, "%s",
                         haplo_error_text(HAPLO_ENOMEM));
        settle(reload);
        return;
    }
    reload->job = (struct worker_job){
        .work_cb = on_work,
        .done_cb = on_loaded,
        .data = reload,
    };
    worker_submit(&reload->worker, &reload->job);
}

int reload_request(struct reload *reload, reload_done_cb done_cb, void *data)
{
    if (done_cb != NULL) {
        struct reload_waiter *waiter = malloc(sizeof *waiter);
        if (waiter == NULL) {
            return HAPLO_ENOMEM;
        }
        *waiter = (struct reload_waiter){.done_cb = done_cb, .data = data};
        STAILQ_INSERT_TAIL(&reload->later, waiter, link);
    }
    if (!reload->is_open) {
        tell_waiters(&reload->later, NULL);
        return 0;
    }
    reload->is_again = true;
    if (reload->phase == RELOAD_SETTLING) {
        answer(reload);
    } else if (reload->phase == RELOAD_IDLE) {
        begin(reload);
    }
    return 0;
}

/* From beginning to end */

/* Those that cannot be watched for new files are restarted by a reload only if
 * their options change. */
static void pin_outlets(struct reload *reload)
{
    const struct gather_outlet *outlet;
    size_t cursor = 0;
    while ((outlet = name_table_next(&reload->gather->outlets, &cursor))) {
        if (reload_pin_add(&reload->changes.pins, outlet) != 0) {
            log_line(LOG_LEVEL_ERROR, "%s", haplo_error_text(HAPLO_ENOMEM));
        }
    }
}

void reload_open(struct reload *reload, uv_loop_t *loop, struct gather *gather,
                 struct config **config, reload_event_cb event_cb)
{
    *reload = (struct reload){
        .gather = gather,
        .loop = loop,
        .config = config,
        .event_cb = event_cb,
        .is_open = true,
    };
    STAILQ_INIT(&reload->asking);
    STAILQ_INIT(&reload->later);
    gather->generation = 1;
    gather->configured_ms = wall_clock_ms();
    (void)config_digest(*config, gather->digest); /* "": it is not known */
    reload_changes_init(&reload->changes, loop, gather);
    reload->changes.settled_cb = on_settled;
    reload_pass_init(&reload->pass, loop, &reload->changes, on_passed);
    uv_timer_init(loop, &reload->patience); /* cannot fail */
    reload->patience.data = reload;
    pin_outlets(reload);
}

void reload_close(struct reload *reload)
{
    if (!reload->is_open) {
        return;
    }
    reload->is_open = false;
    reload_changes_close(&reload->changes);
    reload_pass_close(&reload->pass);
    uv_close((uv_handle_t *)&reload->patience, NULL);
    tell_waiters(&reload->asking, NULL);
    tell_waiters(&reload->later, NULL);
}

void reload_free(struct reload *reload)
{
    if (reload->gather == NULL) {
        return; /* it was never opened */
    }
    reload_changes_free(&reload->changes);
    reload_pass_free(&reload->pass);
    config_free(reload->loaded);
    config_errors_clear(&reload->errors);
    config_diff_free(&reload->diff);
    reload_result_free(&reload->result);
}
