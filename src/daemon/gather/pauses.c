/*
 * pauses.c - reads and writes the file `pauses` in the state directory. It is
 * written as a whole, under another name, and then renamed, so that a crash
 * leaves the old one or the new one. A line has the time, the queue, who, and
 * why, with tabs in between.
 */
#include "daemon/gather/pauses.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_mode.h"
#include "base/reason.h"
#include "daemon/log/log.h"

#define FILE_NAME "pauses"
#define FILE_MODE 0600
#define FIRST_LINE "haplo-poll pauses 1\n"
#define LINE_SIZE_MAX 1024
#define PATH_SIZE_MAX 4096

static const char *name_of(const void *pause)
{
    return ((const struct pause *)pause)->name;
}

/* Reading */

/* Takes the text up to the next tab. False if it does not fit. */
static bool take_field(char **rest, char *field, size_t size)
{
    const char *text = strsep(rest, "\t");
    return text != NULL && strlen(text) < size && strcpy(field, text) != NULL;
}

static bool read_line(char *line, struct pause *pause)
{
    char at[32];
    char *rest = line;
    char *end;
    line[strcspn(line, "\n")] = '\0';
    if (!take_field(&rest, at, sizeof at) ||
        !take_field(&rest, pause->name, sizeof pause->name) ||
        !take_field(&rest, pause->by, sizeof pause->by) ||
        !take_field(&rest, pause->reason, sizeof pause->reason)) {
        return false;
    }
    pause->at_ms = strtoull(at, &end, 10);
    return end != at && *end == '\0' && rest == NULL &&
           strchr(pause->name, '/') != NULL;
}

/* Keeps a copy in memory. 0, HAPLO_ENOMEM or HAPLO_ETOOBIG. */
static int keep(struct pauses *pauses, const struct pause *pause)
{
    struct pause *known = name_table_find(&pauses->table, pause->name);
    if (known != NULL) {
        *known = *pause;
        return 0;
    }
    if (pauses->table.count == PAUSE_COUNT_MAX) {
        return HAPLO_ETOOBIG;
    }
    known = malloc(sizeof *known);
    if (known == NULL) {
        return HAPLO_ENOMEM;
    }
    *known = *pause;
    int error = name_table_add(&pauses->table, known);
    if (error != 0) {
        free(known);
    }
    return error;
}

/* Returns the number of lines that are damaged, or could not be kept. */
static unsigned read_lines(struct pauses *pauses, FILE *file)
{
    char line[LINE_SIZE_MAX];
    unsigned bad_count = 0;
    if (fgets(line, sizeof line, file) == NULL ||
        strcmp(line, FIRST_LINE) != 0) {
        return 1;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        struct pause pause;
        bad_count += !read_line(line, &pause) || keep(pauses, &pause) != 0;
    }
    return bad_count;
}

static char *path_make(const char *folder, const char *name)
{
    size_t size = strlen(folder) + 1 + strlen(name) + 1;
    char *path = malloc(size);
    if (path != NULL) {
        snprintf(path, size, "%s/%s", folder, name);
    }
    return path;
}

void pauses_load(struct pauses *pauses, const char *state_dir)
{
    *pauses = (struct pauses){.table = {.name_of = name_of},
                              .path = path_make(state_dir, FILE_NAME)};
    FILE *file = pauses->path == NULL ? NULL : fopen(pauses->path, "re");
    if (file == NULL) {
        if (pauses->path == NULL || errno != ENOENT) {
            log_line(LOG_LEVEL_WARNING,
                     "%s/" FILE_NAME " cannot be read: %s: queues that were "
                     "paused are polled",
                     state_dir,
                     strerror(pauses->path == NULL ? ENOMEM : errno));
        }
        return;
    }
    unsigned bad_count = read_lines(pauses, file);
    if (bad_count > 0 || ferror(file)) {
        log_line(LOG_LEVEL_WARNING,
                 "%s is damaged: some queues that were paused are polled",
                 pauses->path);
    }
    fclose(file);
}

/* Writing */

static void write_lines(const struct pauses *pauses, FILE *file)
{
    const struct pause *pause;
    size_t cursor = 0;
    fputs(FIRST_LINE, file);
    while ((pause = name_table_next(&pauses->table, &cursor)) != NULL) {
        fprintf(file, "%" PRIu64 "\t%s\t%s\t%s\n", pause->at_ms, pause->name,
                pause->by, pause->reason);
    }
}

