#include "daemon/task/task_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "base/reason.h"
#include "daemon/gather/gather_outlets.h"

/* A request that is being carried out. */
struct run {
    struct inbox_task task;      /* the work */
    struct task_request request; /* its parameters */
    struct inbox_replay replay;  /* REPLAY_*: which */
    struct inbox_purge purge;    /* PURGE: which */
    struct gather *gather;       /* borrowed */
    task_run_cb done_cb;         /* gets the result */
    void *data;                  /* for done_cb */
};

static void replay_fill(struct inbox_replay *replay,
                        const struct task_request *request)
{
    *replay = (struct inbox_replay){
        .id = request->replay_id,
        .is_of_letters = request->is_of_letters != 0,
        .has_new_ids = request->has_new_ids != 0,
        .since_ms = request->since_ms,
        .until_ms = request->until_ms,
        .cursor = request->first > 0 ? request->first - 1 : 0,
        .last = request->last,
    };
    snprintf(replay->outlet, sizeof replay->outlet, "%s", request->outlet);
    snprintf(replay->queue, sizeof replay->queue, "%s", request->queue);
}

static void purge_result_write(const struct run *run, char *text, size_t size)
{
    const struct inbox_purge *purge = &run->purge;
    char unread[128] = "";
    if (purge->unread_count > 0) {
        snprintf(unread, sizeof unread,
                 "; not JSON, although they contain the value: %llu (see "
                 "--arrival)",
                 (unsigned long long)purge->unread_count);
    }
    snprintf(text, size,
             "inbox %s: messages purged: %llu; deliveries that outlets pass "
             "over: %llu; dead letters removed: %llu%s%s",
             run->request.inbox, (unsigned long long)run->task.count,
             (unsigned long long)purge->pending_count,
             (unsigned long long)purge->letter_count, unread,
             purge->is_log_left
                 ? "; its -wal file still contains them, because another "
                   "program keeps a read transaction open: end that, and "
                   "purge again"
                 : "");
}

/* That of the replay's outlet; NULL: outlets do not run in this process. */
static struct forwarder *find_forwarder(const struct run *run)
{
    const struct gather_outlet *outlet =
        gather_find_outlet(run->gather, run->replay.outlet);
    return outlet != NULL ? outlet->forwarder : NULL;
}

/* What an operator reads. */
static void result_write(const struct run *run, char *text, size_t size)
{
    const struct inbox_replay *replay = &run->replay;
    unsigned long long count = run->task.count;
    unsigned long long id = replay->id;
    switch (run->request.kind) {
    case INBOX_TASK_LETTERS_PURGE:
        snprintf(text, size, "outlet %s: dead letters removed: %llu",
                 run->request.outlet, count);
        break;
    case INBOX_TASK_REPLAY_START:
        snprintf(text, size,
                 find_forwarder(run) != NULL
                     ? "outlet %s: replay %llu has started"
                     : "outlet %s: replay %llu is stored; no process is "
                       "running: the next run or once carries it out",
                 replay->outlet, id);
        break;
    case INBOX_TASK_REPLAY_STOP:
        snprintf(text, size,
                 "outlet %s: replay %llu is stopped; delivered: %llu, refused: "
                 "%llu",
                 replay->outlet, id,
                 (unsigned long long)replay->delivered_count,
                 (unsigned long long)replay->refused_count);
        break;
    case INBOX_TASK_OUTLET_FORGET:
        snprintf(text, size,
                 "outlet %s: forgotten; deferred messages, dead letters and "
                 "replays removed with it: %llu",
                 run->request.outlet, count);
        break;
    case INBOX_TASK_PURGE:
        purge_result_write(run, text, size);
        break;
    default:
        snprintf(text, size, "done");
        break;
    }
}

/* Its outlet must hear of a replay that has been added or stopped. */
static void tell_outlet(const struct run *run)
{
    struct forwarder *forwarder = find_forwarder(run);
    if (forwarder != NULL) {
        forwarder_replay(forwarder);
    }
}

