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

static int watch_open(struct pg_watch **watch, uv_loop_t *loop, int socket,
                      ino_t identity)
{
    struct pg_watch *opened = calloc(1, sizeof(*opened));
    int error;

    if (opened == NULL) {
        return UV_ENOMEM;
    }
    opened->identity = identity;
    opened->descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 3);
    if (opened->descriptor < 0) {
        error = uv_translate_sys_error(errno);
        free(opened);
        return error;
    }
    error = uv_poll_init(loop, &opened->poll, opened->descriptor);
    if (error != 0) {
        close(opened->descriptor);
        free(opened);
        return error;
    }
    opened->poll.data = opened;
    *watch = opened;
    return 0;
}

int pg_watch_start(struct pg_watch **watch, uv_loop_t *loop, int socket,
                   int events, pg_watch_cb ready_cb, void *data)
{
    struct stat status;
    int error;

    if (fstat(socket, &status) != 0) {
        pg_watch_close(watch);
        return uv_translate_sys_error(errno);
    }
    if (*watch != NULL && (*watch)->identity != status.st_ino) {
        pg_watch_close(watch);
    }
    error = *watch != NULL ? 0 : watch_open(watch, loop, socket, status.st_ino);
    if (error == 0) {
        (*watch)->ready_cb = ready_cb;
        (*watch)->data = data;
        error = uv_poll_start(&(*watch)->poll, events, on_poll);
    }
    if (error != 0) {
        pg_watch_close(watch);
    }
    return error;
}
