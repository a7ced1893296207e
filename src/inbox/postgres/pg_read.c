#include "inbox/postgres/pg_read.h"

#include <stdlib.h>

#include "base/container_of.h"

/* Until outlets can read from PostgreSQL. */
struct pg_refusal {
    uv_timer_t timer;                     /* calls back from the loop */
    struct inbox_outlet_request *request; /* to be refused */
};

static void on_closed(uv_handle_t *handle)
{
    struct pg_refusal *refusal =
        container_of((uv_timer_t *)handle, struct pg_refusal, timer);
    struct inbox_outlet_request *request = refusal->request;

    free(refusal);
    request->error = reason_set(&request->why, HAPLO_EINVAL,
                                "outlets cannot read from PostgreSQL yet");
    request->done_cb(request);
}

void pg_outlet_open(struct inbox_store *base,
                    struct inbox_outlet_request *request)
{
    struct pg_store *store = container_of(base, struct pg_store, base);
    struct pg_refusal *refusal = calloc(1, sizeof(*refusal));

    if (refusal == NULL) {
        abort();
    }
    refusal->request = request;
    (void)uv_timer_init(store->writer.loop, &refusal->timer);
    uv_close((uv_handle_t *)&refusal->timer, on_closed);
}

void pg_lanes(struct inbox_store *base, struct inbox_outlet_request *request)
{
    pg_outlet_open(base, request);
}

void pg_read(struct inbox_store *base, struct inbox_read *read)
{
    (void)base;
    (void)read;
    abort(); /* no outlet can be opened */
}

void pg_read_free(struct inbox_read *read)
{
    (void)read;
}
