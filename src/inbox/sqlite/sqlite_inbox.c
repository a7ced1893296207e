/*
 * sqlite_inbox.c - the store of an SQLite inbox: turns the operations of group
 * commit and outlets into jobs for two threads.
 *
 *   - The writer thread opens the file, writes groups and the steps of tasks,
 *     and closes the file.
 *   - The helper thread reads for outlets and checkpoints the WAL, so that
 *     commits wait for neither.
 *   - Results are reported on the loop.
 */
#include "inbox/sqlite/sqlite_inbox.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "inbox/inbox_store.h"
#include "inbox/sqlite/arrival_mark.h"
#include "inbox/sqlite/checkpoint.h"
#include "inbox/sqlite/connection.h"
#include "inbox/sqlite/disk_space.h"
#include "inbox/sqlite/environment_mark.h"
#include "inbox/sqlite/group_write.h"
#include "inbox/sqlite/move_source.h"
#include "inbox/sqlite/moved_mark.h"
#include "inbox/sqlite/queue_load.h"
#include "inbox/sqlite/read_jobs.h"
#include "inbox/sqlite/retention.h"
#include "inbox/sqlite/sqlite_options.h"
#include "inbox/sqlite/task_jobs.h"
#include "inbox/sqlite/view.h"
#include "inbox/sqlite/writer.h"
#include "inbox/sqlite/writer_jobs.h"

struct sqlite_store {
    struct inbox_store base;      /* must be first */
    char *path;                   /* owned */
    char *used_by;                /* owned; see db_lock.h */
    char *environment;            /* owned; NULL: any; see environment_mark.h */
    struct worker writer_thread;  /* runs the writer */
    struct worker helper_thread;  /* runs the reader */
    struct writer writer;         /* commits */
    struct reader reader;         /* reads and checkpoints */
    struct read_jobs reads;       /* passes reads to it */
    struct checkpoint checkpoint; /* decides when to checkpoint */
    struct arrival_mark mark;     /* how far arrivals have got */
    struct worker_job job;        /* for the writer: open, close */
    struct writer_jobs jobs;      /* for the writer, while it is open */
    struct writer_job group_job;  /* writes a group */
    struct task_jobs tasks;       /* passes steps of tasks to them */
    struct inbox_group *group;    /* being written */
    struct retention retention;   /* deletes what is old */
    struct disk_space space;      /* notices when the disk fills up */
    char uuid[INBOX_UUID_SIZE];   /* of the file */
    int error;                    /* opening: HAPLO_E* or 0 */
    struct reason why;            /* text of error */
};

static struct sqlite_store *store_of(struct inbox_store *base)
{
    return container_of(base, struct sqlite_store, base);
}

static void submit(struct sqlite_store *store, worker_job_cb work_cb,
                   worker_job_cb done_cb)
{
    store->job.work_cb = work_cb;
    store->job.done_cb = done_cb;
    worker_submit(&store->writer_thread, &store->job);
}

static struct sqlite_store *store_of_job(struct worker_job *job)
{
    return container_of(job, struct sqlite_store, job);
}

/* Closing */

/* Both threads have ended. */
static void store_free(struct sqlite_store *store)
{
    free(store->path);
    free(store->used_by);
    free(store->environment);
    free(store->mark.path);
    free(store);
}

static void on_writer_thread_closed(void *data)
{
    struct sqlite_store *store = data;
    struct inbox *inbox = store->base.inbox;
    struct reason why = store->why;
    int error = store->error;

    store_free(store);
    if (error != 0) {
        inbox_store_opened(inbox, "", error, why.text);
    } else {
        inbox_store_closed(inbox);
    }
}

static void on_helper_thread_closed(void *data)
{
    struct sqlite_store *store = data;

    worker_close(&store->writer_thread, on_writer_thread_closed, store);
}

static void threads_close(struct worker_job *job)
{
    struct sqlite_store *store = store_of_job(job);

    worker_close(&store->helper_thread, on_helper_thread_closed, store);
}

static void writer_close_work(struct worker_job *job)
{
    struct sqlite_store *store = store_of_job(job);
    struct writer *writer = &store->writer;

    writer->is_suspect |= store->reader.is_suspect;
    /* What was added to a damaged inbox is not known exactly. */
    arrival_mark_close(&store->mark, writer->newest_arrival,
                       writer->is_suspect || writer->watch.is_damaged
                           ? store->mark.record.reserved
                           : writer->tried_arrival);
    writer_close(writer);
}

