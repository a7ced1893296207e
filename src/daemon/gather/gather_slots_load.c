/*
 * gather_slots_load.c - loads the states of queues that come to this host:
 * another one may have changed them since.
 *
 *   - All slots that enter at one time are loaded together, from each inbox.
 *   - If an inbox fails, this is logged, and its queues begin with the states
 *     that are known: storing a batch compares states, so that an old one costs
 *     another fetch, and nothing else.
 */
#include "daemon/gather/gather_slots_private.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/log/log.h"

void slots_loading_clear(struct loading *loading)
{
    for (size_t i = 0; i < loading->name_count; i++) {
        free(loading->names[i]);
    }
    free(loading->names);
    free(loading->requests);
    loading->names = NULL;
    loading->name_count = 0;
    loading->requests = NULL;
}

/* They wait for nothing but their states. */
static bool has_to_load(const struct slot *slot, uint64_t now_ms)
{
    return slot->state == GATHER_SLOT_ENTERING && !slot->is_loaded &&
           !slot->is_loading && now_ms >= slot->due_ms &&
           !LIST_EMPTY(&slot->servers) && !slot_is_in_use(slot);
}

static void end_loading(struct gather_slots *slots)
{
    struct loading *loading = &slots->loading;
    for (unsigned i = 0; i < FLEET_SLOT_COUNT; i++) {
        struct slot *slot = &slots->slots[i];
        if (slot->is_loading) {
            slot->is_loading = false;
            slot->is_loaded = true;
        }
    }
    loading->was_told = loading->has_failed;
    slots_loading_clear(loading);
    slots_stir(slots);
}

static void note_failure(struct loading *loading, const char *why)
{
    if (!loading->has_failed && !loading->was_told) {
        log_line(LOG_LEVEL_WARNING,
                 "cannot load the newest states of queues that this host polls "
                 "now: %s: it may fetch batches that are stored already",
                 why);
    }
    loading->has_failed = true;
}

static void on_refreshed(struct inbox_refresh *refresh, int error,
                         const char *why)
{
    struct gather_slots *slots = refresh->data;
    if (error != 0) {
        note_failure(&slots->loading, why);
    }
    if (--slots->loading.pending_count == 0) {
        end_loading(slots);
    }
}

/* False if memory runs out. */
static bool add_names(struct loading *loading, const struct slot *slot,
                      size_t *capacity)
{
    const struct gather_server *server;
    LIST_FOREACH (server, &slot->servers, slot_link) {
        if (loading->name_count == *capacity) {
            *capacity = *capacity == 0 ? 64 : *capacity * 2;
            char **names =
                realloc(loading->names, *capacity * sizeof *loading->names);
            if (names == NULL) {
                return false;
            }
            loading->names = names;
        }
        loading->names[loading->name_count] = strdup(server->name);
        if (loading->names[loading->name_count] == NULL) {
            return false;
        }
        loading->name_count++;
    }
    return true;
}

static bool choose(struct gather_slots *slots)
{
    size_t capacity = 0;
    for (unsigned i = 0; i < FLEET_SLOT_COUNT; i++) {
        struct slot *slot = &slots->slots[i];
        slot->is_loading = has_to_load(slot, slots_now(slots));
        if (slot->is_loading && !add_names(&slots->loading, slot, &capacity)) {
            return false;
        }
    }
    slots->loading.requests = calloc(slots->gather->inboxes.count + 1,
                                     sizeof *slots->loading.requests);
    return slots->loading.requests != NULL;
}

static void ask_inboxes(struct gather_slots *slots)
{
    struct loading *loading = &slots->loading;
    const struct gather_inbox *inbox;
    size_t cursor = 0;
    size_t i = 0;
    loading->pending_count++; /* until all are asked */
    while ((inbox = name_table_next(&slots->gather->inboxes, &cursor))) {
        struct inbox_refresh *request = &loading->requests[i++];
        *request = (struct inbox_refresh){
            .servers = (const char *const *)loading->names,
            .server_count = loading->name_count,
            .refreshed_cb = on_refreshed,
            .data = slots,
        };
        int error = inbox->is_open ? inbox_refresh_start(inbox->inbox, request)
                                   : HAPLO_EBUSY;
        loading->pending_count += error == 0;
        if (error != 0) {
            note_failure(loading, haplo_error_text(error));
        }
    }
    if (--loading->pending_count == 0) {
        end_loading(slots);
    }
}

/* All slots that enter at one time are loaded together. */
void slots_load(struct gather_slots *slots)
{
    struct loading *loading = &slots->loading;
    if (loading->pending_count > 0) {
        return;
    }
    loading->has_failed = false;
    if (!choose(slots)) {
        note_failure(loading, "out of memory");
        end_loading(slots);
    } else if (loading->name_count > 0) {
        ask_inboxes(slots);
    } else {
        slots_loading_clear(loading);
    }
}
