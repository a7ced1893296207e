#include "daemon/observe/history.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Appends a string to the memory of a transition, and returns where it is. */
static const char *put(char **end, const char *text)
{
    char *start = *end;
    size_t size = strlen(text) + 1;
    memcpy(start, text, size);
    *end += size;
    return start;
}

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

/* All its strings, one after the other. False if memory runs out. */
static bool copy_strings(struct transition *to, const struct transition *from)
{
    const char *server = or_empty(from->server);
    const char *name = or_empty(from->name);
    const char *outlet = or_empty(from->outlet);
    const char *inbox = or_empty(from->inbox);
    const char *text = or_empty(from->text);
    char *end = malloc(strlen(server) + strlen(name) + strlen(outlet) +
                       strlen(inbox) + strlen(text) + 5);
    if (end == NULL) {
        return false;
    }
    to->memory = end;
    to->server = put(&end, server);
    to->name = put(&end, name);
    to->outlet = put(&end, outlet);
    to->inbox = put(&end, inbox);
    to->text = put(&end, text);
    return true;
}

static struct transition *slot_of(const struct history *history, uint64_t id)
{
    return &history->ring[id % history->capacity];
}

static bool has_ring(struct history *history)
{
    if (history->ring == NULL) {
        history->ring = calloc(HISTORY_COUNT_MAX, sizeof *history->ring);
        history->capacity = history->ring == NULL ? 0 : HISTORY_COUNT_MAX;
    }
    return history->ring != NULL;
}

uint64_t history_add(struct history *history,
                     const struct transition *transition)
{
    uint64_t id = ++history->newest_id;
    if (!has_ring(history)) {
        return id;
    }
    struct transition *slot = slot_of(history, id);
    free(slot->memory);
    *slot = *transition;
    slot->id = id;
    slot->at = NULL;
    slot->reason = NULL;
    slot->log = NULL;
    slot->memory = NULL;
    if (!copy_strings(slot, transition)) {
        *slot = (struct transition){0};
    }
    return id;
}

const struct transition *history_find(const struct history *history,
                                      uint64_t id)
{
    if (id == 0 || history->ring == NULL) {
        return NULL;
    }
    const struct transition *slot = slot_of(history, id);
    return slot->id == id ? slot : NULL;
}

uint64_t history_oldest_id(const struct history *history)
{
    return history->newest_id <= HISTORY_COUNT_MAX
               ? 1
               : history->newest_id - HISTORY_COUNT_MAX + 1;
}

void history_free(struct history *history)
{
    for (size_t i = 0; i < history->capacity; i++) {
        free(history->ring[i].memory);
    }
    free(history->ring);
    *history = (struct history){0};
}
