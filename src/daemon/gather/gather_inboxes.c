/*
 * gather_inboxes.c - opens and closes inboxes.
 *
 *   - At the start, all of them open at the same time. One that cannot be
 *     opened ends the start: gather_answered() has its error.
 *   - While the gather is at work, a reload opens and closes single ones. One
 *     that cannot be opened keeps the reason, and whoever has started it tries
 *     again.
 *   - At the end, all are closed. One that is still opening is closed when it
 *     has opened.
 */
#include "daemon/gather/gather_inboxes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gather/gather_space.h"
#include "daemon/log/log.h"
#include "daemon/observe/observer_feed.h"

#define PATH_SIZE_MAX 4300        /* a longer one cannot be opened */
#define ARRIVALS_FILE "arrivals." /* in state_dir; one for each inbox */

static const char *name_of(const void *inbox)
{
    return ((const struct gather_inbox *)inbox)->name;
}

void gather_inboxes_init(struct gather *gather)
{
    gather->inboxes.name_of = name_of;
}

/* The phase waits for it, or a reload does. */
static void answer(struct gather *gather, int error)
{
    if (gather->phase < GATHER_OPEN ||
        gather->phase == GATHER_CLOSING_INBOXES) {
        gather_answered(gather, error);
    } else {
        gather_stirred(gather);
    }
}

/* Closing */

static void on_closed(void *data)
{
    struct gather_inbox *inbox = data;
    inbox->inbox = NULL;
    inbox->is_closing = false;
    answer(inbox->gather, 0);
}

void gather_inbox_stop(struct gather_inbox *inbox)
{
    assert(inbox->is_open);
    inbox->is_open = false;
    inbox->is_closing = true;
    inbox_close(inbox->inbox, on_closed, inbox);
}

static void inbox_free(struct gather_inbox *inbox)
{
    free(inbox->name);
    free(inbox->why);
    free(inbox);
}

void gather_inbox_drop(struct gather_inbox *inbox)
{
    assert(inbox->inbox == NULL && inbox->user_count == 0);
    observer_feed_remove_inbox(inbox);
    name_table_remove(&inbox->gather->inboxes, inbox);
    inbox_free(inbox);
}

void gather_inboxes_close(struct gather *gather, bool are_counted)
{
    struct gather_inbox *inbox;
    size_t cursor = 0;
    while ((inbox = name_table_next(&gather->inboxes, &cursor)) != NULL) {
        if (inbox->is_open) {
            gather->pending_count++;
            gather_inbox_stop(inbox);
        } else if (inbox->is_closing || (inbox->is_opening && !are_counted)) {
            gather->pending_count++;
        }
    }
}

void gather_inboxes_free(struct gather *gather)
{
    struct gather_inbox *inbox;
    size_t cursor = 0;
    while ((inbox = name_table_next(&gather->inboxes, &cursor)) != NULL) {
        observer_feed_remove_inbox(inbox);
        inbox_free(inbox);
    }
    name_table_free(&gather->inboxes);
}

/* Opening */

/* Logs it, unless the same was logged when it was tried last. */
static void note_failure(struct gather_inbox *inbox, const char *why)
{
    const struct config_place place = inbox->config->place;
    if (inbox->why != NULL && strcmp(inbox->why, why) == 0) {
        return;
    }
    log_line(LOG_LEVEL_ERROR, "%s:%u:%u: inbox %s: %s",
             config_place_path(inbox->gather->config, place), place.line,
             place.column, inbox->name, why);
    free(inbox->why);
    inbox->why = strdup(why);
}

static void on_opened(struct inbox *opened, int error, const char *why,
                      void *data)
{
    struct gather_inbox *inbox = data;
    struct gather *gather = inbox->gather;
    inbox->is_opening = false;
    inbox->inbox = opened;
    if (error != 0) {
        note_failure(inbox, why);
    } else {
        free(inbox->why);
        inbox->why = NULL;
        inbox->is_open = true;
    }
    if (error == 0 && gather->phase == GATHER_CLOSING_INBOXES) {
        gather_inbox_stop(inbox);
        return;
    }
    if (error == 0) {
        observer_feed_opened(inbox);
        gather_space_listen(inbox);
    }
    answer(gather, error);
}

