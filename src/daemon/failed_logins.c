/*
 * failed_logins.c - what the file looks like, after its first line:
 *
 *     server example 5 1764362646000
 *     refused example student
 *
 * Five failed logins in a row on the server "example", the newest of them at
 * that time, in milliseconds since 1970; and a queue whose key was refused when
 * it was tried last.
 *
 *   - the process starts: the file is read (failed_logins_load), the library
 *     goes on with the count;
 *   - a key is refused: one more, the time and the queue are written;
 *   - a key works, or the server's own count has run out: the library has
 *     cleared its count, and the server's line goes;
 *   - the queue's key works: its line goes.
 *
 * And otherwise:
 *
 *   - the file is damaged: what stands before the damage counts, and is
 *     written anew, so that this is told once;
 *   - it cannot be written: told once, until it can be again;
 *   - its time is yet to come, as the clock was set back: forgotten, as no
 *     clock may hold a server longer than the server itself would.
 *
 * Written without fsync(): a power cut may cost the newest count, and the loop
 * need not wait for the disk.
 */
#include "daemon/failed_logins.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/wall_clock.h"
#include "daemon/log.h"

#define FIRST_LINE "haplo-poll failed logins 1\n"
#define LINE_SIZE_MAX 512   /* two names and two numbers */
#define PATH_SIZE_MAX 4200  /* so that one too long is refused, not cut */
#define NAME_FORMAT "%128s" /* HAPLO_NAME_SIZE_MAX */
static_assert(HAPLO_NAME_SIZE_MAX == 128, "NAME_FORMAT");

static const char *name_of(const struct gather_server *server)
{
    return server->config->options.name;
}

static struct gather_server *find_server(const struct gather *gather,
                                         const char *name)
{
    for (size_t i = 0; i < gather->config->server_count; i++) {
        if (strcmp(name_of(&gather->servers[i]), name) == 0) {
            return &gather->servers[i];
        }
    }
    return NULL;
}

static struct gather_queue *find_queue(const struct gather_server *server,
                                       const char *name)
{
    for (size_t i = 0; i < server->queue_count; i++) {
        if (strcmp(server->queues[i].config->options.name, name) == 0) {
            return &server->queues[i];
        }
    }
    return NULL;
}

static void path_of(const struct gather *gather, const char *ending,
                    char path[PATH_SIZE_MAX])
{
    snprintf(path, PATH_SIZE_MAX, "%s/" FAILED_LOGINS_FILE "%s",
             gather->config->state_dir, ending);
}

/* -- Reading -------------------------------------------------------------- */

/* True if the line is one of those above. What it names may have left the
 * configuration meanwhile. */
static bool take_line(const struct gather *gather, const char *line)
{
    char name[HAPLO_NAME_SIZE_MAX + 1];
    char queue_name[HAPLO_NAME_SIZE_MAX + 1];
    struct gather_logins logins;
    int size = 0;
    if (sscanf(line, "server " NAME_FORMAT " %u %" SCNu64 "%n", name,
               &logins.failed_count, &logins.failed_at_ms, &size) == 3 &&
        strcmp(line + size, "\n") == 0) {
        struct gather_server *server = find_server(gather, name);
        if (server != NULL) {
            server->logins = logins;
        }
        return true;
    }
    if (sscanf(line, "refused " NAME_FORMAT " " NAME_FORMAT "%n", name,
               queue_name, &size) == 2 &&
        strcmp(line + size, "\n") == 0) {
        struct gather_server *server = find_server(gather, name);
        struct gather_queue *queue =
            server == NULL ? NULL : find_queue(server, queue_name);
        if (queue != NULL) {
            queue->key_refused = true;
        }
        return true;
    }
    return false;
}

/* The number of the line that is none, or 0. */
static unsigned long take_lines(const struct gather *gather, FILE *file)
{
    char line[LINE_SIZE_MAX];
    unsigned long number = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        bool is_good = ++number == 1 ? strcmp(line, FIRST_LINE) == 0
                                     : take_line(gather, line);
        if (!is_good) {
            return number;
        }
    }
    return number == 0 && !ferror(file) ? 1 : 0;
}

/* -- Writing -------------------------------------------------------------- */

