/*
 * pg_fleet_view.h - the fleet for commands: see inbox_fleet.h. Both connect,
 * and block. They return 0, or HAPLO_E* with one line in why or text.
 */
#ifndef INBOX_POSTGRES_PG_FLEET_VIEW_H
#define INBOX_POSTGRES_PG_FLEET_VIEW_H

#include <stdbool.h>
#include <stddef.h>

struct inbox_fleet_view;

int pg_fleet_view(const char *conninfo, const char *schema,
                  struct inbox_fleet_view *view, char *why, size_t why_size);

int pg_fleet_drain(const char *conninfo, const char *schema, const char *host,
                   bool is_draining, char *text, size_t text_size);

#endif