/* 0 or errno. */
static int write_file(const struct pauses *pauses, const char *path)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return errno;
    }
    int error = file_mode_set(fileno(file), FILE_MODE);
    write_lines(pauses, file);
    if (ferror(file) && error == 0) {
        error = EIO;
    }
    if (fclose(file) != 0 && error == 0) {
        error = errno;
    }
    return error;
}

static int save_file(const struct pauses *pauses, char *why, size_t why_size)
{
    char new_path[PATH_SIZE_MAX];
    int error = ENOMEM;
    if (pauses->path != NULL) {
        snprintf(new_path, sizeof new_path, "%s.new", pauses->path);
        error = write_file(pauses, new_path);
        if (error == 0 && rename(new_path, pauses->path) != 0) {
            error = errno;
        }
    }
    return error == 0
               ? 0
               : reason_write(why, why_size, HAPLO_EDELIVERY,
                              "%s cannot be written: %s",
                              pauses->path == NULL ? FILE_NAME : pauses->path,
                              strerror(error));
}

/* What the hosts of a fleet have */

void pauses_share(struct pauses *pauses, const struct telling *telling)
{
    *pauses =
        (struct pauses){.table = {.name_of = name_of}, .telling = telling};
}

void pauses_begin(struct pauses *pauses)
{
    struct pause *pause;
    size_t cursor = 0;
    while ((pause = name_table_next(&pauses->table, &cursor)) != NULL) {
        pause->is_listed = false;
    }
}

bool pauses_take(struct pauses *pauses, const struct pause *pause)
{
    struct pause listed = *pause;
    const struct pause *known = name_table_find(&pauses->table, pause->name);
    bool has_changed = known == NULL || known->at_ms != pause->at_ms ||
                       strcmp(known->by, pause->by) != 0 ||
                       strcmp(known->reason, pause->reason) != 0;
    listed.is_listed = true;
    if (keep(pauses, &listed) != 0) {
        log_line(LOG_LEVEL_WARNING,
                 "%s: the pause of this queue cannot be kept: it is polled",
                 pause->name);
        return false;
    }
    return has_changed;
}

static struct pause *find_unlisted(const struct pauses *pauses)
{
    struct pause *pause;
    size_t cursor = 0;
    while ((pause = name_table_next(&pauses->table, &cursor)) != NULL) {
        if (!pause->is_listed) {
            break;
        }
    }
    return pause;
}

void pauses_end(struct pauses *pauses,
                void (*ended_cb)(void *data, const char *name), void *data)
{
    struct pause *pause;
    while ((pause = find_unlisted(pauses)) != NULL) {
        name_table_remove(&pauses->table, pause);
        ended_cb(data, pause->name);
        free(pause);
    }
}

/* Public functions */

const struct pause *pauses_find(const struct pauses *pauses, const char *server,
                                const char *queue)
{
    char name[PAUSE_NAME_SIZE];
    if (pauses == NULL || pauses->table.count == 0) {
        return NULL;
    }
    snprintf(name, sizeof name, "%s/%s", server, queue);
    return name_table_find(&pauses->table, name);
}

int pauses_add(struct pauses *pauses, const struct pause *pause, char *why,
               size_t why_size)
{
    struct pause clean = *pause;
    reason_clean(clean.by);
    reason_clean(clean.reason);
    int error = keep(pauses, &clean);
    if (error != 0) {
        return reason_write(why, why_size, error,
                            error == HAPLO_ENOMEM
                                ? "out of memory"
                                : "%d queues are paused: remove some from the "
                                  "configuration instead",
                            PAUSE_COUNT_MAX);
    }
    if (pauses->telling != NULL) {
        pauses->telling->pause_cb(pauses->telling->data, &clean);
        return 0;
    }
    return save_file(pauses, why, why_size);
}

int pauses_remove(struct pauses *pauses, const char *name, char *why,
                  size_t why_size)
{
    struct pause *pause = name_table_find(&pauses->table, name);
    if (pause == NULL) {
        return 0;
    }
    name_table_remove(&pauses->table, pause);
    free(pause);
    if (pauses->telling != NULL) {
        pauses->telling->resume_cb(pauses->telling->data, name);
        return 0;
    }
    return save_file(pauses, why, why_size);
}

void pauses_free(struct pauses *pauses)
{
    struct pause *pause;
    size_t cursor = 0;
    while ((pause = name_table_next(&pauses->table, &cursor)) != NULL) {
        free(pause);
    }
    name_table_free(&pauses->table);
    free(pauses->path);
    *pauses = (struct pauses){0};
}