static void reader_close_work(struct worker_job *job)
{
    reader_close(&store_of_job(job)->reader);
}

static void reader_close_done(struct worker_job *job)
{
    submit(store_of_job(job), writer_close_work, threads_close);
}

/* The helper may be checkpointing: its job comes after that. The writer's
 * connection goes last, as the last one checkpoints all there is. */
static void on_space_closed(struct disk_space *space)
{
    struct sqlite_store *store =
        container_of(space, struct sqlite_store, space);

    store->job.work_cb = reader_close_work;
    store->job.done_cb = reader_close_done;
    worker_submit(&store->helper_thread, &store->job);
}

static void on_retention_closed(struct retention *retention)
{
    disk_space_close(
        &container_of(retention, struct sqlite_store, retention)->space,
        on_space_closed);
}

static void sqlite_close(struct inbox_store *base)
{
    retention_close(&store_of(base)->retention, on_retention_closed);
}

/* Opening */

static void open_work(struct worker_job *job)
{
    struct sqlite_store *store = store_of_job(job);

    store->error = writer_open(&store->writer);
    store->why = store->writer.why;
    if (store->error == 0) {
        store->error = reader_open(&store->reader, &store->why);
    }
    if (store->error == 0) {
        /* Adding queues on this thread is safe: the inbox waits for it. */
        store->error = queue_load(store->writer.db, store->path,
                                  store->base.inbox, store->uuid, &store->why);
    }
    if (store->error == 0) {
        store->error =
            moved_mark_check(store->writer.db, store->path, &store->why);
    }
    if (store->error == 0 && store->environment != NULL) {
        store->error = environment_mark_claim(store->writer.db, store->path,
                                              store->environment, &store->why);
    }
    if (store->error == 0) {
        store->error = arrival_mark_open(
            &store->mark, store->writer.db, store->path, store->uuid,
            &store->writer.newest_arrival, &store->why);
    }
    if (store->error == 0) {
        disk_space_look(&store->space);
    }
    if (store->error != 0) {
        store->writer.is_suspect = true; /* leave everything as it is */
        reader_close(&store->reader);
        writer_close(&store->writer);
    }
}

static void open_done(struct worker_job *job)
{
    struct sqlite_store *store = store_of_job(job);

    if (store->error != 0) {
        threads_close(job);
        return;
    }
    arrival_mark_tell(&store->mark);
    retention_open(&store->retention);
    disk_space_open(&store->space);
    inbox_store_opened(store->base.inbox, store->uuid, 0, "");
}

/* Sets *copy to NULL for NULL; false if memory runs out. */
static bool text_copy(const char *text, char **copy)
{
    *copy = text != NULL ? strdup(text) : NULL;
    return text == NULL || *copy != NULL;
}

static bool store_copy(struct sqlite_store *store,
                       const struct inbox_options *options)
{
    const struct sqlite_inbox_options *own = options->type_options;
    const char *used_by =
        options->used_by != NULL ? options->used_by : "a program";

    store->path = connection_path(own->path);
    return store->path != NULL && text_copy(used_by, &store->used_by) &&
           text_copy(options->environment, &store->environment) &&
           text_copy(options->arrivals_path, &store->mark.path);
}

static struct sqlite_store *store_new(uv_loop_t *loop, struct inbox *inbox,
                                      const struct inbox_options *options)
{
    const struct sqlite_inbox_options *own = options->type_options;
    struct sqlite_store *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        return NULL;
    }
    if (!store_copy(store, options)) {
        store_free(store);
        return NULL;
    }
    store->base.inbox = inbox;
    store->writer.path = store->path;
    store->writer.used_by = store->used_by;
    store->writer.has_secure_delete = own->has_secure_delete;
    store->reader.path = store->path;
    store->reads.inbox = inbox;
    store->reads.helper = &store->helper_thread;
    store->reads.reader = &store->reader;
    store->checkpoint.inbox = inbox;
    store->checkpoint.loop = loop;
    store->checkpoint.helper = &store->helper_thread;
    store->checkpoint.reader = &store->reader;
    store->checkpoint.wal_bytes_max = own->wal_bytes_max;
    store->mark.inbox = inbox;
    store->mark.helper = &store->helper_thread;
    store->jobs.loop = loop;
    store->jobs.worker = &store->writer_thread;
    store->jobs.writer = &store->writer;
    store->jobs.checkpoint = &store->checkpoint;
    store->jobs.mark = &store->mark;
    writer_jobs_init(&store->jobs);
    store->tasks.jobs = &store->jobs;
    store->tasks.writer = &store->writer;
    task_jobs_init(&store->tasks);
    store->retention.inbox = inbox;
    store->retention.loop = loop;
    store->retention.jobs = &store->jobs;
    store->retention.step.writer = &store->writer;
    store->retention.step.keep_ms = own->keep_ms;
    store->retention.step.keeps_latest = own->keeps_latest;
    store->space.inbox = inbox;
    store->space.loop = loop;
    store->space.helper = &store->helper_thread;
    store->space.path = store->path;
    store->space.free_bytes_min = own->free_bytes_min;
    return store;
}