static void on_warning(struct inbox *inbox, const char *text, void *data)
{
    (void)inbox;
    const struct gather_inbox *own = data;
    observer_feed_inbox_warning(data, text);
    if (!own->gather->options.has_log) {
        log_line(LOG_LEVEL_WARNING, "%s", text);
    }
}

/* The limit of the poller covers all inboxes. Each gets an equal share, and
 * one share is for fetches in flight, so that an inbox that is down leaves
 * room for the others. */
static size_t share_of_bytes(const struct config *config)
{
    return config->undelivered_bytes_max / (config->inbox_count + 1);
}

void gather_inboxes_share(struct gather *gather)
{
    const struct gather_inbox *inbox;
    size_t cursor = 0;
    while ((inbox = name_table_next(&gather->inboxes, &cursor)) != NULL) {
        if (inbox->is_open) {
            inbox_set_undelivered_max(inbox->inbox,
                                      share_of_bytes(gather->config));
        }
    }
}

int gather_inbox_start(struct gather_inbox *inbox)
{
    char used_by[PATH_SIZE_MAX];
    char arrivals_path[PATH_SIZE_MAX];
    const struct config *config = inbox->gather->config;
    const struct inbox_options options = {
        .name = inbox->name,
        .type = inbox->config->type,
        .type_options = inbox->config->options,
        .used_by = used_by,
        .environment = config->environment != NULL ? config->environment : "",
        .arrivals_path = arrivals_path,
        .undelivered_bytes_max = share_of_bytes(config),
        .warning_cb = on_warning,
        .warning_data = inbox,
    };
    snprintf(used_by, sizeof used_by, "haplo-poll with state_dir %s",
             config->state_dir);
    snprintf(arrivals_path, sizeof arrivals_path, "%s/" ARRIVALS_FILE "%s",
             config->state_dir, inbox->name);
    inbox->inbox = inbox_open(inbox->gather->loop, &options, on_opened, inbox);
    inbox->is_opening = inbox->inbox != NULL;
    return inbox->is_opening ? 0 : HAPLO_ENOMEM;
}

struct gather_inbox *gather_inbox_make(struct gather *gather,
                                       const struct config_inbox *config)
{
    struct gather_inbox *inbox = calloc(1, sizeof *inbox);
    if (inbox == NULL) {
        return NULL;
    }
    inbox->gather = gather;
    inbox->config = config;
    inbox->name = strdup(config->name);
    if (inbox->name == NULL || name_table_add(&gather->inboxes, inbox) != 0) {
        inbox_free(inbox);
        return NULL;
    }
    observer_feed_add_inbox(inbox);
    return inbox;
}

static bool is_wanted(const struct gather *gather,
                      const struct config_inbox *inbox)
{
    const struct config_outlet *outlet = gather->options.only_outlet;
    return !gather_is_restricted(gather) ||
           gather->options.only_inbox == inbox ||
           (outlet != NULL && outlet->inbox == inbox);
}

static int make_and_start(struct gather *gather,
                          const struct config_inbox *config)
{
    struct gather_inbox *inbox = gather_inbox_make(gather, config);
    int error = inbox == NULL ? HAPLO_ENOMEM : gather_inbox_start(inbox);
    if (error != 0) {
        log_line(LOG_LEVEL_ERROR, "inbox %s: out of memory", config->name);
        return error;
    }
    gather->pending_count++;
    return 0;
}

int gather_inboxes_open(struct gather *gather)
{
    const struct config *config = gather->config;
    int error = 0;
    for (size_t i = 0; error == 0 && i < config->inbox_count; i++) {
        if (is_wanted(gather, &config->inboxes[i])) {
            error = make_and_start(gather, &config->inboxes[i]);
        }
    }
    return error;
}
