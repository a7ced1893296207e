/*
 * http_scene.h - an HTTP client and the tests' server on one loop, and
 * transfers that keep everything that was heard of them.
 *
 * TEST(name) sets all of it up and takes it down around a test, and checks
 * that nothing is left in the loop or the heap. Needs allocator_install().
 */
#ifndef TEST_HTTP_SCENE_H
#define TEST_HTTP_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/reason.h"
#include "failing_allocator.h"
#include "fake_names.h"
#include "http/client.h"
#include "http/endpoint.h"
#include "http/transfer.h"
#include "http_server.h"

#define CALLS_MAX 200
#define CAP_MS 120000                /* a test that waits longer has failed */
#define NOT_DUE_MS 100000            /* time limits that no test waits for */
#define LOGIN "c2VjcmV0OnNlY3JldA==" /* sent with each request */

#define OK_HEAD                                             \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" \
    "Content-Length: 14\r\n\r\n"
#define OK_BODY "{\"version\": 0}"
#define OK_ANSWER OK_HEAD OK_BODY

/* One transfer and all that was heard of it. */
struct call {
    struct transfer transfer;       /* first: callbacks cast it */
    unsigned head_count;            /* calls of head_cb */
    unsigned done_count;            /* calls of done_cb */
    long status;                    /* these four: of the head */
    char content_type[64];          /* */
    char location[128];             /* */
    int64_t content_size;           /* */
    char body[4096];                /* as far as it came */
    size_t body_size;               /* of that */
    int refuse;                     /* what data_cb returns */
    int error;                      /* these three: of the result */
    char text[HAPLO_TEXT_SIZE_MAX]; /* */
    uint64_t retry_after_ms;        /* */
    struct call *next;              /* started from done_cb */
    struct call *cancel;            /* cancelled from done_cb */
    bool closes_client;             /* in done_cb */
};

extern uv_loop_t loop;
extern struct http_client *client;
extern bool client_is_closed;
extern struct http_server server;
extern struct call calls[CALLS_MAX];
extern const char path[]; /* of each call */

/* Setting up */

int set_up(void **state);
int tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* The same with a pool of that size. */
int set_up_sized(unsigned transfers_max);

/* The rest of tear_down, once the client is closing. */
void finish(void);

/* For http_client_close(). data: a bool, which becomes true. */
void on_client_closed(struct http_client *closed, void *data);

/* Of an endpoint at that host and port; url is overwritten and borrowed. */
struct endpoint_options options_make(char *url, const char *host, int port);

struct endpoint *endpoint_make(const struct endpoint_options *options);

/* Of the server, over http. */
struct endpoint *endpoint_plain(void);

/* What the server answers from now on. */
#define SCRIPT(...)                                          \
    static const struct script_line lines[] = {__VA_ARGS__}; \
    http_server_script(&server, lines, sizeof lines / sizeof lines[0])

/* Calls */

/* Makes calls[index] a GET. */
struct call *call_make(unsigned index, struct endpoint *endpoint);

/* Makes a call a POST of a form. The text is borrowed. */
void call_post(struct call *call, const char *form, size_t size);

void call_start(struct call *call);

/* Starts it and waits for its end. */
struct call *call_run(struct call *call);

/* Runs one call against one response, on an endpoint of its own. */
struct call *call_against(const struct script_line *line);

void run_until(const unsigned *count, unsigned wanted);

/* From here to the test's end, run_until() skips waits: while nothing is
 * looked up and no byte is on its way, the clock is put forward to the next
 * timer. So limits of hours cost nothing, and a busy machine expires none. */
void skip_waits(void);

/* On the real clock: for things that must not happen. */
void run_for(uint64_t ms);

#endif
