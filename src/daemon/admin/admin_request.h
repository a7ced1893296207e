/*
 * admin_request.h - a request to the admin socket, and its response, as
 * handlers see them.
 *
 *     static void handle(struct admin_request *request)
 *     {
 *         struct json_writer json = {0};
 *         json_object(&json, NULL);
 *         json_text(&json, "name", admin_parameter(request, "server"));
 *         json_object_end(&json);
 *         admin_reply_json(request, 200, &json);
 *     }
 *
 * The response may come later (admin_wait), or in pieces that are made when
 * there is room for them (admin_reply_stream).
 */
#ifndef DAEMON_ADMIN_REQUEST_H
#define DAEMON_ADMIN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/admin/admin.h"
#include "daemon/admin/admin_route.h"
#include "daemon/text/json_writer.h"

struct MHD_Connection;
struct MHD_Response;
struct admin_connection;
struct admin_stream;

#define ADMIN_BODY_SIZE_MAX 65536 /* of a request */

struct admin_request {
    struct admin *admin;               /* its owner */
    struct MHD_Connection *connection; /* borrowed; NULL: it has gone while
                                          the request was waiting */
    struct admin_connection *client;   /* see admin_port.h */
    struct admin_match match;          /* its route and parameters */
    enum admin_role role;              /* of whoever asks */
    char *body;                        /* owned; NUL-terminated, or NULL */
    size_t body_size;                  /* without the NUL */
    bool is_too_large;                 /* the rest of the body is dropped */
    bool is_handled;                   /* handle_cb was called */
    bool is_waiting;                   /* admin_wait() was called */
    bool is_suspended;                 /* libmicrohttpd leaves it alone */
    TAILQ_ENTRY(admin_request) link;   /* of those that are suspended */
    unsigned status;                   /* of the response */
    struct MHD_Response *response;     /* owned; NULL: none yet */
    struct admin_stream *stream;       /* makes the response; or NULL */
    struct admin_session *session;     /* if it came with a cookie; or NULL */
};

/* A parameter of the path, by name. */
const char *admin_parameter(const struct admin_request *request,
                            const char *name);

/* A parameter of the query string, decoded; NULL: absent. */
const char *admin_query(const struct admin_request *request, const char *name);

/* A header; NULL: absent. */
const char *admin_header(const struct admin_request *request, const char *name);

/* Replies with a document. Takes what was written, and empties the writer. If
 * its memory ran out, replies with an error. */
void admin_reply_json(struct admin_request *request, unsigned status,
                      struct json_writer *json);

/* Replies with any text. Copies it. */
void admin_reply_text(struct admin_request *request, unsigned status,
                      const char *type, const char *text, size_t size);

/* Replies with static bytes. Borrows them for ever. */
void admin_reply_static(struct admin_request *request, const char *type,
                        const char *data, size_t size);

/* Replies with an error: one line that says what is wrong and what to do. */
void admin_reply_error(struct admin_request *request, unsigned status,
                       const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a header to the response that was just given, in place of one with this
 * name. */
void admin_add_header(struct admin_request *request, const char *name,
                      const char *value);

/* The response follows later. The request stays valid until then, even if the
 * client disconnects. */
void admin_wait(struct admin_request *request);

/* For the port: lets go of a request whose connection has gone. */
void admin_request_free(struct admin_request *request);

/* For the port: lets libmicrohttpd go on with a request that is suspended. */
void admin_request_resume(struct admin_request *request);

/* Pieces */

/* What a stream has to say next. */
enum admin_more {
    ADMIN_MORE_NOW,   /* there is more: ask again in the next turn of the loop
                         or when this has been sent */
    ADMIN_MORE_LATER, /* nothing until admin_stream_wake() */
    ADMIN_MORE_END    /* that was all */
};

/* Writes the next piece of a response, or part of the work for it, for at most
 * budget_ns. Called again and again, so that a large response neither holds the
 * loop nor needs memory all at once. */
typedef enum admin_more (*admin_more_cb)(struct admin_stream *stream,
                                         struct json_writer *out,
                                         uint64_t budget_ns);

/* Embedded first in its owner. */
struct admin_stream {
    admin_more_cb more_cb;                        /* see above */
    void (*free_cb)(struct admin_stream *stream); /* frees the owner */
    struct admin *admin;                          /* set by the reply */
    struct admin_request *request; /* likewise; not valid in free_cb */
    /* Private: */
    struct json_writer out; /* written and not sent yet */
    size_t sent;            /* bytes of out that were passed on */
    bool is_ended;          /* more_cb has returned END */
    bool is_failed;         /* memory ran out: the response is cut off */
};

/* Takes the stream. Not after admin_wait(). free_cb fires when the response has
 * been sent, or the client has disconnected. */
void admin_reply_stream(struct admin_request *request, const char *type,
                        struct admin_stream *stream);

/* There is something to say. */
void admin_stream_wake(struct admin_stream *stream);

#endif
