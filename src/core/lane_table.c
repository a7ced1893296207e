#include "core/lane_table.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "haplopoll.h"

#define CAPACITY_MIN 64

/* Ids of queues are almost consecutive, so they spread well without hashing. */
static struct lane **slot_of(const struct lane_table *table, uint64_t queue_id)
{
    return &table->slots[queue_id & (table->capacity - 1)];
}

static void slot_push(struct lane_table *table, struct lane *lane)
{
    struct lane **slot = slot_of(table, lane->queue_id);
    lane->next = *slot;
    *slot = lane;
}

static int lane_table_grow(struct lane_table *table)
{
    struct lane_table larger = {
        .capacity = table->capacity == 0 ? CAPACITY_MIN : 2 * table->capacity,
        .count = table->count,
    };
    larger.slots = alloc_zeroed(larger.capacity, sizeof(struct lane *));
    if (larger.slots == NULL) {
        return HAPLO_ENOMEM;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        struct lane *lane = table->slots[i];
        while (lane != NULL) {
            struct lane *next = lane->next;
            slot_push(&larger, lane);
            lane = next;
        }
    }
    alloc_free(table->slots);
    *table = larger;
    return 0;
}

struct lane *lane_table_find(const struct lane_table *table, uint64_t queue_id)
{
    struct lane *lane = table->count > 0 ? *slot_of(table, queue_id) : NULL;
    while (lane != NULL && lane->queue_id != queue_id) {
        lane = lane->next;
    }
    return lane;
}

int lane_table_add(struct lane_table *table, struct lane *lane)
{
    if (table->count == table->capacity && lane_table_grow(table) != 0) {
        return HAPLO_ENOMEM;
    }
    slot_push(table, lane);
    table->count++;
    return 0;
}

void lane_table_remove(struct lane_table *table, struct lane *lane)
{
    struct lane **at = slot_of(table, lane->queue_id);
    while (*at != lane) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = lane->next;
    table->count--;
}

struct lane *lane_table_next(const struct lane_table *table,
                             const struct lane *lane)
{
    size_t index = 0;
    if (lane != NULL && lane->next != NULL) {
        return lane->next;
    }
    if (lane != NULL) {
        index = (lane->queue_id & (table->capacity - 1)) + 1;
    }
    for (; table->count > 0 && index < table->capacity; index++) {
        if (table->slots[index] != NULL) {
            return table->slots[index];
        }
    }
    return NULL;
}

struct lane *lane_table_any(const struct lane_table *table)
{
    for (size_t i = 0; i < table->capacity && table->count > 0; i++) {
        if (table->slots[i] != NULL) {
            return table->slots[i];
        }
    }
    return NULL;
}

struct lane *lane_table_find_name(const struct lane_table *table,
                                  const char *server, const char *queue)
{
    for (size_t i = 0; i < table->capacity; i++) {
        for (struct lane *lane = table->slots[i]; lane != NULL;
             lane = lane->next) {
            if (strcmp(lane->server, server) == 0 &&
                strcmp(lane->queue, queue) == 0) {
                return lane;
            }
        }
    }
    return NULL;
}

void lane_table_free(struct lane_table *table)
{
    alloc_free(table->slots);
    *table = (struct lane_table){.slots = NULL};
}
