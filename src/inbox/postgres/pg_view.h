/*
 * pg_view.h - reads an inbox for a command: see inbox_view.h.
 */
#ifndef INBOX_POSTGRES_PG_VIEW_H
#define INBOX_POSTGRES_PG_VIEW_H

#include <stddef.h>

struct inbox_view;

/* Connects, and blocks. Returns 0, or HAPLO_E* with one line in why. */
int pg_view(const char *conninfo, const char *schema,
            const struct inbox_view *view, char *why, size_t why_size);

#endif
