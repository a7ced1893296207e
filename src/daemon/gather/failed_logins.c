/*
 * failed_logins.c - reads and writes the file, which looks like this after its
 * first line:
 *
 *     logins haplo.example.org:443 - 5 1764362646000
 *     logins 192.0.2.1:443 haplo.example.org:443 5 1764362646000
 *     refused example student
 *
 * That is, five consecutive failed logins on the server that has this name and
 * this address, the last one at this time in milliseconds since 1970; and a
 * queue whose key was refused when it was last tried. There are two lines for
 * the same five, one for each site that leads to the server; the second one
 * refers to the first.
 *
 *   - When the process starts, the file is read (failed_logins_load), and the
 *     library continues the count.
 *   - A key is refused: the new count, the time and the queue are written.
 *   - All keys are refused, because too many have been: the count that stands
 *     for this is written.
 *   - A key works, or the server's own count has expired: the library clears
 *     its count, and the lines of the server are removed.
 *   - The key of the queue works: its line is removed.
 *   - The queue is not in the configuration any more: its line stays, for it
 *     may come back.
 *
 * Failures:
 *
 *   - The file is damaged: everything before the damage counts, and the file
 *     is rewritten, so that this is logged only once.
 *   - It cannot be written: logged once, until it can be written again.
 *   - A time is in the future, because the clock was set back: ignored, since
 *     no clock may delay logins for longer than the server itself would.
 *
 * In a fleet there is no file: what changes is told to the other hosts, and
 * recalled as they tell it: see fleet/fleet_telling.h.
 *
 * The file is written without fsync(): a power failure may lose the newest
 * count, but the loop does not wait for the disk.
 */
#include "daemon/gather/failed_logins.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/wall_clock.h"
#include "daemon/gather/failed_logins_file.h"
#include "daemon/gather/gather.h"
#include "daemon/gather/telling.h"
#include "daemon/log/log.h"

static const char *state_dir_of(const struct failed_logins *failed)
{
    return failed->gather->config->state_dir;
}

/* Reading */

/* Ignores a time in the future. Lines with the same time must get the same
 * age: they may be one count. */
static void recall(void *data, struct haplo_failed_logins *logins,
                   uint64_t newest_ms)
{
    struct failed_logins *failed = data;
    if (newest_ms > failed->loaded_ms) {
        return;
    }
    logins->age_ms = failed->loaded_ms - newest_ms;
    if (haplo_poller_recall_logins(failed->gather->poller, logins) ==
        HAPLO_ENOMEM) {
        log_line(LOG_LEVEL_WARNING, "failed logins at %s are not counted: %s",
                 logins->site, haplo_error_text(HAPLO_ENOMEM));
    }
}

static void keep_absent(struct failed_logins *failed, const char *server,
                        const char *queue)
{
    int error = refused_keys_add(&failed->absent, server, queue);
    if (error != 0) {
        log_line(LOG_LEVEL_WARNING,
                 "%s/%s: it is not remembered that its key was refused: %s",
                 server, queue, haplo_error_text(error));
    }
}

static void take_refused(void *data, const char *server, const char *queue)
{
    failed_logins_recall_key(data, server, queue);
}

/* Writing */

static void print_refused(void *data, FILE *file)
{
    const struct gather *gather = data;
    const struct gather_server *server;
    size_t next = 0;
    refused_keys_print(&gather->failed_logins.absent, file);
    while ((server = name_table_next(&gather->servers, &next)) != NULL) {
        const struct gather_queue *queue;
        size_t cursor = 0;
        while ((queue = name_table_next(&server->queues, &cursor)) != NULL) {
            if (queue->key_refused) {
                failed_logins_file_refused(file, server->name,
                                           queue->config->name);
            }
        }
    }
}

static unsigned count_now(const struct haplo_server *server)
{
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    haplo_server_get_stats(server, &stats);
    return stats.failed_logins;
}

/* Several servers may have the same count, so whichever has the next event must
 * notice that it has changed. */
static void note_all(struct failed_logins *failed)
{
    struct gather_server *server;
    size_t cursor = 0;
    failed->has_counts = false;
    while ((server = name_table_next(&failed->gather->servers, &cursor)) !=
           NULL) {
        if (server->server != NULL) {
            server->failed_logins = count_now(server->server);
            failed->has_counts |= server->failed_logins > 0;
        }
    }
}

static void save_file(struct failed_logins *failed)
{
    int error =
        failed_logins_file_write(state_dir_of(failed), failed->gather->poller,
                                 print_refused, failed->gather);
    if (error != 0 && !failed->is_unwritable) {
        log_line(LOG_LEVEL_WARNING,
                 "%s/" FAILED_LOGINS_FILE
                 " cannot be written: %s: the next run will not count the "
                 "failed logins of this one",
                 state_dir_of(failed), strerror(error));
    }
    failed->is_unwritable = error != 0;
}

static void save(struct failed_logins *failed)
{
    const struct telling *telling = failed->gather->options.telling;
    if (telling != NULL) {
        telling->logins_cb(telling->data);
    } else {
        save_file(failed);
    }
    note_all(failed);
}

