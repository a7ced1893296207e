/*
 * observer_outlet.c - what is noted of outlets, their lanes, and inboxes. A
 * lane exists here only while it is in trouble.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/observe/observer.h"
#include "daemon/observe/observer_private.h"
#include "haplopoll.h"

/* "OUTLET: SERVER/QUEUE" */
#define LANE_NAME_SIZE (3 * HAPLO_NAME_SIZE_MAX + 8)

static const char *lane_name(char name[LANE_NAME_SIZE], const char *outlet,
                             const char *server, const char *queue)
{
    snprintf(name, LANE_NAME_SIZE, "%s: %s/%s", outlet, server, queue);
    return name;
}

/* Lanes */

const struct observer_lane *observer_lane_find(const struct observer *observer,
                                               const char *outlet,
                                               const char *server,
                                               const char *queue)
{
    char name[LANE_NAME_SIZE];
    return name_table_find(&observer->lanes,
                           lane_name(name, outlet, server, queue));
}

static void lane_free(struct observer *observer, struct observer_lane *lane)
{
    name_table_remove(&observer->lanes, lane);
    free(lane->name);
    free(lane->text);
    free(lane);
}

/* NULL if memory runs out. */
static struct observer_lane *lane_make(struct observer *observer,
                                       const char *name, uint64_t now_ms)
{
    struct observer_lane *lane = calloc(1, sizeof *lane);
    if (lane == NULL) {
        return NULL;
    }
    lane->state = OBSERVER_OUTLET_WORKING;
    lane->began_ms = now_ms;
    lane->since_ms = now_ms;
    lane->name = strdup(name);
    if (lane->name == NULL || name_table_add(&observer->lanes, lane) != 0) {
        free(lane->name);
        free(lane);
        return NULL;
    }
    return lane;
}

static void lane_report(struct observer *observer,
                        struct observer_outlet *outlet, const char *server,
                        const char *queue, struct observer_lane *lane,
                        const struct transition *change,
                        const struct observer_note *note)
{
    struct transition transition = *change;
    transition.previous_id = outlet->newest_id;
    transition.at_ms = note->now_ms;
    transition.error = note->error;
    transition.delay_ms = note->delay_ms;
    transition.arrival = note->arrival;
    transition.text = note->text;
    transition.log = lane == NULL ? NULL : &lane->log;
    if (server == NULL) {
        transition.kind = TRANSITION_OUTLET;
        transition.name = outlet->name;
        transition.reason = &outlet->text;
    } else {
        transition.kind = TRANSITION_LANE;
        transition.outlet = outlet->name;
        transition.server = server;
        transition.name = queue;
    }
    outlet->newest_id = observer_report(observer, &transition);
}

static void lane_worked(struct observer *observer,
                        struct observer_outlet *outlet, const char *server,
                        const char *queue, struct observer_lane *lane,
                        const struct observer_note *note)
{
    struct transition change = {
        .from = observer_outlet_label(lane->state),
        .to = observer_outlet_label(OBSERVER_OUTLET_WORKING),
        .failures = lane->in_a_row,
        .lasted_ms =
            note->now_ms > lane->began_ms ? note->now_ms - lane->began_ms : 0,
    };
    lane_report(observer, outlet, server, queue, lane, &change, note);
    lane_free(observer, lane);
}

void observer_outlet_forget_lane(struct observer *observer,
                                 struct observer_outlet *outlet,
                                 const char *server, const char *queue,
                                 const struct observer_note *note)
{
    char name[LANE_NAME_SIZE];
    struct observer_lane *lane = name_table_find(
        &observer->lanes, lane_name(name, outlet->name, server, queue));
    if (lane == NULL) {
        return;
    }
    lane_report(observer, outlet, server, queue, lane,
                &(struct transition){.from = observer_outlet_label(lane->state),
                                     .to = "removed"},
                note);
    lane_free(observer, lane);
}

static void lane_enter(struct observer *observer,
                       struct observer_outlet *outlet, const char *server,
                       const char *queue, enum observer_outlet_state state,
                       const struct observer_note *note)
{
    char name[LANE_NAME_SIZE];
    struct observer_lane *lane = name_table_find(
        &observer->lanes, lane_name(name, outlet->name, server, queue));
    if (state == OBSERVER_OUTLET_WORKING) {
        if (lane != NULL) {
            lane_worked(observer, outlet, server, queue, lane, note);
        }
        return;
    }
    outlet->failures[state]++;
    outlet->refused_count += state == OBSERVER_OUTLET_BLOCKED;
    if (lane == NULL) {
        lane = lane_make(observer, name, note->now_ms);
    }
    enum observer_outlet_state before =
        lane == NULL ? OBSERVER_OUTLET_WORKING : lane->state;
    if (lane != NULL) {
        lane->in_a_row++;
        lane->arrival = note->arrival;
        lane->since_ms = before == state ? lane->since_ms : note->now_ms;
        lane->state = state;
        observer_set_text(&lane->text, note->text);
    }
    if (before != state) {
        lane_report(observer, outlet, server, queue, lane,
                    &(struct transition){
                        .from = observer_outlet_label(before),
                        .to = observer_outlet_label(state),
                        .failures = lane == NULL ? 1 : lane->in_a_row,
                    },
                    note);
    }
}

/* Outlets */

void observer_outlet_add(struct observer_outlet *outlet, const char *name,
                         uint64_t now_ms)
{
    *outlet = (struct observer_outlet){
        .name = name, .state = OBSERVER_OUTLET_WORKING, .since_ms = now_ms};
}

