#include "poller/request.h"

#include "base/alloc.h"
#include "poller/poller.h"

struct request *request_take(struct haplo_queue *queue)
{
    struct haplo_poller *poller = server_of(queue)->poller;
    struct request *request = poller->free_requests;
    if (request != NULL) {
        poller->free_requests = request->next;
    } else {
        request = alloc_zeroed(1, sizeof *request);
    }
    if (request != NULL) {
        request->queue = queue;
        request->has_old_key = false;
        request->why.text[0] = '\0';
    }
    queue->request = request;
    return request;
}

void request_release(struct haplo_queue *queue)
{
    struct haplo_poller *poller = server_of(queue)->poller;
    struct request *request = queue->request;
    struct reading *reading = request->reading;
    queue->request = NULL;
    if (reading != NULL) {
        if (reading->settings != NULL) {
            poller_release_settings(poller, reading->settings);
        }
        reading->next = poller->free_readings;
        poller->free_readings = reading;
        request->reading = NULL;
    }
    credentials_wipe(&request->credentials);
    request->next = poller->free_requests;
    poller->free_requests = request;
}

struct reading *request_read(struct request *request)
{
    struct haplo_poller *poller = server_of(request->queue)->poller;
    struct reading *reading = poller->free_readings;
    if (reading != NULL) {
        poller->free_readings = reading->next;
    } else {
        reading = alloc_bytes(sizeof *reading);
    }
    if (reading != NULL) {
        reading->settings = NULL;
    }
    request->reading = reading;
    return reading;
}

void request_aim(struct request *request, const struct dialect_path *path)
{
    struct haplo_queue *queue = request->queue;
    const struct haplo_server *server = server_of(queue);
    /* A name never needs encoding: haplo_name_check() has seen to that. */
    dialect_path_write(request->path, path, queue->name);
    credentials_set(&request->credentials, server->dialect.user,
                    queue->api_key);
    request->transfer.endpoint = server->endpoint;
    request->transfer.path = request->path;
    request->transfer.is_uncompressed =
        settings_of(queue)->format.kind == HAPLO_FORMAT_RAW;
}
