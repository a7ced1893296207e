#include "inbox/postgres/pg_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct pg_watch {
    uv_poll_t poll;       /* of descriptor */
    int descriptor;       /* owned; the duplicate */
    ino_t identity;       /* of the socket behind it */
    pg_watch_cb ready_cb; /* of the owner */
    void *data;           /* for ready_cb */
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct pg_watch *watch = poll->data;

    (void)status; /* libpq finds out what has failed */
    (void)events;
    watch->ready_cb(watch->data);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void pg_watch_close(struct pg_watch **watch)
{
    if (*watch != NULL) {
        uv_close((uv_handle_t *)&(*watch)->poll, on_closed);
        close((*watch)->descriptor); /* no longer polled */
        *watch = NULL;
    }
}

/* NULL: with *error, one of libuv. */
static struct pg_watch *watch_open(uv_loop_t *loop, int socket, ino_t identity,
                                   int *error)
{
    struct pg_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL) {
        *error = UV_ENOMEM;
        return NULL;
    }
    watch->identity = identity;
    watch->descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 3);
    if (watch->descriptor < 0) {
        *error = uv_translate_sys_error(errno);
        free(watch);
        return NULL;
    }
    *error = uv_poll_init(loop, &watch->poll, watch->descriptor);
    if (*error != 0) {
        close(watch->descriptor);
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    return watch;
}

int pg_watch_start(struct pg_watch **watch, uv_loop_t *loop, int socket,
                   int events, pg_watch_cb ready_cb, void *data)
{
    struct stat status;
    int error;

    if (fstat(socket, &status) != 0) {
        error = uv_translate_sys_error(errno);
        pg_watch_close(watch);
        return error;
    }
    if (*watch != NULL && (*watch)->identity != status.st_ino) {
        pg_watch_close(watch);
    }
    if (*watch == NULL) {
        *watch = watch_open(loop, socket, status.st_ino, &error);
        if (*watch == NULL) {
            return error;
        }
    }
    (*watch)->ready_cb = ready_cb;
    (*watch)->data = data;
    error = uv_poll_start(&(*watch)->poll, events, on_poll);
    if (error != 0) {
        pg_watch_close(watch);
    }
    return error;
}
