/*
 * pg_watch.h - watches the socket of a libpq connection on the loop.
 *
 * libpq replaces its socket while it connects, perhaps by one with the same
 * number, and closes it when the connection is lost: the loop would be left
 * with a descriptor that is closed, or something else. So a duplicate is
 * watched, which stays open until the watch is closed.
 */
#ifndef INBOX_POSTGRES_PG_WATCH_H
#define INBOX_POSTGRES_PG_WATCH_H

#include <uv.h>

/* The socket is ready for some of the events, or has failed. */
typedef void (*pg_watch_cb)(void *data);

struct pg_watch;

/* Waits for these events (UV_READABLE, UV_WRITABLE) of the socket until the
 * next call; *watch is NULL at first. Returns 0, or an error of libuv: then
 * *watch is closed. */
int pg_watch_start(struct pg_watch **watch, uv_loop_t *loop, int socket,
                   int events, pg_watch_cb ready_cb, void *data);

/* Does nothing if *watch is NULL; otherwise sets it to NULL. It may be called
 * inside ready_cb. */
void pg_watch_close(struct pg_watch **watch);

#endif
