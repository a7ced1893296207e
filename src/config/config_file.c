/*
 * config_file.c - reads the files of the configuration.
 *
 *   - The main file is opened and read.
 *   - Where it includes another one, that is read in between, in the same way,
 *     and its servers, inboxes and outlets are added.
 *
 * A file that is not YAML ends the reading of all of them, and is the only
 * error. A file that cannot be opened, is part of the configuration already, or
 * is nested too deeply is an error where it is included.
 */
#include "config/config_file.h"
#include "config/config_environment.h"
#include "config/config_override.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errno_reason.h"
#include "base/key_shape.h"

#define DEPTH_MAX 8     /* files that include each other */
#define FILES_MAX 10000 /* their number is part of each position */

/* Which file it is, however its path is written. */
struct file_id {
    dev_t device;
    ino_t inode;
};

static const char *open_advice(int number)
{
    return number == ENOENT   ? "create it, or give its path"
           : number == EACCES ? "give this user permission to read it"
                              : "try again";
}

static int size_check(struct config_errors *errors, struct config_place place,
                      const struct stat *status)
{
    /* config_events.c checks this as well, but only after reading it. */
    return status->st_size <= CONFIG_FILE_SIZE_MAX
               ? 0
               : config_errors_add(errors, HP_FILE_TOO_LARGE, place,
                                   "larger than %d bytes: split it",
                                   CONFIG_FILE_SIZE_MAX);
}

/* Notes which file it is. */
static int id_add(struct config_loading *loading, const struct stat *status)
{
    struct file_id *id = list_add(&loading->file_ids);
    if (id == NULL) {
        return config_loading_no_memory(loading);
    }
    *id = (struct file_id){status->st_dev, status->st_ino};
    return 0;
}

/* Reads an open file. If it is not YAML, it is kept as the one that failed, and
 * nothing more is read. */
static void events_read(struct config_loading *loading, int fd, size_t index)
{
    struct config_events *outer = loading->events;
    struct config_events *events = config_events_new(fd, index);
    if (events == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    loading->events = events;
    config_read(loading, index == 0 ? LEVEL_TOP : LEVEL_INCLUDED);
    loading->events = outer;
    if (loading->failed == NULL && config_events_failed(events)) {
        loading->failed = events;
    } else {
        config_events_free(events);
    }
    if (outer != NULL && (loading->has_no_memory || loading->failed != NULL)) {
        config_events_stop(outer);
    }
}

/* What else was found may be a consequence. */
static void failure_tell(struct config_loading *loading)
{
    config_errors_clear(&loading->errors);
    config_events_tell(loading->failed, &loading->errors);
    loading->is_outage = config_events_is_outage(loading->failed);
    config_events_free(loading->failed);
}

/* Reads what the environment changes, and goes back to the beginning of the
 * file. */
static void environment_read(struct config_loading *loading, int fd)
{
    loading->is_first_reading = true;
    events_read(loading, fd, 0);
    loading->is_first_reading = false;
    if (loading->failed != NULL || loading->has_no_memory) {
        return;
    }
    /* The second reading finds the errors again. */
    config_errors_clear(&loading->errors);
    if (config_environment_found(loading) && lseek(fd, 0, SEEK_SET) != 0) {
        config_errors_add(&loading->errors, HP_FILE_UNREADABLE,
                          (struct config_place){0},
                          "cannot be read twice, as an environment requires: "
                          "give the path of a file, not of a pipe");
    }
}

/* Reads the open main file. */
static void main_read(struct config_loading *loading, int fd)
{
    if (loading->config->environment != NULL) {
        environment_read(loading, fd);
    }
    if (loading->errors.count == 0 && loading->failed == NULL &&
        !loading->has_no_memory) {
        events_read(loading, fd, 0);
        config_overrides_finish(loading);
        loading->is_read = loading->failed == NULL;
    }
}

bool config_file_read_main(struct config_loading *loading)
{
    const char *path = loading->config->path;
    const struct config_place whole_file = {0};
    struct config_errors *errors = &loading->errors;
    struct stat status;
    loading->file_ids.item_size = sizeof(struct file_id);
    config_environments_init(loading);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) != 0) {
        loading->is_outage = errno_is_outage(errno);
        config_errors_add(errors, HP_FILE_UNREADABLE, whole_file,
                          "cannot be opened: %s: %s", strerror(errno),
                          open_advice(errno));
    } else if (size_check(errors, whole_file, &status) == 0 &&
               id_add(loading, &status) == 0) {
        main_read(loading, fd);
    }
    if (loading->failed != NULL) {
        failure_tell(loading);
    }
    if (fd >= 0) {
        close(fd);
    }
    return loading->is_read;
}

