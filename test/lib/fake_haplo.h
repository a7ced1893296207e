/*
 * fake_haplo.h - a Haplo server with queues on the test's loop.
 *
 * A queue hands out its oldest messages, 16 in a batch, or all of them as in
 * 2019. Messages have the ids 1, 2, 3 ... and are marked in that order. The
 * test may have a queue answer something else, or hold its answers back.
 */
#ifndef TEST_FAKE_HAPLO_H
#define TEST_FAKE_HAPLO_H

#include <stdbool.h>
#include <uv.h>

#include "http_server.h"

#define FAKE_QUEUES_MAX 8

/* A response for fetch_answer and mark_answer, which get a Content-Length. */
#define ANSWER(status, type, body) \
    "HTTP/1.1 " status "\r\nContent-Type: " type "\r\n\r\n" body

struct fake_queue {
    const char *name;         /* as in the path */
    unsigned marked;          /* ids up to this one */
    unsigned unread;          /* ids after it */
    unsigned batch_max;       /* 0: no limit, and the responses of 2019 */
    unsigned accepted;        /* ids that the application has made durable */
    const char *fetch_answer; /* sent instead; or NULL */
    const char *mark_answer;  /* the same */
    const char *fetch_raw;    /* exact bytes, then closed; instead; or NULL */
    const char *mark_raw;     /* the same */
    bool is_held;             /* responses wait for fake_release() */
    unsigned fetch_count;     /* requests */
    unsigned mark_count;      /* requests */
    char login[256];          /* of the newest request */
};

struct fake_server {
    struct http_server http;                   /* serves all of it */
    struct fake_queue queues[FAKE_QUEUES_MAX]; /* the test's */
    unsigned queue_count;                      /* of them */
    unsigned open_count;                       /* requests not answered yet */
    unsigned open_count_max;                   /* the most at once */
    unsigned request_count;                    /* since the start */
    unsigned unaccepted_marks;  /* of messages that were not accepted before */
    const char *prefix;         /* of its paths; NULL: as documented */
    const char *form_field;     /* that carries a token; NULL: "token" */
    char path[1024];            /* of the newest request */
    void (*in_request)(void *); /* done before the response, or NULL */
    void *data;                 /* for that */
};

/* Listens. */
void fake_open(struct fake_server *server, uv_loop_t *loop);
void fake_close(struct fake_server *server);

int fake_port(const struct fake_server *server); /* 0: not open */

/* Responds to everything that is held, and stops holding responses. */
void fake_release(struct fake_server *server);

#endif