/* The caller saves. */
static void set_refused(const struct failed_logins *failed,
                        struct gather_queue *queue, bool is_refused)
{
    const struct telling *telling = failed->gather->options.telling;
    bool has_changed = queue->key_refused != is_refused;
    queue->key_refused = is_refused;
    if (has_changed && telling != NULL) {
        telling->key_cb(telling->data, queue);
    }
}

/* Events */

static void note_refusal(struct failed_logins *failed,
                         struct gather_server *server,
                         const struct haplo_event *event)
{
    struct gather_queue *queue = haplo_queue_data(event->queue);
    if (!queue->key_refused ||
        count_now(event->server) != server->failed_logins) {
        set_refused(failed, queue, true);
        save(failed);
    }
}

static bool has_worked(const struct haplo_event *event)
{
    return event->from == HAPLO_QUEUE_FETCHING &&
           (event->to == HAPLO_QUEUE_IDLE ||
            event->to == HAPLO_QUEUE_DELIVERING);
}

/* Usually does nothing: refusals are rare, and so are successes after one. */
static void note_other(struct failed_logins *failed,
                       struct gather_server *server,
                       const struct haplo_event *event)
{
    bool is_throttled =
        event->error == HAPLO_ETHROTTLED && event->queue != NULL;
    bool has_changed =
        is_throttled || (failed->has_counts &&
                         count_now(event->server) != server->failed_logins);
    if (event->queue != NULL && has_worked(event)) {
        struct gather_queue *queue = haplo_queue_data(event->queue);
        has_changed |= queue->key_refused;
        set_refused(failed, queue, false);
    }
    if (has_changed) {
        save(failed);
    }
}

/* Public functions */

void failed_logins_init(struct failed_logins *failed, struct gather *gather)
{
    *failed = (struct failed_logins){.gather = gather};
    refused_keys_init(&failed->absent);
}

void failed_logins_free(struct failed_logins *failed)
{
    refused_keys_clear(&failed->absent);
}

static void note_count(void *data, const struct haplo_failed_logins *logins)
{
    (void)logins;
    *(bool *)data = true;
}

bool failed_logins_load(struct failed_logins *failed)
{
    char path[FAILED_LOGINS_PATH_SIZE];
    const struct failed_logins_reading reading = {
        .logins_cb = recall, .refused_cb = take_refused, .data = failed};
    if (failed->gather->options.telling != NULL) {
        return false;
    }
    failed_logins_file_path(state_dir_of(failed), "", path);
    errno = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL && errno == ENOENT) {
        return false;
    }
    failed->loaded_ms = wall_clock_ms();
    unsigned long damaged =
        file == NULL ? 0 : failed_logins_file_read(file, &reading);
    if (damaged != 0) {
        log_line(LOG_LEVEL_WARNING,
                 "%s is damaged from line %lu on: failed logins of earlier "
                 "runs are not counted",
                 path, damaged);
        save(failed);
    } else if (file == NULL || ferror(file)) {
        log_line(LOG_LEVEL_WARNING,
                 "%s cannot be read: %s: failed logins of earlier runs are "
                 "not counted",
                 path, strerror(errno));
    }
    if (file != NULL) {
        fclose(file);
    }
    haplo_poller_failed_logins(failed->gather->poller, note_count,
                               &failed->has_counts);
    return failed->has_counts;
}

void failed_logins_recalled(struct failed_logins *failed)
{
    note_all(failed);
    haplo_poller_failed_logins(failed->gather->poller, note_count,
                               &failed->has_counts);
}

void failed_logins_forget_keys(struct failed_logins *failed)
{
    const struct gather_server *server;
    size_t next = 0;
    refused_keys_clear(&failed->absent);
    while ((server = name_table_next(&failed->gather->servers, &next)) !=
           NULL) {
        struct gather_queue *queue;
        size_t cursor = 0;
        while ((queue = name_table_next(&server->queues, &cursor)) != NULL) {
            queue->key_refused = false;
        }
    }
}

void failed_logins_recall_key(struct failed_logins *failed, const char *server,
                              const char *name)
{
    struct gather_queue *queue =
        gather_find_queue(failed->gather, server, name);
    if (queue != NULL) {
        queue->key_refused = true;
    } else {
        keep_absent(failed, server, name);
    }
}

void failed_logins_enter(struct gather_queue *queue)
{
    struct gather_server *server = queue->server;
    queue->key_refused =
        refused_keys_take(&server->gather->failed_logins.absent, server->name,
                          queue->config->name);
}

void failed_logins_leave(const struct gather_queue *queue)
{
    struct gather_server *server = queue->server;
    if (queue->key_refused) {
        keep_absent(&server->gather->failed_logins, server->name,
                    queue->config->name);
    }
}

void failed_logins_added(struct gather_server *server)
{
    server->failed_logins = count_now(server->server);
}

void failed_logins_note(struct failed_logins *failed,
                        const struct haplo_event *event)
{
    struct gather_server *server = haplo_server_data(event->server);
    if (event->error == HAPLO_EREFUSED && event->queue != NULL) {
        note_refusal(failed, server, event);
    } else {
        note_other(failed, server, event);
    }
}