/* Included files */

/* How many files lead to a position. */
static int depth_of(const struct config *config, struct config_place place)
{
    int depth = 0;
    while (place.file != 0) {
        place = config->files[place.file].included_at;
        depth++;
    }
    return depth;
}

static int limits_check(struct config_loading *loading, const char *shown,
                        struct config_place place)
{
    struct config_errors *errors = &loading->errors;
    if (depth_of(loading->config, place) >= DEPTH_MAX) {
        return config_errors_add(errors, HP_INCLUDE_LIMIT, place,
                                 "include: %s: more than %d files include each "
                                 "other: include it from the main file",
                                 shown, DEPTH_MAX);
    }
    if (loading->config->file_count >= FILES_MAX) {
        return config_errors_add(errors, HP_INCLUDE_LIMIT, place,
                                 "include: %s: there are more than %d files: "
                                 "write several servers into one",
                                 shown, FILES_MAX);
    }
    return 0;
}

/* Refuses a file that is part of the configuration already, which also ends
 * loops. */
static int once_check(struct config_loading *loading, const char *shown,
                      struct config_place place, const struct stat *status)
{
    const struct config *config = loading->config;
    char first[CONFIG_PLACE_SIZE];
    for (size_t i = 0; i < loading->file_ids.count; i++) {
        const struct file_id *id = list_at(&loading->file_ids, i);
        if (id->device != status->st_dev || id->inode != status->st_ino) {
            continue;
        }
        if (i == 0) {
            return config_errors_add(&loading->errors, HP_INCLUDE_TWICE, place,
                                     "include: %s: it is the main file: remove "
                                     "it",
                                     shown);
        }
        return config_errors_add(
            &loading->errors, HP_INCLUDE_TWICE, place,
            "include: %s: it is already included in %s: remove one of them",
            shown,
            config_place_show(config, place, config->files[i].included_at,
                              first));
    }
    return 0;
}

/* Returns a descriptor or -1. A pipe would block. */
static int included_open(struct config_loading *loading, const char *path,
                         const char *shown, struct config_place place)
{
    struct stat status;
    struct config_errors *errors = &loading->errors;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0) {
        config_errors_add(errors, HP_INCLUDE_UNREADABLE, place,
                          "include: %s: cannot be opened: %s: %s", shown,
                          strerror(errno), open_advice(errno));
    } else if (!S_ISREG(status.st_mode)) {
        config_errors_add(errors, HP_INCLUDE_UNREADABLE, place,
                          "include: %s: it is not a file: give a pattern that "
                          "matches only files, like conf.d/*.yaml",
                          shown);
    } else if (size_check(errors, place, &status) == 0 &&
               once_check(loading, shown, place, &status) == 0 &&
               id_add(loading, &status) == 0) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

void config_file_include(struct config_loading *loading, const char *path,
                         struct config_place place)
{
    char shown[CONFIG_SHOW_SIZE];
    struct config *config = loading->config;
    config_quote(api_key_hide(path), shown);
    if (limits_check(loading, shown, place) != 0) {
        return;
    }
    const char *copy = arena_string(&config->arena, path);
    int fd = included_open(loading, path, shown, place);
    if (fd < 0) {
        return;
    }
    size_t index = config->file_count;
    if (copy == NULL) {
        config_loading_no_memory(loading);
    } else if (config_file_add(loading, copy, place) == 0) {
        events_read(loading, fd, index);
    }
    close(fd);
}
