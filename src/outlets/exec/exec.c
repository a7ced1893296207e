/*
 * exec.c - the outlet that runs a command for each batch or message.
 *
 *   - A parcel becomes one run of the command with all its messages, or with
 *     `per: message` a run for each of them, in order, one after the other.
 *   - Standard input is complete before the command starts (exec_input.c).
 *   - Exit status 0 means delivered.
 *
 * Parcels run concurrently; there are at most in_flight_max of them, so that is
 * the number of commands as well.
 *
 * Failures (exec_verdict.c):
 *
 *   - The command refuses the data of a batch: its messages are passed to it
 *     one at a time, so that one bad message costs one message.
 *   - It refuses a single message: refused.
 *   - It says that it is misconfigured, or cannot be started: broken.
 *   - It fails, is killed or takes too long: retried.
 *   - The outlet is closed: running commands are ended, and their parcels
 *     retried.
 *   - The process dies: commands that run continue to the end. Their messages
 *     are passed on again, with the same identity.
 */
#include "outlets/exec/exec.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/container_of.h"
#include "outlets/exec/exec_environment.h"
#include "outlets/exec/exec_input.h"
#include "outlets/exec/exec_run.h"
#include "outlets/exec/exec_verdict.h"

struct exec_job;
LIST_HEAD(exec_jobs, exec_job);

struct exec {
    struct outlet base;                 /* must be first */
    uv_loop_t *loop;                    /* borrowed */
    const struct exec_options *options; /* borrowed */
    const char *inbox_uuid;             /* borrowed */
    struct exec_command command;        /* from options */
    struct worker_job_list waiting;     /* parcels that are not started */
    struct exec_jobs jobs;              /* parcels that are */
    uv_timer_t starter;                 /* starts those that wait */
    size_t parcel_count;                /* parcels outstanding */
    bool is_closing;                    /* between close and closed_cb */
    outlet_closed_cb closed_cb;         /* of exec_close() */
    void *closed_data;                  /* for closed_cb */
};

/* A parcel with a run for it. */
struct exec_job {
    struct exec *exec;            /* its outlet */
    struct outlet_parcel *parcel; /* borrowed until it is completed */
    bool is_split;                /* its batch was refused as a whole */
    size_t count;                 /* messages of the current run */
    struct exec_run run;          /* the current one */
    LIST_ENTRY(exec_job) link;    /* in jobs */
};

/* The end of a parcel */

static void on_closed(uv_handle_t *handle)
{
    struct exec *exec = container_of(handle, struct exec, starter);
    outlet_closed_cb closed_cb = exec->closed_cb;
    void *closed_data = exec->closed_data;

    free(exec);
    closed_cb(closed_data);
}

static void close_if_idle(struct exec *exec)
{
    if (exec->is_closing && exec->parcel_count == 0) {
        uv_close((uv_handle_t *)&exec->starter, on_closed);
    }
}

static void parcel_complete(struct exec *exec, struct outlet_parcel *parcel)
{
    bool is_last = --exec->parcel_count == 0 && exec->is_closing;

    parcel->delivered_cb(parcel);
    if (is_last) { /* otherwise the callback may have closed it */
        close_if_idle(exec);
    }
}

static void parcel_retry(struct exec *exec, struct outlet_parcel *parcel,
                         const char *what, const char *detail)
{
    parcel->verdict = OUTLET_RETRY;
    (void)reason_set(&parcel->why, 0, "%s: %s%s", exec->command.arguments[0],
                     what, detail);
    parcel_complete(exec, parcel);
}

static struct outlet_parcel *job_free(struct exec_job *job)
{
    struct outlet_parcel *parcel = job->parcel;

    LIST_REMOVE(job, link);
    free(job);
    return parcel;
}

static void job_retry(struct exec_job *job, const char *what,
                      const char *detail)
{
    struct exec *exec = job->exec;

    parcel_retry(exec, job_free(job), what, detail);
}

/* A run */

static void on_run_done(struct exec_run *run);

/* The messages from the first undelivered one on: all of them, or one. */
static void job_run(struct exec_job *job)
{
    struct exec *exec = job->exec;
    const struct exec_options *options = exec->options;
    struct outlet_parcel *parcel = job->parcel;
    bool is_batch = options->per == EXEC_PER_BATCH;
    struct exec_environment environment;
    int input;

    job->count = is_batch && !job->is_split
                     ? parcel->count - parcel->delivered_count
                     : 1;
    if (!exec_environment_make(&environment, options->environment, parcel,
                               job->count, is_batch, exec->inbox_uuid)) {
        job_retry(job, "cannot be started: ", "out of memory");
        return;
    }
    input = exec_input_open(parcel, job->count, is_batch, exec->inbox_uuid);
    if (input < 0) {
        exec_environment_free(&environment);
        job_retry(job, "cannot be given the messages: ", uv_strerror(input));
        return;
    }
    exec_run_start(&job->run, exec->loop, &exec->command, environment.entries,
                   input, -1, on_run_done);
    (void)close(input); /* the command has its own */
    exec_environment_free(&environment);
}

