#include "agenda.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_before(const struct agenda_entry *a,
                      const struct agenda_entry *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void make_room(struct agenda *agenda)
{
    if (agenda->count < agenda->capacity) {
        return;
    }
    agenda->capacity = agenda->capacity == 0 ? 256 : agenda->capacity * 2;
    agenda->entries =
        realloc(agenda->entries, agenda->capacity * sizeof *agenda->entries);
    if (agenda->entries == NULL) {
        fprintf(stderr, "sim: out of memory\n");
        exit(2);
    }
}

void agenda_add(struct agenda *agenda, struct agenda_entry entry)
{
    make_room(agenda);
    size_t at = agenda->count++;
    while (at > 0 && is_before(&entry, &agenda->entries[(at - 1) / 2])) {
        agenda->entries[at] = agenda->entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    agenda->entries[at] = entry;
}

bool agenda_take(struct agenda *agenda, struct agenda_entry *entry)
{
    if (agenda->count == 0) {
        return false;
    }
    *entry = agenda->entries[0];
    struct agenda_entry last = agenda->entries[--agenda->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= agenda->count) {
            break;
        }
        if (child + 1 < agenda->count &&
            is_before(&agenda->entries[child + 1], &agenda->entries[child])) {
            child++;
        }
        if (!is_before(&agenda->entries[child], &last)) {
            break;
        }
        agenda->entries[at] = agenda->entries[child];
        at = child;
    }
    if (agenda->count > 0) {
        agenda->entries[at] = last;
    }
    return true;
}

void agenda_free(struct agenda *agenda)
{
    free(agenda->entries);
    *agenda = (struct agenda){0};
}
