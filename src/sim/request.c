#include "sim/request.h"

#include <string.h>
#include <strings.h>

#define HEADER_BYTES_MAX 65536 /* of the path or one stored header */

void sim_request_init(struct sim_request *request)
{
    http_parser_init(&request->parser, HTTP_REQUEST);
    request->parser.data = request;
}

void sim_request_free(struct sim_request *request)
{
    sim_buffer_free(&request->field);
    sim_buffer_free(&request->url);
    sim_buffer_free(&request->host);
    sim_buffer_free(&request->authorization);
    sim_buffer_free(&request->content_type);
    sim_buffer_free(&request->encoding);
    sim_buffer_free(&request->body);
}

static void request_clear(struct sim_request *request)
{
    request->url.size = 0;
    request->host.size = 0;
    request->authorization.size = 0;
    request->content_type.size = 0;
    request->encoding.size = 0;
    request->body.size = 0;
    request->body_bytes = 0;
    request->has_authorization = false;
    request->expects_continue = false;
}

static int message_begin_cb(http_parser *parser)
{
    struct sim_request *request = parser->data;
    request_clear(request);
    request->field.size = 0;
    request->header = NULL;
    return 0;
}

static int header_append(struct sim_buffer *to, const char *at, size_t size)
{
    if (to->size + size > HEADER_BYTES_MAX) {
        return 1;
    }
    sim_buffer_add(to, at, size);
    return 0;
}

static int url_cb(http_parser *parser, const char *at, size_t size)
{
    struct sim_request *request = parser->data;
    return header_append(&request->url, at, size);
}

static int header_field_cb(http_parser *parser, const char *at, size_t size)
{
    struct sim_request *request = parser->data;
    if (request->header != NULL) {
        request->field.size = 0;
        request->header = NULL;
    }
    return header_append(&request->field, at, size);
}

static bool field_is(const struct sim_request *request, const char *name)
{
    return request->field.size == strlen(name) &&
           strncasecmp(request->field.bytes, name, request->field.size) == 0;
}

/* The buffer for the value of the current header. Values that nobody needs
 * overwrite `field`, whose name has been compared by then. */
static struct sim_buffer *header_select(struct sim_request *request)
{
    if (field_is(request, "Host")) {
        return &request->host;
    }
    if (field_is(request, "Authorization")) {
        request->has_authorization = true;
        return &request->authorization;
    }
    if (field_is(request, "Content-Type")) {
        return &request->content_type;
    }
    if (field_is(request, "Accept-Encoding")) {
        return &request->encoding;
    }
    if (field_is(request, "Expect")) {
        request->expects_continue = true;
    }
    return &request->field;
}

static int header_value_cb(http_parser *parser, const char *at, size_t size)
{
    struct sim_request *request = parser->data;
    if (request->header == NULL) {
        request->header = header_select(request);
    }
    return header_append(request->header, at, size);
}

static int body_cb(http_parser *parser, const char *at, size_t size)
{
    struct sim_request *request = parser->data;
    request->body_bytes += size;
    if (request->body_bytes >= SIM_BODY_BYTES_MAX) {
        request->body.size = 0;
    } else {
        sim_buffer_add(&request->body, at, size);
    }
    return 0;
}

static int message_complete_cb(http_parser *parser)
{
    struct sim_request *request = parser->data;
    request->method = (enum http_method)parser->method;
    request->keep_alive = http_should_keep_alive(parser) != 0;
    request->complete = true;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings parser_settings = {
    .on_message_begin = message_begin_cb,
    .on_url = url_cb,
    .on_header_field = header_field_cb,
    .on_header_value = header_value_cb,
    .on_body = body_cb,
    .on_message_complete = message_complete_cb,
};

enum sim_request_progress sim_request_parse(struct sim_request *request,
                                            const char *bytes, size_t size,
                                            size_t *used)
{
    http_parser *parser = &request->parser;
    if (request->complete) {
        request->complete = false;
        http_parser_pause(parser, 0);
    }
    *used = http_parser_execute(parser, &parser_settings, bytes, size);
    if (request->complete) {
        return SIM_REQUEST_COMPLETE;
    }
    return HTTP_PARSER_ERRNO(parser) != HPE_OK || parser->upgrade
               ? SIM_REQUEST_BROKEN
               : SIM_REQUEST_PARTIAL;
}
