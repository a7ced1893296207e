/*
 * io.h - libcurl's multi interface on one uv loop: the multi handles with
 * their sockets and timers, and the pool of easy handles.
 */
#ifndef HTTP_IO_H
#define HTTP_IO_H

#include <stdint.h>
#include <uv.h>

struct io;

typedef void (*io_close_cb)(struct io *io, void *data);

/* Makes it on a loop (borrowed until io_close_cb). transfers_max is the
 * largest number of transfers that will ever be in flight at once: the bound
 * of the pool. 0, HAPLO_ENOMEM or HAPLO_EINVAL (libcurl lacks a feature). */
int io_new(uv_loop_t *loop, unsigned transfers_max, struct io **result);

/* Cancels all transfers without calling them back, and frees itself; fires
 * close_cb (may be NULL) once from the loop when no handle and no look-up is
 * left. The endpoints are freed before it, or after it before the loop runs
 * on. May be called from done_cb. */
void io_close(struct io *io, io_close_cb close_cb, void *data);

/* Connections opened since the start, those counted that failed. */
uint64_t io_connection_count(const struct io *io);

#endif
