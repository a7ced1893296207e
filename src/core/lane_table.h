/*
 * lane_table.h - finds a lane by the id of its queue. It uses chaining,
 * because lanes are added and removed all the time.
 */
#ifndef CORE_LANE_TABLE_H
#define CORE_LANE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "core/lane.h"

/* Zeroed: empty. */
struct lane_table {
    struct lane **slots; /* owned; each a list of borrowed lanes */
    size_t capacity;     /* number of slots: a power of 2, or 0 */
    size_t count;        /* lanes in it */
};

/* NULL if there is none. */
struct lane *lane_table_find(const struct lane_table *table, uint64_t queue_id);

/* Adds a lane whose queue is not in the table. 0 or HAPLO_ENOMEM. */
int lane_table_add(struct lane_table *table, struct lane *lane);

/* Removes a lane that is in it. */
void lane_table_remove(struct lane_table *table, struct lane *lane);

/* The lane after this one, in any order; NULL: the first one. NULL if there is
 * none. To be asked before a lane is removed. */
struct lane *lane_table_next(const struct lane_table *table,
                             const struct lane *lane);

/* Any lane, for emptying the table; NULL if there is none. */
struct lane *lane_table_any(const struct lane_table *table);

/* Finds a lane by name, with a linear search; NULL if there is none. */
struct lane *lane_table_find_name(const struct lane_table *table,
                                  const char *server, const char *queue);

/* Frees its memory; the table is empty afterwards. */
void lane_table_free(struct lane_table *table);

#endif
