/*
 * dialect.h - how to talk to a server: the paths of a fetch and a mark, the
 * user that goes with an API key, and the field of the form that carries the
 * token. Most servers are as Haplo documents them. Others are reached through a
 * proxy that gives them a path, or have been modified.
 */
#ifndef POLLER_DIALECT_H
#define POLLER_DIALECT_H

#include "base/reason.h"
#include "haplopoll.h"

#define DIALECT_FETCH_PATH "/api/haplo-integration-messages/poll/{queue}/fetch"
#define DIALECT_MARK_PATH "/api/haplo-integration-messages/poll/{queue}/mark"
#define DIALECT_USER "haplo"
#define DIALECT_TOKEN_FIELD "token"

/* Bytes of a path with the name of a queue in it, NUL included. */
#define DIALECT_PATH_SIZE (2 * HAPLO_PATH_SIZE_MAX + HAPLO_NAME_SIZE_MAX + 1)

/* A path, in two parts: the name of the queue is between them. */
struct dialect_path {
    const char *head;
    const char *tail;
};

struct dialect {
    char *origin;              /* "https://HOST:PORT"; owns all others */
    struct dialect_path fetch; /* with the path of the URL in front */
    struct dialect_path mark;  /* likewise */
    const char *user;          /* before the colon, in front of an API key */
    const char *token_field;   /* before the "=" in the form of a mark */
};

/* Sets what the options leave out to its default. */
void dialect_defaults(struct haplo_server_options *options);

/* Checks all of these except the URL. 0, or HAPLO_EINVAL with why set. */
int dialect_check(const struct haplo_server_options *options,
                  struct reason *why);

/* Copies these and the URL, which have been checked. 0 or HAPLO_ENOMEM. */
int dialect_init(struct dialect *dialect,
                 const struct haplo_server_options *options);

void dialect_free(struct dialect *dialect);

/* Writes the path for a queue, which needs DIALECT_PATH_SIZE bytes. */
void dialect_path_write(char *to, const struct dialect_path *path,
                        const char *name);

#endif
