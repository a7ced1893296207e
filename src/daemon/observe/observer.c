#include "daemon/observe/observer.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/observe/observer_private.h"

/* Labels and texts: one function each from the maps of the header. */

#define LABEL(name, label, text) label,
#define TEXT(name, label, text) text,

const char *observer_queue_label(enum observer_queue_state state)
{
    static const char *const labels[] = {OBSERVER_QUEUE_MAP(LABEL)};
    return labels[state];
}

const char *observer_server_label(enum observer_server_state state)
{
    static const char *const labels[] = {OBSERVER_SERVER_MAP(LABEL)};
    return labels[state];
}

const char *observer_server_text(enum observer_server_state state)
{
    static const char *const texts[] = {OBSERVER_SERVER_MAP(TEXT)};
    return texts[state];
}

const char *observer_outlet_label(enum observer_outlet_state state)
{
    static const char *const labels[] = {OBSERVER_OUTLET_MAP(LABEL)};
    return labels[state];
}

const char *observer_outlet_text(enum observer_outlet_state state)
{
    static const char *const texts[] = {OBSERVER_OUTLET_MAP(TEXT)};
    return texts[state];
}

const char *observer_inbox_label(enum observer_inbox_state state)
{
    static const char *const labels[] = {OBSERVER_INBOX_MAP(LABEL)};
    return labels[state];
}

const char *observer_inbox_text(enum observer_inbox_state state)
{
    static const char *const texts[] = {OBSERVER_INBOX_MAP(TEXT)};
    return texts[state];
}

/* Shared */

const char *observer_note_text(const struct observer_note *note)
{
    return note->text == NULL ? "" : note->text;
}

void observer_set_text(char **text, const char *to)
{
    if (*text != NULL && to != NULL && strcmp(*text, to) == 0) {
        return;
    }
    free(*text);
    *text = to == NULL || to[0] == '\0' ? NULL : strdup(to);
}

/* A listener may be removed while it is called, but no other one. */
uint64_t observer_report(struct observer *observer,
                         const struct transition *transition)
{
    struct transition reported = *transition;
    struct observer_listener *listener;
    struct observer_listener *next;
    reported.id = history_add(&observer->history, transition);
    for (listener = LIST_FIRST(&observer->listeners); listener != NULL;
         listener = next) {
        next = LIST_NEXT(listener, link);
        listener->transition_cb(listener, &reported);
    }
    return reported.id;
}

/* The observer itself */

static const char *lane_name_of(const void *lane)
{
    return ((const struct observer_lane *)lane)->name;
}

void observer_init(struct observer *observer, uint64_t now_ms)
{
    *observer = (struct observer){
        .started_ms = now_ms,
        .lanes.name_of = lane_name_of,
        .generation = 1,
        .reloaded_ms = now_ms,
    };
    LIST_INIT(&observer->listeners);
}

void observer_free(struct observer *observer)
{
    struct observer_lane *lane;
    size_t cursor = 0;
    while ((lane = name_table_next(&observer->lanes, &cursor)) != NULL) {
        free(lane->name);
        free(lane->text);
        free(lane);
    }
    name_table_free(&observer->lanes);
    observer_fleet_free(observer);
    history_free(&observer->history);
}

void observer_listen(struct observer *observer,
                     struct observer_listener *listener)
{
    LIST_INSERT_HEAD(&observer->listeners, listener, link);
}

void observer_unlisten(struct observer_listener *listener)
{
    LIST_REMOVE(listener, link);
}

void observer_reloaded(struct observer *observer,
                       const struct observer_note *note)
{
    observer->is_reload_failing = note->error != 0;
    if (note->error == 0) {
        observer->generation++;
        observer->reloaded_ms = note->now_ms;
    } else {
        observer->reject_count++;
    }
    observer_report(observer,
                    &(struct transition){
                        .at_ms = note->now_ms,
                        .kind = TRANSITION_CONFIG,
                        .from = "loaded",
                        .to = note->error == 0 ? "loaded" : "rejected",
                        .error = note->error,
                        .text = note->text,
                    });
}
