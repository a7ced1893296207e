/* use.cc - what an application in C++ does with the header: states and errors
 * need no casts. */
#include <haplopoll.h>

int use(haplo_server *server, const haplo_event *event, const char *&text);

static void on_deliver(haplo_queue *queue, haplo_batch batch)
{
    haplo_queue_stats stats{};
    stats.struct_size = sizeof stats;
    haplo_queue_get_stats(queue, &stats);
    if (stats.state == HAPLO_QUEUE_DELIVERING) {
        haplo_batch_accept(batch);
    }
}

int use(haplo_server *server, const haplo_event *event, const char *&text)
{
    haplo_queue_options options{};
    haplo_queue *queue;
    options.struct_size = sizeof options;
    options.deliver_cb = on_deliver;
    text = event->text;
    switch (event->error) {
    case HAPLO_ETLS:
        text = haplo_error_text(event->error);
        break;
    default:
        break;
    }
    if (event->queue != nullptr && event->to == HAPLO_QUEUE_IDLE) {
        text = haplo_queue_state_name(event->to);
        return haplo_queue_add(server, &options, &queue, nullptr, 0);
    }
    text = haplo_server_state_text(HAPLO_SERVER_UP);
    return HAPLO_EBUSY;
}