/* Continues with the parcel, if it can. */
static void on_run_done(struct exec_run *run)
{
    struct exec_job *job = container_of(run, struct exec_job, run);
    struct exec *exec = job->exec;
    struct outlet_parcel *parcel = job->parcel;

    parcel->verdict = exec_verdict(&run->result, &exec->command, &parcel->why);
    if (parcel->verdict == OUTLET_DELIVERED) {
        parcel->delivered_count += job->count;
    } else if (parcel->verdict == OUTLET_REFUSED && job->count > 1) {
        job->is_split = true;
    } else {
        parcel_complete(exec, job_free(job));
        return;
    }
    if (parcel->delivered_count == parcel->count) {
        parcel_complete(exec, job_free(job));
    } else if (exec->is_closing) {
        job_retry(job, "closing", "");
    } else {
        job_run(job);
    }
}

/* The beginning of a parcel */

static void parcel_start(struct exec *exec, struct outlet_parcel *parcel)
{
    struct exec_job *job = exec->is_closing ? NULL : calloc(1, sizeof(*job));

    if (job == NULL) {
        parcel_retry(exec, parcel,
                     exec->is_closing ? "closing" : "out of memory", "");
        return;
    }
    job->exec = exec;
    job->parcel = parcel;
    LIST_INSERT_HEAD(&exec->jobs, job, link);
    job_run(job);
}

/* Not in deliver(), inside of which no parcel may be completed. */
static void on_starter(uv_timer_t *timer)
{
    struct exec *exec = container_of(timer, struct exec, starter);
    struct worker_job_list waiting = STAILQ_HEAD_INITIALIZER(waiting);

    STAILQ_CONCAT(&waiting, &exec->waiting);
    while (!STAILQ_EMPTY(&waiting)) {
        struct worker_job *first = STAILQ_FIRST(&waiting);

        STAILQ_REMOVE_HEAD(&waiting, link);
        parcel_start(exec, container_of(first, struct outlet_parcel, job));
    }
}

static void exec_deliver(struct outlet *outlet, struct outlet_parcel *parcel)
{
    struct exec *exec = (struct exec *)outlet;

    assert(!exec->is_closing);
    exec->parcel_count++;
    STAILQ_INSERT_TAIL(&exec->waiting, &parcel->job, link);
    (void)uv_timer_start(&exec->starter, on_starter, 0, 0);
}

/* Opening and closing */

static void exec_close(struct outlet *outlet, outlet_closed_cb closed_cb,
                       void *data)
{
    struct exec *exec = (struct exec *)outlet;
    struct exec_job *job;

    exec->is_closing = true;
    exec->closed_cb = closed_cb;
    exec->closed_data = data;
    LIST_FOREACH (job, &exec->jobs, link) {
        exec_run_close(&job->run);
    }
    close_if_idle(exec);
}

static int exec_open(const struct outlet_setting *setting, struct outlet **out,
                     struct reason *why)
{
    const struct exec_options *options = setting->options;
    struct exec *exec = calloc(1, sizeof(*exec));

    *out = NULL;
    if (exec == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    exec->base.type = setting->type;
    exec->loop = setting->loop;
    exec->options = options;
    exec->inbox_uuid = setting->inbox_uuid;
    exec->command = (struct exec_command){
        .arguments = options->command,
        .folder = options->folder,
        .time_limit_ms = options->time_limit_ms,
        .grace_ms = options->grace_ms,
    };
    STAILQ_INIT(&exec->waiting);
    LIST_INIT(&exec->jobs);
    (void)uv_timer_init(exec->loop, &exec->starter);
    *out = &exec->base;
    return 0;
}

/* The type */

const struct outlet_type exec_outlet_type = {
    .name = "exec",
    .help = "A command is run for each batch or message.",
    .options = exec_option_rows,
    .option_count = EXEC_OPTION_COUNT,
    .options_size = sizeof(struct exec_options),
    .in_flight_max = 4, /* processes at a time */
    .check = exec_options_check,
    .is_lacking = exec_options_lack,
    .open = exec_open,
    .deliver = exec_deliver,
    .close = exec_close,
};
