/*
 * inbox_types.c - the registry of inbox types. To add a kind of database, add
 * a folder next to sqlite/ and a row here. The Makefile defines HAPLO_TYPE_x
 * if the library of the optional type x was found.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/reason.h"
#include "inbox/inbox.h"
#include "inbox/inbox_view.h"
#ifdef HAPLO_TYPE_postgres
#include "inbox/postgres/postgres_inbox.h"
#endif
#include "inbox/sqlite/sqlite_inbox.h"

#define REGISTERED_COUNT_MAX 4 /* types added by inbox_type_register() */

static const struct inbox_type *const own[] = {
    &inbox_sqlite_type,
#ifdef HAPLO_TYPE_postgres
    &inbox_postgres_type,
#endif
};

static const struct inbox_type *registered[REGISTERED_COUNT_MAX];
static size_t registered_count;

const struct inbox_type *inbox_type_at(size_t index)
{
    const size_t own_count = sizeof(own) / sizeof(own[0]);

    if (index < own_count) {
        return own[index];
    }
    index -= own_count;
    return index < registered_count ? registered[index] : NULL;
}

const struct inbox_type *inbox_type_find(const char *name)
{
    const struct inbox_type *type;

    for (size_t i = 0; (type = inbox_type_at(i)) != NULL; i++) {
        if (strcmp(type->name, name) == 0) {
            return type;
        }
    }
    return NULL;
}

const char *inbox_type_needs(const char *name)
{
    return strcmp(name, "postgres") == 0 ? "libpq" : NULL;
}

void inbox_type_register(const struct inbox_type *type)
{
    assert(inbox_type_find(type->name) == NULL);
    assert(registered_count < REGISTERED_COUNT_MAX);
    registered[registered_count++] = type;
}

int inbox_backup(const struct inbox_type *type, const void *type_options,
                 const char *path, char *why, size_t why_size)
{
    if (type->backup == NULL) {
        return reason_write(
            why, why_size, HAPLO_EINVAL,
            "inboxes of type %s are backed up by the tools of their "
            "database",
            type->name);
    }
    return type->backup(type_options, path, why, why_size);
}

int inbox_view(const struct inbox_type *type, const void *type_options,
               const struct inbox_view *view, char *why, size_t why_size)
{
    if (type->view == NULL) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "inboxes of type %s are read by the tools of "
                            "their database",
                            type->name);
    }
    return type->view(type_options, view, why, why_size);
}

int inbox_migrate(const struct inbox_type *type, const void *type_options,
                  const char *owner, const char *writer, char *text,
                  size_t text_size)
{
    if (type->migrate == NULL) {
        return reason_write(text, text_size, 0,
                            "nothing to do: inboxes of type %s are created and "
                            "upgraded when they are opened",
                            type->name);
    }
    return type->migrate(type_options, owner, writer, text, text_size);
}
