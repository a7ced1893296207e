/* use.c - what an application in C99 does with the header. */
#include <haplopoll.h>

int use(struct haplo_server *server, const struct haplo_event *event,
        const char **text);

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_get_stats(queue, &stats);
    if (stats.state == HAPLO_QUEUE_DELIVERING) {
        haplo_batch_accept(batch);
    }
}

int use(struct haplo_server *server, const struct haplo_event *event,
        const char **text)
{
    struct haplo_queue_options options = {.struct_size = sizeof options,
                                          .deliver_cb = on_deliver};
    struct haplo_queue *queue;
    *text = event->text;
    switch (event->error) {
    case HAPLO_ETLS:
        *text = haplo_error_text(event->error);
        break;
    default:
        break;
    }
    return event->to == HAPLO_QUEUE_IDLE
               ? haplo_queue_add(server, &options, &queue, NULL, 0)
               : HAPLO_EBUSY;
}
