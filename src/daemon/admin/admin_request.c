#include "daemon/admin/admin_request.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "daemon/admin/admin_private.h"

#define PIECE_SIZE 16384 /* passed on at once */

/* What was asked */

const char *admin_parameter(const struct admin_request *request,
                            const char *name)
{
    return admin_match_parameter(&request->match, name);
}

const char *admin_query(const struct admin_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection,
                                       MHD_GET_ARGUMENT_KIND, name);
}

const char *admin_header(const struct admin_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                       name);
}

/* Waiting */

static void suspend(struct admin_request *request)
{
    request->is_suspended = true;
    TAILQ_INSERT_TAIL(&request->client->port->suspended, request, link);
    MHD_suspend_connection(request->connection);
}

void admin_request_resume(struct admin_request *request)
{
    if (request->is_suspended) {
        request->is_suspended = false;
        TAILQ_REMOVE(&request->client->port->suspended, request, link);
        MHD_resume_connection(request->connection);
        admin_port_run_soon(request->client->port);
    }
}

void admin_wait(struct admin_request *request)
{
    request->is_waiting = true;
    suspend(request);
}

static void destroy(struct admin_request *request)
{
    if (request->response != NULL) {
        MHD_destroy_response(request->response);
    }
    free(request->body);
    free(request);
}

void admin_request_free(struct admin_request *request)
{
    request->connection = NULL;
    if (!request->is_waiting || request->response != NULL) {
        destroy(request);
    }
}

/* Responses */

/* Without memory for all headers there is no response: one of them may be what
 * protects the page. The connection is closed. */
static void drop_response(struct admin_request *request)
{
    MHD_destroy_response(request->response); /* with its stream */
    request->response = NULL;
    request->stream = NULL;
}

void admin_add_header(struct admin_request *request, const char *name,
                      const char *value)
{
    if (request->response == NULL) {
        return;
    }
    const char *old = MHD_get_response_header(request->response, name);
    if (old != NULL) {
        (void)MHD_del_response_header(request->response, name, old);
    }
    if (MHD_add_response_header(request->response, name, value) != MHD_YES) {
        drop_response(request);
    }
}

/* Nothing of this is for caches, frames, other sites or guesses about its type.
 * The page replaces the policy by its own. */
static void add_headers(struct admin_request *request, const char *type)
{
    admin_add_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    admin_add_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    admin_add_header(request, "X-Content-Type-Options", "nosniff");
    admin_add_header(request, "X-Frame-Options", "DENY");
    admin_add_header(request, "Referrer-Policy", "no-referrer");
    admin_add_header(request, "Cross-Origin-Resource-Policy", "same-origin");
}

/* Takes the response; NULL: memory ran out, and the connection is closed. */
static void reply(struct admin_request *request, unsigned status,
                  const char *type, struct MHD_Response *response)
{
    request->status = status;
    request->response = response;
    request->is_waiting = false;
    if (request->connection == NULL) {
        destroy(request); /* nobody waits for it any more */
        return;
    }
    add_headers(request, type);
    if (request->is_suspended) {
        admin_request_resume(request);
    }
}

void admin_reply_json(struct admin_request *request, unsigned status,
                      struct json_writer *json)
{
    json_end_line(json);
    if (json->is_failed) {
        json_writer_free(json);
        admin_reply_error(request, 500, "out of memory");
        return;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        json->size, json->data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        json_writer_free(json);
    }
    *json = (struct json_writer){0};
    reply(request, status, "application/json", response);
}

void admin_reply_text(struct admin_request *request, unsigned status,
                      const char *type, const char *text, size_t size)
{
    /* It copies, and does not write to what it copies. */
    reply(request, status, type,
          MHD_create_response_from_buffer(size, (void *)text,
                                          MHD_RESPMEM_MUST_COPY));
}

static void reply_static(struct admin_request *request, unsigned status,
                         const char *type, const char *data, size_t size)
{
    reply(request, status, type,
          MHD_create_response_from_buffer(size, (void *)data,
                                          MHD_RESPMEM_PERSISTENT));
}

