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
 *
 * Failures:
 *
 *   - The file is damaged: everything before the damage counts, and the file
 *     is rewritten, so that this is logged only once.
 *   - It cannot be written: logged once, until it can be written again.
 *   - A time is in the future, because the clock was set back: ignored, since
 *     no clock may delay logins for longer than the server itself would.
 *
 * The file is written without fsync(): a power failure may lose the newest
 * count, but the loop does not wait for the disk.
 */
#include "daemon/failed_logins.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file_mode.h"
#include "base/wall_clock.h"
#include "daemon/gather.h"
#include "daemon/log.h"

#define FIRST_LINE "haplo-poll failed logins 2\n"
#define FILE_MODE 0600
#define LINE_SIZE_MAX (2 * HAPLO_SITE_SIZE_MAX + 64)
#define PATH_SIZE_MAX 4200   /* a longer path is refused, not truncated */
#define NAME_FORMAT "%128s"  /* HAPLO_NAME_SIZE_MAX */
#define SITE_FORMAT "%1031s" /* HAPLO_SITE_SIZE_MAX, with its NUL */
static_assert(HAPLO_NAME_SIZE_MAX == 128, "NAME_FORMAT");
static_assert(HAPLO_SITE_SIZE_MAX == 1032, "SITE_FORMAT");

static const char *name_of(const struct gather_server *server)
{
    return server->name;
}

static void path_of(const struct failed_logins *failed, const char *ending,
                    char path[PATH_SIZE_MAX])
{
    snprintf(path, PATH_SIZE_MAX, "%s/" FAILED_LOGINS_FILE "%s",
             failed->gather->config->state_dir, ending);
}

/* Reading */

/* Ignores a time in the future. Lines with the same time must get the same
 * age: they may be one count. */
static void recall(struct failed_logins *failed,
                   struct haplo_failed_logins *logins, uint64_t newest_ms)
{
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

static bool take_logins(struct failed_logins *failed, const char *line)
{
    char site[HAPLO_SITE_SIZE_MAX];
    char same_as[HAPLO_SITE_SIZE_MAX];
    struct haplo_failed_logins logins = {.site = site, .same_as = same_as};
    uint64_t newest_ms;
    int size = 0;
    if (sscanf(line, "logins " SITE_FORMAT " " SITE_FORMAT " %u %" SCNu64 "%n",
               site, same_as, &logins.count, &newest_ms, &size) != 4 ||
        strcmp(line + size, "\n") != 0) {
        return false;
    }
    if (strcmp(same_as, "-") == 0) {
        logins.same_as = NULL;
    }
    recall(failed, &logins, newest_ms);
    return true;
}

/* True if the line has one of the forms above. The server or queue need not be
 * in the configuration any more. */
static bool take_line(struct failed_logins *failed, const char *line)
{
    char name[HAPLO_NAME_SIZE_MAX + 1];
    char queue_name[HAPLO_NAME_SIZE_MAX + 1];
    int size = 0;
    if (sscanf(line, "refused " NAME_FORMAT " " NAME_FORMAT "%n", name,
               queue_name, &size) == 2 &&
        strcmp(line + size, "\n") == 0) {
        struct gather_queue *queue =
            gather_find_queue(failed->gather, name, queue_name);
        if (queue != NULL) {
            queue->key_refused = true;
        }
        return true;
    }
    return take_logins(failed, line);
}

/* The number of the first line that is malformed, or 0. */
static unsigned long take_lines(struct failed_logins *failed, FILE *file)
{
    char line[LINE_SIZE_MAX];
    unsigned long number = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        bool is_good = ++number == 1 ? strcmp(line, FIRST_LINE) == 0
                                     : take_line(failed, line);
        if (!is_good) {
            return number;
        }
    }
    return number == 0 && !ferror(file) ? 1 : 0;
}

/* Writing */

/* Where the lines go, and when. */
struct printing {
    FILE *file;
    uint64_t now_ms; /* wall clock */
};

static void print_logins(void *data, const struct haplo_failed_logins *logins)
{
    const struct printing *printing = data;
    fprintf(printing->file, "logins %s %s %u %" PRIu64 "\n", logins->site,
            logins->same_as == NULL ? "-" : logins->same_as, logins->count,
            printing->now_ms - logins->age_ms);
}

static void print_refused(const struct gather_server *server, FILE *file)
{
    const struct gather_queue *queue;
    size_t cursor = 0;
    while ((queue = name_table_next(&server->queues, &cursor)) != NULL) {
        if (queue->key_refused) {
            fprintf(file, "refused %s %s\n", name_of(server),
                    queue->config->name);
        }
    }
}

/* 0 or errno. */
static int write_file(const struct gather *gather, const char *path)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return errno;
    }
    struct printing printing = {.file = file, .now_ms = wall_clock_ms()};
    const struct gather_server *server;
    size_t cursor = 0;
    int error = file_mode_set(fileno(file), FILE_MODE);
    fputs(FIRST_LINE, file);
    haplo_poller_failed_logins(gather->poller, print_logins, &printing);
    while ((server = name_table_next(&gather->servers, &cursor)) != NULL) {
        print_refused(server, file);
    }
    if (ferror(file) && error == 0) {
        error = EIO;
    }
    if (fclose(file) != 0 && error == 0) {
        error = errno;
    }
    return error;
}

static unsigned count_now(const struct haplo_server *server)
{
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    haplo_server_stats(server, &stats);
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

static void save(struct failed_logins *failed)
{
    char path[PATH_SIZE_MAX];
    char new_path[PATH_SIZE_MAX];
    path_of(failed, "", path);
    path_of(failed, ".new", new_path);
    int error = write_file(failed->gather, new_path);
    if (error == 0 && rename(new_path, path) != 0) {
        error = errno;
    }
    if (error != 0 && !failed->is_unwritable) {
        log_line(LOG_LEVEL_WARNING,
                 "%s cannot be written: %s: the next run will not count the "
                 "failed logins of this one",
                 path, strerror(error));
    }
    failed->is_unwritable = error != 0;
    note_all(failed);
}

/* Events */

static void note_refusal(struct failed_logins *failed,
                         struct gather_server *server,
                         const struct haplo_event *event)
{
    struct gather_queue *queue = haplo_queue_data(event->queue);
    if (!queue->key_refused ||
        count_now(event->server) != server->failed_logins) {
        queue->key_refused = true;
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
        queue->key_refused = false;
    }
    if (has_changed) {
        save(failed);
    }
}

/* Public functions */

void failed_logins_init(struct failed_logins *failed, struct gather *gather)
{
    *failed = (struct failed_logins){.gather = gather};
}

static void note_count(void *data, const struct haplo_failed_logins *logins)
{
    (void)logins;
    *(bool *)data = true;
}

bool failed_logins_load(struct failed_logins *failed)
{
    char path[PATH_SIZE_MAX];
    path_of(failed, "", path);
    errno = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL && errno == ENOENT) {
        return false;
    }
    failed->loaded_ms = wall_clock_ms();
    unsigned long damaged = file == NULL ? 0 : take_lines(failed, file);
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