static void print_server(const struct gather_server *server, FILE *file)
{
    const struct gather_logins *logins = &server->logins;
    if (logins->failed_count > 0) {
        fprintf(file, "server %s %u %" PRIu64 "\n", name_of(server),
                logins->failed_count, logins->failed_at_ms);
    }
    for (size_t i = 0; i < server->queue_count; i++) {
        if (server->queues[i].key_refused) {
            fprintf(file, "refused %s %s\n", name_of(server),
                    server->queues[i].config->options.name);
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
    fputs(FIRST_LINE, file);
    for (size_t i = 0; i < gather->config->server_count; i++) {
        print_server(&gather->servers[i], file);
    }
    int error = ferror(file) ? EIO : 0;
    if (fclose(file) != 0 && error == 0) {
        error = errno;
    }
    return error;
}

static void keep(struct gather *gather)
{
    char path[PATH_SIZE_MAX];
    char new_path[PATH_SIZE_MAX];
    path_of(gather, "", path);
    path_of(gather, ".new", new_path);
    int error = write_file(gather, new_path);
    if (error == 0 && rename(new_path, path) != 0) {
        error = errno;
    }
    if (error != 0 && !gather->cannot_keep_logins) {
        log_line(LOG_LEVEL_WARNING,
                 "%s cannot be written: %s: the next run will not count the "
                 "failed logins of this one",
                 path, strerror(error));
    }
    gather->cannot_keep_logins = error != 0;
}

/* -- Events --------------------------------------------------------------- */

static unsigned count_now(const struct gather_server *server)
{
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    haplo_server_stats(server->server, &stats);
    return stats.failed_logins;
}

static void note_refusal(struct gather *gather, struct gather_server *server,
                         struct gather_queue *queue)
{
    unsigned count = count_now(server);
    if (count != server->logins.failed_count) {
        server->logins = (struct gather_logins){
            .failed_count = count, .failed_at_ms = wall_clock_ms()};
        queue->key_refused = true;
        keep(gather);
    }
}

static bool has_worked(const struct haplo_event *event)
{
    return event->from == HAPLO_QUEUE_FETCHING &&
           (event->to == HAPLO_QUEUE_IDLE ||
            event->to == HAPLO_QUEUE_DELIVERING);
}

/* Mostly nothing: a refusal is rare, and so is the first success after it. */
static void note_other(struct gather *gather, struct gather_server *server,
                       const struct haplo_event *event)
{
    bool has_changed = false;
    if (server->logins.failed_count > 0 && count_now(server) == 0) {
        server->logins.failed_count = 0;
        has_changed = true;
    }
    if (event->queue != NULL && has_worked(event)) {
        struct gather_queue *queue = haplo_queue_data(event->queue);
        has_changed |= queue->key_refused;
        queue->key_refused = false;
    }
    if (has_changed) {
        keep(gather);
    }
}

/* -- Public --------------------------------------------------------------- */

void failed_logins_load(struct gather *gather)
{
    char path[PATH_SIZE_MAX];
    path_of(gather, "", path);
    errno = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL && errno == ENOENT) {
        return;
    }
    unsigned long damaged = file == NULL ? 0 : take_lines(gather, file);
    if (damaged != 0) {
        log_line(LOG_LEVEL_WARNING,
                 "%s is damaged from line %lu on: failed logins of earlier "
                 "runs are not counted",
                 path, damaged);
        keep(gather);
    } else if (file == NULL || ferror(file)) {
        log_line(LOG_LEVEL_WARNING,
                 "%s cannot be read: %s: failed logins of earlier runs are "
                 "not counted",
                 path, strerror(errno));
    }
    if (file != NULL) {
        fclose(file);
    }
}

void failed_logins_server_options(const struct gather_server *server,
                                  struct haplo_server_options *options)
{
    uint64_t now_ms = wall_clock_ms();
    if (server->logins.failed_at_ms <= now_ms) {
        options->failed_logins = server->logins.failed_count;
        options->failed_login_age_ms = now_ms - server->logins.failed_at_ms;
    }
}

bool failed_logins_added(struct gather_server *server)
{
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    haplo_server_stats(server->server, &stats);
    server->logins.failed_count = stats.failed_logins;
    return stats.logins_held;
}

void failed_logins_note(struct gather *gather, const struct haplo_event *event)
{
    struct gather_server *server = haplo_server_data(event->server);
    if (event->error == HAPLO_EREFUSED && event->queue != NULL) {
        note_refusal(gather, server, haplo_queue_data(event->queue));
    } else {
        note_other(gather, server, event);
    }
}