static struct inbox_store *sqlite_open(uv_loop_t *loop, struct inbox *inbox,
                                       const struct inbox_options *options)
{
    struct sqlite_store *store = store_new(loop, inbox, options);

    if (store == NULL) {
        return NULL;
    }
    if (worker_open(&store->writer_thread, loop) != 0) {
        store_free(store);
        return NULL;
    }
    if (worker_open(&store->helper_thread, loop) != 0) {
        store->error = reason_set(&store->why, HAPLO_ENOMEM,
                                  "%s: cannot start a thread", store->path);
        worker_close(&store->writer_thread, on_writer_thread_closed, store);
        return &store->base;
    }
    submit(store, open_work, open_done);
    return &store->base;
}

/* Groups */

static struct sqlite_store *store_of_group_job(struct writer_job *job)
{
    return container_of(job, struct sqlite_store, group_job);
}

static void write_work(struct writer_job *job)
{
    struct sqlite_store *store = store_of_group_job(job);

    group_write(&store->writer, store->group);
    job->has_failed = store->group->fault != INBOX_FINE;
}

static void write_done(struct writer_job *job)
{
    struct sqlite_store *store = store_of_group_job(job);

    if (job->is_held) {
        store->group->fault = INBOX_OUTAGE;
        store->group->why = job->why;
    }
    disk_space_consider(&store->space);
    inbox_group_written(store->base.inbox);
}

static void sqlite_write(struct inbox_store *base, struct inbox_group *group)
{
    struct sqlite_store *store = store_of(base);

    store->group = group;
    store->group_job.work_cb = write_work;
    store->group_job.done_cb = write_done;
    writer_jobs_submit_first(&store->jobs, &store->group_job);
}

/* Retention */

static void sqlite_retain(struct inbox_store *base, const char *const *outlets,
                          size_t outlet_count)
{
    retention_start(&store_of(base)->retention, outlets, outlet_count);
}

/* Reads and requests */

static void sqlite_read(struct inbox_store *base, struct inbox_read *read)
{
    read_jobs_read(&store_of(base)->reads, read);
}

static void sqlite_outlet_open(struct inbox_store *base,
                               struct inbox_outlet_request *request)
{
    read_jobs_outlet(&store_of(base)->reads, request);
}

static void sqlite_lanes(struct inbox_store *base,
                         struct inbox_outlet_request *request)
{
    read_jobs_lanes(&store_of(base)->reads, request);
}

/* Tasks */

static void sqlite_task(struct inbox_store *base, struct inbox_task *task)
{
    task_jobs_submit(&store_of(base)->tasks, task);
}

/* Operations */

static const struct inbox_store_ops ops = {
    .open = sqlite_open,
    .write = sqlite_write,
    .read = sqlite_read,
    .read_free = reader_free,
    .outlet_open = sqlite_outlet_open,
    .lanes = sqlite_lanes,
    .task = sqlite_task,
    .retain = sqlite_retain,
    .close = sqlite_close,
};

static int sqlite_backup(const void *type_options, const char *path, char *why,
                         size_t why_size)
{
    const struct sqlite_inbox_options *own = type_options;

    return inbox_sqlite_backup(own->path, path, why, why_size);
}

static int inbox_sqlite_view(const void *type_options,
                             const struct inbox_view *view, char *why,
                             size_t why_size)
{
    const struct sqlite_inbox_options *own = type_options;

    return sqlite_view(own->path, view, why, why_size);
}

/* The type */

const struct inbox_type inbox_sqlite_type = {
    .name = "sqlite",
    .help = "An SQLite file: see haplo-inbox(5).",
    .options = sqlite_option_rows,
    .option_count = SQLITE_OPTION_COUNT,
    .options_size = sizeof(struct sqlite_inbox_options),
    .ops = &ops,
    .backup = sqlite_backup,
    .view = inbox_sqlite_view,
    .source_open = move_source_open,
};
