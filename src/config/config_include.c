/*
 * config_include.c - the key include: patterns of files whose servers, inboxes
 * and outlets belong to the configuration as well.
 *
 *   - A pattern is relative to the folder of the file that it is in.
 *   - The files that it matches are read at once, in the order of their names.
 *
 * A pattern that matches nothing is fine: nobody has written a file yet. A path
 * without wildcards names a file that must exist.
 */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_file.h"
#include "config/config_mapping.h"

/* Of the newest glob(), whose callback has no argument of its own. */
static _Thread_local int glob_errno;

/* A folder that cannot be read may have files in it. */
static int on_glob_error(const char *path, int number)
{
    (void)path;
    if (number == ENOENT || number == ENOTDIR) {
        return 0;
    }
    glob_errno = number;
    return 1;
}

/* Appends text with a backslash before each wildcard. */
static char *escape(char *to, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (strchr("*?[]\\", text[i]) != NULL) {
            *to++ = '\\';
        }
        *to++ = text[i];
    }
    return to;
}

/* The pattern with the folder of the file in front of it. NULL if memory runs
 * out. */
static char *pattern_make(struct config_loading *loading, const char *pattern,
                          struct config_place place, bool is_glob)
{
    const char *path = config_place_path(loading->config, place);
    const char *slash = strrchr(path, '/');
    size_t size =
        pattern[0] != '/' && slash != NULL ? (size_t)(slash + 1 - path) : 0;
    char *whole = arena_room(&loading->arena, 2 * size + strlen(pattern) + 1);
    if (whole == NULL) {
        return NULL;
    }
    char *end =
        is_glob ? escape(whole, path, size) : mempcpy(whole, path, size);
    strcpy(end, pattern);
    return whole;
}

static void matches_include(struct config_loading *loading, const char *whole,
                            struct config_place place)
{
    glob_t found = {0};
    char shown[CONFIG_SHOW_SIZE];
    switch (glob(whole, 0, on_glob_error, &found)) {
    case 0:
        for (size_t i = 0; i < found.gl_pathc && loading->failed == NULL; i++) {
            config_file_include(loading, found.gl_pathv[i], place);
        }
        break;
    case GLOB_NOMATCH:
        break;
    case GLOB_ABORTED:
        config_errors_add(&loading->errors, HP_INCLUDE_UNREADABLE, place,
                          "include: %s: its folder cannot be read: %s: give "
                          "this user permission to read it",
                          config_quote(whole, shown), strerror(glob_errno));
        break;
    default:
        config_loading_no_memory(loading);
        break;
    }
    globfree(&found);
}

/* Includes what a pattern stands for. */
static void pattern_include(const struct config_mapping *mapping,
                            const struct config_event *event)
{
    struct config_loading *loading = mapping->loading;
    const char *pattern = event->text;
    if (pattern[0] == '\0') {
        const struct config_pair at = {.place = event->place};
        config_mapping_fail(mapping, HP_VALUE_EMPTY, &at,
                            "include: it is empty: write a path, or a pattern "
                            "like conf.d/*.yaml");
        return;
    }
    bool is_glob = strpbrk(pattern, "*?[") != NULL;
    char *whole = pattern_make(loading, pattern, event->place, is_glob);
    if (whole == NULL) {
        config_loading_no_memory(loading);
    } else if (is_glob) {
        matches_include(loading, whole, event->place);
    } else {
        config_file_include(loading, whole, event->place);
    }
}

static void value_include(const struct config_mapping *mapping,
                          struct config_event *event)
{
    const struct config_pair at = {.place = event->place};
    if (event->kind == CONFIG_EVENT_VALUE) {
        pattern_include(mapping, event);
        free(event->text);
        return;
    }
    config_mapping_fail(mapping, HP_VALUE_SHAPE, &at,
                        "include: it is neither a path nor a list of paths: "
                        "write one, like conf.d/*.yaml");
    config_events_skip(mapping->loading->events, event);
}

void config_include_read(const struct config_mapping *mapping,
                         struct config_event *event)
{
    struct config_loading *loading = mapping->loading;
    if (event->kind != CONFIG_EVENT_LIST) {
        value_include(mapping, event);
        return;
    }
    for (;;) {
        config_events_next(loading->events, event);
        if (event->kind == CONFIG_EVENT_LIST_END ||
            event->kind == CONFIG_EVENT_END) {
            return;
        }
        value_include(mapping, event);
    }
}
