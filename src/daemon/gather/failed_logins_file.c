#include "daemon/gather/failed_logins_file.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/file_mode.h"
#include "base/wall_clock.h"

#define FIRST_LINE "haplo-poll failed logins 2\n"
#define FILE_MODE 0600
#define LINE_SIZE_MAX (2 * HAPLO_SITE_SIZE_MAX + 64)
#define NAME_FORMAT "%128s"  /* HAPLO_NAME_SIZE_MAX */
#define SITE_FORMAT "%1031s" /* HAPLO_SITE_SIZE_MAX, with its NUL */
static_assert(HAPLO_NAME_SIZE_MAX == 128, "NAME_FORMAT");
static_assert(HAPLO_SITE_SIZE_MAX == 1032, "SITE_FORMAT");

void failed_logins_file_path(const char *state_dir, const char *ending,
                             char path[FAILED_LOGINS_PATH_SIZE])
{
    snprintf(path, FAILED_LOGINS_PATH_SIZE, "%s/" FAILED_LOGINS_FILE "%s",
             state_dir, ending);
}

/* Reading */

static bool take_logins(const struct failed_logins_reading *reading,
                        const char *line)
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
    reading->logins_cb(reading->data, &logins, newest_ms);
    return true;
}

/* True if the line has one of the two forms. */
static bool take_line(const struct failed_logins_reading *reading,
                      const char *line)
{
    char server[HAPLO_NAME_SIZE_MAX + 1];
    char queue[HAPLO_NAME_SIZE_MAX + 1];
    int size = 0;
    if (sscanf(line, "refused " NAME_FORMAT " " NAME_FORMAT "%n", server, queue,
               &size) == 2 &&
        strcmp(line + size, "\n") == 0) {
        reading->refused_cb(reading->data, server, queue);
        return true;
    }
    return take_logins(reading, line);
}

unsigned long failed_logins_file_read(
    FILE *file, const struct failed_logins_reading *reading)
{
    char line[LINE_SIZE_MAX];
    unsigned long number = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        bool is_good = ++number == 1 ? strcmp(line, FIRST_LINE) == 0
                                     : take_line(reading, line);
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

void failed_logins_file_refused(FILE *file, const char *server,
                                const char *queue)
{
    fprintf(file, "refused %s %s\n", server, queue);
}

/* 0 or errno. */
static int write_lines(const char *path, const struct haplo_poller *poller,
                       failed_logins_refused_cb refused_cb, void *data)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return errno;
    }
    struct printing printing = {.file = file, .now_ms = wall_clock_ms()};
    int error = file_mode_set(fileno(file), FILE_MODE);
    fputs(FIRST_LINE, file);
    haplo_poller_failed_logins(poller, print_logins, &printing);
    refused_cb(data, file);
    if (ferror(file) && error == 0) {
        error = EIO;
    }
    if (fclose(file) != 0 && error == 0) {
        error = errno;
    }
    return error;
}

int failed_logins_file_write(const char *state_dir,
                             const struct haplo_poller *poller,
                             failed_logins_refused_cb refused_cb, void *data)
{
    char path[FAILED_LOGINS_PATH_SIZE];
    char new_path[FAILED_LOGINS_PATH_SIZE];
    failed_logins_file_path(state_dir, "", path);
    failed_logins_file_path(state_dir, ".new", new_path);
    int error = write_lines(new_path, poller, refused_cb, data);
    return error == 0 && rename(new_path, path) != 0 ? errno : error;
}
