/*
 * status_cells.h - members of the API's objects as cells of a table: ages and
 * colours on a terminal, times elsewhere.
 */
#ifndef DAEMON_STATUS_CELLS_H
#define DAEMON_STATUS_CELLS_H

#include "daemon/text/json_tree.h"
#include "daemon/text/table.h"

/* The colour of a health: "ok", "failing" ... */
enum terminal_style status_style(const char *health);

/* A text, "" if it is null. */
void status_put_text(struct table *table, const struct json_tree *item,
                     const char *name);

/* A state, in the colour of the object's health. */
void status_put_state(struct table *table, const struct json_tree *item,
                      const char *name);

/* Why a queue or server does not work; of a paused one, who paused it, and why;
 * of one that another host polls, which. */
void status_put_cause(struct table *table, const struct json_tree *item);

/* Counts and durations; "-" where they are not known. */
void status_put_number(struct table *table, const struct json_tree *item,
                       const char *name);
void status_put_duration(struct table *table, const struct json_tree *item,
                         const char *name);

/* How long ago it was, or will be: "3 min 12 s", or the time. "-": not known.
 */
void status_put_since(struct table *table, const struct json_tree *item,
                      const char *name, uint64_t now_ms);
void status_put_until(struct table *table, const struct json_tree *item,
                      const char *name, uint64_t now_ms);

#endif