void admin_reply_static(struct admin_request *request, const char *type,
                        const char *data, size_t size)
{
    reply_static(request, 200, type, data, size);
}

static const char *error_code(unsigned status)
{
    switch (status) {
    case 400:
        return "bad_request";
    case 401:
        return "unauthorized";
    case 403:
        return "forbidden";
    case 404:
        return "not_found";
    case 405:
        return "method_not_allowed";
    case 409:
        return "conflict";
    case 413:
        return "too_large";
    case 422:
        return "unprocessable";
    case 429:
        return "too_many";
    case 503:
        return "unavailable";
    default:
        return "internal";
    }
}

void admin_reply_error(struct admin_request *request, unsigned status,
                       const char *format, ...)
{
    static const char no_memory[] = "{\"error\":{\"code\":\"internal\","
                                    "\"message\":\"out of memory\"}}\n";
    struct json_writer json = {0};
    struct reason why;
    va_list arguments;
    va_start(arguments, format);
    (void)reason_set_list(&why, 0, format, arguments);
    va_end(arguments);
    json_object(&json, NULL);
    json_object(&json, "error");
    json_text(&json, "code", error_code(status));
    json_text(&json, "message", why.text);
    json_object_end(&json);
    json_object_end(&json);
    json_end_line(&json);
    if (json.is_failed) {
        reply_static(request, 500, "application/json", no_memory,
                     sizeof no_memory - 1);
    } else {
        admin_reply_text(request, status, "application/json", json.data,
                         json.size);
    }
    json_writer_free(&json);
}

/* Pieces */

/* Streams share what a turn of the loop may take, so that many clients take no
 * more of it than one. */
static uint64_t budget_ns(const struct admin *admin)
{
    return ADMIN_TURN_BUDGET_NS / (admin->stream_count + 1);
}

/* Asks for the next piece. False if nothing is to be sent at the moment. */
static bool fetch_piece(struct admin_stream *stream)
{
    enum admin_more more;
    json_writer_clear(&stream->out);
    stream->sent = 0;
    more = stream->more_cb(stream, &stream->out, budget_ns(stream->admin));
    stream->is_failed = stream->out.is_failed;
    stream->is_ended = more == ADMIN_MORE_END;
    if (more == ADMIN_MORE_LATER && stream->out.size == 0 &&
        !stream->is_failed) {
        stream->request->client->deadline_ms = 0;
        suspend(stream->request);
    }
    return stream->out.size > 0;
}

static ssize_t on_room(void *data, uint64_t position, char *to, size_t size_max)
{
    struct admin_stream *stream = data;
    struct admin_request *request = stream->request;
    (void)position;
    request->client->deadline_ms =
        uv_now(request->admin->loop) + ADMIN_SEND_TIMEOUT_MS;
    if (stream->sent == stream->out.size &&
        (stream->is_ended || !fetch_piece(stream))) {
        return stream->is_failed  ? MHD_CONTENT_READER_END_WITH_ERROR
               : stream->is_ended ? MHD_CONTENT_READER_END_OF_STREAM
                                  : 0;
    }
    size_t size = stream->out.size - stream->sent;
    if (size > size_max) {
        size = size_max;
    }
    memcpy(to, stream->out.data + stream->sent, size);
    stream->sent += size;
    return (ssize_t)size;
}

static void on_stream_end(void *data)
{
    struct admin_stream *stream = data;
    stream->admin->stream_count--;
    json_writer_free(&stream->out);
    stream->free_cb(stream);
}

void admin_reply_stream(struct admin_request *request, const char *type,
                        struct admin_stream *stream)
{
    stream->admin = request->admin;
    stream->request = request;
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, PIECE_SIZE, on_room, stream, on_stream_end);
    if (response == NULL) {
        stream->free_cb(stream);
    } else {
        request->admin->stream_count++;
        request->stream = stream;
    }
    reply(request, 200, type, response);
}

void admin_stream_wake(struct admin_stream *stream)
{
    admin_request_resume(stream->request);
}