/* True if the lane belongs to the outlet. */
static bool is_lane_of(const struct observer_lane *lane, const char *outlet)
{
    size_t size = strlen(outlet);
    return strncmp(lane->name, outlet, size) == 0 && lane->name[size] == ':';
}

/* Removing one moves others in the table, so the search starts again. */
void observer_outlet_reset(struct observer *observer,
                           struct observer_outlet *outlet)
{
    const struct transition removed = {.from = "waiting", .to = "removed"};
    const struct observer_note note = {0};
    struct observer_lane *lane;
    size_t cursor = 0;
    while ((lane = name_table_next(&observer->lanes, &cursor)) != NULL) {
        if (is_lane_of(lane, outlet->name)) {
            lane_report(observer, outlet, "", lane->name, lane, &removed,
                        &note);
            lane_free(observer, lane);
            cursor = 0;
        }
    }
}

void observer_outlet_remove(struct observer *observer,
                            struct observer_outlet *outlet)
{
    const struct transition removed = {.from = "waiting", .to = "removed"};
    observer_outlet_reset(observer, outlet);
    if (outlet->state != OBSERVER_OUTLET_WORKING) {
        lane_report(observer, outlet, NULL, NULL, NULL, &removed,
                    &(struct observer_note){0});
    }
    free(outlet->text);
    outlet->text = NULL;
}

void observer_outlet_enter(struct observer *observer,
                           struct observer_outlet *outlet, const char *server,
                           const char *queue, enum observer_outlet_state state,
                           const struct observer_note *note)
{
    if (server != NULL) {
        lane_enter(observer, outlet, server, queue, state, note);
        return;
    }
    enum observer_outlet_state before = outlet->state;
    bool works = state == OBSERVER_OUTLET_WORKING;
    uint64_t lasted_ms = works && note->now_ms > outlet->since_ms
                             ? note->now_ms - outlet->since_ms
                             : 0;
    outlet->failures[state]++;
    observer_set_text(&outlet->text, note->text);
    if (before != state) {
        outlet->state = state;
        outlet->since_ms = note->now_ms;
        lane_report(observer, outlet, NULL, NULL, NULL,
                    &(struct transition){
                        .from = observer_outlet_label(before),
                        .to = observer_outlet_label(state),
                        .lasted_ms = lasted_ms,
                    },
                    note);
    }
}

void observer_outlet_tell(struct observer *observer,
                          struct observer_outlet *outlet, const char *server,
                          const char *queue, const char *label,
                          const struct observer_note *note)
{
    outlet->refused_count += strcmp(label, "dead_letter") == 0;
    lane_report(observer, outlet, server, queue, NULL,
                &(struct transition){
                    .from = observer_outlet_label(outlet->state), .to = label},
                note);
}

/* Inboxes */

void observer_inbox_add(struct observer_inbox *inbox, const char *name,
                        uint64_t now_ms)
{
    *inbox = (struct observer_inbox){
        .name = name, .state = OBSERVER_INBOX_WORKING, .since_ms = now_ms};
}

static void inbox_report(struct observer *observer,
                         struct observer_inbox *inbox, const char *from,
                         const char *to, const struct observer_note *note,
                         uint64_t lasted_ms)
{
    inbox->newest_id =
        observer_report(observer, &(struct transition){
                                      .previous_id = inbox->newest_id,
                                      .at_ms = note->now_ms,
                                      .kind = TRANSITION_INBOX,
                                      .from = from,
                                      .to = to,
                                      .error = note->error,
                                      .lasted_ms = lasted_ms,
                                      .name = inbox->name,
                                      .reason = &inbox->text,
                                      .text = note->text,
                                  });
}

void observer_inbox_remove(struct observer *observer,
                           struct observer_inbox *inbox)
{
    if (inbox->state != OBSERVER_INBOX_WORKING) {
        inbox_report(observer, inbox, observer_inbox_label(inbox->state),
                     "removed", &(struct observer_note){0}, 0);
    }
    free(inbox->text);
    inbox->text = NULL;
}

void observer_inbox_enter(struct observer *observer,
                          struct observer_inbox *inbox,
                          enum observer_inbox_state state,
                          const struct observer_note *note)
{
    enum observer_inbox_state before = inbox->state;
    uint64_t lasted_ms =
        state == OBSERVER_INBOX_WORKING && note->now_ms > inbox->since_ms
            ? note->now_ms - inbox->since_ms
            : 0;
    observer_set_text(&inbox->text, note->text);
    if (before != state) {
        inbox->state = state;
        inbox->since_ms = note->now_ms;
        inbox_report(observer, inbox, observer_inbox_label(before),
                     observer_inbox_label(state), note, lasted_ms);
    }
}

void observer_inbox_warn(struct observer *observer,
                         struct observer_inbox *inbox,
                         const struct observer_note *note)
{
    inbox->warning_count++;
    inbox_report(observer, inbox, observer_inbox_label(inbox->state), "warning",
                 note, 0);
}

void observer_inbox_committed(struct observer_inbox *inbox,
                              uint64_t duration_us)
{
    static const uint64_t bounds_ms[] = OBSERVER_COMMIT_BOUNDS;
    size_t bucket = 0;
    while (bucket < OBSERVER_COMMIT_BUCKET_COUNT - 1 &&
           duration_us > bounds_ms[bucket] * 1000) {
        bucket++;
    }
    inbox->commits[bucket]++;
    inbox->commit_sum_us += duration_us;
}
