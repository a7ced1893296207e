/*
 * exec_environment.h - the environment of a command: only what haplo-exec(5)
 * lists. What else haplo-poll has in its own, such as API keys, is kept from
 * it.
 */
#ifndef OUTLETS_EXEC_ENVIRONMENT_H
#define OUTLETS_EXEC_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "outlets/outlet.h"

/* Two names, an identity, a date and the numbers, with what each is called. */
#define EXEC_ENVIRONMENT_TEXT_SIZE (2 * HAPLO_NAME_SIZE_MAX + 512)

#define EXEC_INHERITED_COUNT 5

struct exec_environment {
    char **entries;                        /* owned: "NAME=value" ..., NULL */
    size_t count;                          /* of entries */
    size_t used;                           /* bytes of text */
    char text[EXEC_ENVIRONMENT_TEXT_SIZE]; /* the entries about the messages */
};

/* For count messages of a parcel, from the first undelivered one on, that are
 * passed as a batch or as one message. added: "NAME=value", or "NAME" for what
 * haplo-poll has; NULL: none. Borrows added and the process's environment.
 * Returns false if memory runs out. */
bool exec_environment_make(struct exec_environment *environment,
                           const char *const *added,
                           const struct outlet_parcel *parcel, size_t count,
                           bool is_batch, const char *inbox_uuid);

/* What any command inherits: those of PATH and so on that are set. Returns
 * their number. Borrows the process's environment. */
size_t exec_environment_inherited(char *entries[EXEC_INHERITED_COUNT]);

void exec_environment_free(struct exec_environment *environment);

#endif
