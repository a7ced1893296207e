/* In place of src/outlets/forwarder.c, where no outlet is configured. */
#include "outlets/forwarder.h"

struct forwarder *forwarder_new(uv_loop_t *loop, struct inbox *inbox,
                                const struct forwarder_options *options,
                                forwarder_event_cb event_cb, void *data)
{
    (void)loop;
    (void)inbox;
    (void)options;
    (void)event_cb;
    (void)data;
    return NULL;
}

void forwarder_wake(struct forwarder *forwarder)
{
    (void)forwarder;
}

void forwarder_close(struct forwarder *forwarder, uint64_t deadline_ms,
                     void (*closed_cb)(void *data), void *data)
{
    (void)forwarder;
    (void)deadline_ms;
    (void)closed_cb;
    (void)data;
}
