/*
 * view.h - reads an inbox for a command: see inbox_view.h.
 */
#ifndef INBOX_SQLITE_VIEW_H
#define INBOX_SQLITE_VIEW_H

#include <stddef.h>

struct inbox_view;

int sqlite_view(const char *path, const struct inbox_view *view, char *why,
                size_t why_size);

#endif