static void run_free(struct run *run)
{
    if (run != NULL) {
        inbox_purge_free(&run->purge);
        free(run);
    }
}

static void on_done(struct inbox_task *task, int error, const char *why)
{
    struct run *run = container_of(task, struct run, task);
    char text[HAPLO_TEXT_SIZE_MAX];
    if (error != 0) {
        snprintf(text, sizeof text, "%s", why);
    } else {
        result_write(run, text, sizeof text);
    }
    if (error == 0 && (run->request.kind == INBOX_TASK_REPLAY_START ||
                       run->request.kind == INBOX_TASK_REPLAY_STOP)) {
        tell_outlet(run);
    }
    if (run->task.count > 0 && run->request.kind == INBOX_TASK_PURGE) {
        gather_outlets_restart(run->gather, task->inbox);
    }
    run->done_cb(error == 0 && !run->purge.is_log_left ? EXIT_CODE_FINE
                                                       : EXIT_CODE_FAILED,
                 text, run->data);
    run_free(run);
}

static void run_fill(struct run *run, struct gather *gather,
                     const struct task_request *request)
{
    run->gather = gather;
    run->request = *request;
    request = &run->request;
    replay_fill(&run->replay, request);
    run->task = (struct inbox_task){
        .kind = request->kind,
        .filter = {.outlet = request->outlet,
                   .queue = request->queue,
                   .arrival = request->arrival,
                   .since_ms = request->since_ms,
                   .until_ms = request->until_ms},
        .replay = &run->replay,
        .purge = &run->purge,
        .done_cb = on_done,
    };
}

/* Without a pointer, a purge must name a message. 0 or HAPLO_E*. */
static int purge_fill(struct run *run, struct reason *why)
{
    const struct task_request *request = &run->request;
    if (request->kind != INBOX_TASK_PURGE) {
        return 0;
    }
    if (request->pointer[0] == '\0' && request->arrival == 0) {
        return reason_set(why, HAPLO_EINVAL,
                          "a purge needs a JSON pointer and a value, or the "
                          "arrival of a message");
    }
    return inbox_purge_init(
        &run->purge, request->pointer[0] != '\0' ? request->pointer : NULL,
        request->value, request->why, why);
}

/* An outlet that is running would store its progress again. */
static int forget_check(const struct gather *gather,
                        const struct task_request *request, struct reason *why)
{
    return request->kind != INBOX_TASK_OUTLET_FORGET ||
                   gather_find_outlet(gather, request->outlet) == NULL
               ? 0
               : reason_set(why, HAPLO_EBUSY,
                            "outlet %s is running: remove it from the "
                            "configuration and restart haplo-poll first",
                            request->outlet);
}

/* Why a task could not be started. */
static void tell_unstarted(const struct task_request *request,
                           const struct inbox *inbox, int error,
                           struct reason *why)
{
    if (why->text[0] != '\0') {
        return;
    }
    (void)reason_set(why, error, "inbox %s: %s", request->inbox,
                     inbox == NULL           ? "is not open in this process"
                     : error == HAPLO_ENOMEM ? "out of memory"
                     : error == HAPLO_ESTOPPED
                         ? "it is being closed"
                         : "its type does not support this yet");
}

void task_run(struct gather *gather, const struct task_request *request,
              task_run_cb done_cb, void *data)
{
    struct reason why = {.text = ""};
    struct inbox *inbox = gather_find_inbox(gather, request->inbox);
    struct run *run = calloc(1, sizeof *run);
    int error = inbox == NULL || run == NULL ? HAPLO_ENOMEM : 0;
    if (error == 0) {
        run_fill(run, gather, request);
        run->done_cb = done_cb;
        run->data = data;
        error = forget_check(gather, request, &why);
    }
    if (error == 0) {
        error = purge_fill(run, &why);
    }
    if (error == 0) {
        error = inbox_task_start(inbox, &run->task);
    }
    if (error == 0) {
        return;
    }
    run_free(run);
    tell_unstarted(request, inbox, error, &why);
    done_cb(EXIT_CODE_FAILED, why.text, data);
}
