/*
 * produce_webhook.c - posts messages to a URL with libcurl's multi interface:
 * requests of 16 messages, IN_FLIGHT at a time over connections that are kept.
 * Body, headers and signature (HMAC-SHA256) are those of the outlet; each
 * request has its own. A message counts as delivered when the response is 2xx.
 *
 * It lacks an inbox to read from, progress to remember, time limits but the
 * whole one, and a look at the response besides its status.
 */
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "produce.h"

#define IN_FLIGHT 8
#define BATCH_COUNT 16
#define LIMIT_S 30
#define UUID "550e8400-e29b-41d4-a716-446655440000"
#define TIMESTAMP "1795898956"
#define PREFIX_SIZE 128 /* of what is signed, before the body */
#define HEADER_COUNT 11
#define HEADER_SIZE 128
#define IDS_SIZE (BATCH_COUNT * 64)

struct request {
    CURL *curl;                                /* owned */
    char *content;                             /* owned; what is signed */
    struct curl_slist headers[HEADER_COUNT];   /* linked; borrow lines */
    char lines[HEADER_COUNT - 1][HEADER_SIZE]; /* all but haplo-id */
    char ids[sizeof("haplo-id: ") + (size_t)IDS_SIZE]; /* haplo-id */
};

static struct {
    struct produce produce;
    CURLM *multi;                       /* owned */
    int epoll;                          /* owned; what libcurl waits for */
    long timeout_ms;                    /* until it wants to act; or -1 */
    size_t next;                        /* message */
    size_t left;                        /* requests in flight */
    struct request requests[IN_FLIGHT]; /* reused */
} post;

static void must(bool is_fine, const char *what)
{
    if (!is_fine) {
        produce_fail(what, "it failed");
    }
}

/* A request */

static void ids_write(struct request *request, size_t first, size_t count)
{
    char *out = stpcpy(request->ids, "haplo-id: ");

    for (size_t i = first; i < first + count; i++) {
        out += sprintf(out, "%s" UUID "-%zu-%016zx", i > first ? "," : "",
                       i + 1, i * 0x9e3779b97f4a7c15);
    }
}

/* "ID.TIMESTAMP.BODY". Returns the body. */
static char *content_write(struct request *request, const char *id,
                           size_t count, size_t *body_size)
{
    char *body =
        request->content + sprintf(request->content, "%s." TIMESTAMP ".", id);
    char *out = stpcpy(body, "{\"version\":0,\"messages\":[");

    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            *out++ = ',';
        }
        out = mempcpy(out, post.produce.body, post.produce.body_size);
    }
    out = stpcpy(out, "]}");
    *body_size = (size_t)(out - body);
    return body;
}

static void sign(const char *content, size_t size, char *line)
{
    static const unsigned char key[32] = "0123456789abcdef0123456789abcde";
    unsigned char digest[EVP_MAX_MD_SIZE];

    must(HMAC(EVP_sha256(), key, sizeof(key), (const unsigned char *)content,
              size, digest, NULL) != NULL,
         "HMAC");
    (void)EVP_EncodeBlock(
        (unsigned char *)stpcpy(line, "webhook-signature: v1,"), digest, 32);
}

static void request_send(struct request *request)
{
    size_t first = post.next;
    size_t left = post.produce.count - first;
    size_t count = left < BATCH_COUNT ? left : BATCH_COUNT;
    char id[HEADER_SIZE / 2];
    size_t size;
    char *body;

    post.next += count;
    (void)snprintf(id, sizeof(id), UUID "-%zu-%zux", first + 1, count);
    ids_write(request, first, count);
    body = content_write(request, id, count, &size);
    (void)sprintf(request->lines[0], "webhook-id: %s", id);
    sign(request->content, (size_t)(body - request->content) + size,
         request->lines[1]);
    (void)sprintf(request->lines[2], "haplo-queue: q%zu",
                  first / BATCH_COUNT % post.produce.queue_count);
    (void)sprintf(request->lines[3], "haplo-arrival: %zu", first + 1);
    must(curl_easy_setopt(request->curl, CURLOPT_POSTFIELDS, body) == 0 &&
             curl_easy_setopt(request->curl, CURLOPT_POSTFIELDSIZE_LARGE,
                              (curl_off_t)size) == 0 &&
             curl_multi_add_handle(post.multi, request->curl) == 0,
         "request");
    post.left++;
}

static size_t on_body(char *data, size_t unit, size_t count, void *user)
{
    (void)data;
    (void)user;
    return unit * count;
}

static void request_init(struct request *request)
{
    static const char *const fixed[] = {
        ("webhook-timestamp: " TIMESTAMP), "Content-Type: application/json",
        "haplo-server: app1", "haplo-received-at: 2026-11-28T20:49:16Z",
        "User-Agent: produce_webhook"};
    CURL *curl = curl_easy_init();

    for (size_t i = 0; i < HEADER_COUNT; i++) {
        request->headers[i].data =
            i < HEADER_COUNT - 1 ? request->lines[i] : request->ids;
        request->headers[i].next =
            i + 1 < HEADER_COUNT ? &request->headers[i + 1] : NULL;
    }
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        (void)strcpy(request->lines[4 + i], fixed[i]);
    }
    (void)strcpy(request->lines[9], "Expect:");
    request->curl = curl;
    request->content =
        malloc(PREFIX_SIZE + BATCH_COUNT * (post.produce.body_size + 1));
    if (curl == NULL || request->content == NULL) {
        produce_fail("request", "out of memory");
    }
    must(curl_easy_setopt(curl, CURLOPT_URL, post.produce.destination) == 0 &&
             curl_easy_setopt(curl, CURLOPT_PRIVATE, request) == 0 &&
             curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == 0 &&
             curl_easy_setopt(curl, CURLOPT_PROXY, "") == 0 &&
             curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                              (long)CURL_HTTP_VERSION_1_1) == 0 &&
             curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)LIMIT_S) == 0 &&
             curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == 0 &&
             curl_easy_setopt(curl, CURLOPT_HTTPHEADER, request->headers) == 0,
         "options");
}

/* Waiting */

static int on_socket(CURL *curl, curl_socket_t fd, int what, void *data,
                     void *is_known)
{
    struct epoll_event event = {.data.fd = fd};

    (void)curl;
    (void)data;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(post.epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events |= what != CURL_POLL_OUT ? (uint32_t)EPOLLIN : 0;
    event.events |= what != CURL_POLL_IN ? (uint32_t)EPOLLOUT : 0;
    must(epoll_ctl(post.epoll, is_known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
                   fd, &event) == 0,
         "epoll_ctl");
    return (int)curl_multi_assign(post.multi, fd, &post);
}

static int on_timeout(CURLM *multi, long timeout_ms, void *data)
{
    (void)multi;
    (void)data;
    post.timeout_ms = timeout_ms;
    return 0;
}

static void take_done(void)
{
    struct CURLMsg *message;
    struct request *request;
    long status;
    int count;

    while ((message = curl_multi_info_read(post.multi, &count)) != NULL) {
        CURL *curl = message->easy_handle;

        must(message->data.result == CURLE_OK &&
                 curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) ==
                     0 &&
                 status / 100 == 2,
             "response");
        must(curl_easy_getinfo(curl, CURLINFO_PRIVATE, (char **)&request) ==
                     0 &&
                 curl_multi_remove_handle(post.multi, curl) == 0,
             "request");
        post.left--;
        if (post.next < post.produce.count) {
            request_send(request);
        }
    }
}

static void act(curl_socket_t fd, int flags)
{
    int running;

    must(curl_multi_socket_action(post.multi, fd, flags, &running) == 0,
         "libcurl");
    take_done();
}

static void wait(void)
{
    struct epoll_event events[IN_FLIGHT];
    int count = epoll_wait(post.epoll, events, IN_FLIGHT, (int)post.timeout_ms);

    if (count == 0) {
        post.timeout_ms = -1;
        act(CURL_SOCKET_TIMEOUT, 0);
    }
    for (int i = 0; i < count; i++) {
        act(events[i].data.fd,
            ((events[i].events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                ((events[i].events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                ((events[i].events & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0));
    }
}

int main(int count, char **arguments)
{
    produce_init(&post.produce, count, arguments);
    must(curl_global_init(CURL_GLOBAL_DEFAULT) == 0, "libcurl");
    post.multi = curl_multi_init();
    post.epoll = epoll_create1(EPOLL_CLOEXEC);
    post.timeout_ms = -1;
    must(post.multi != NULL && post.epoll >= 0, "libcurl");
    must(curl_multi_setopt(post.multi, CURLMOPT_SOCKETFUNCTION, on_socket) ==
                 0 &&
             curl_multi_setopt(post.multi, CURLMOPT_TIMERFUNCTION,
                               on_timeout) == 0,
         "libcurl");
    for (size_t i = 0; i < IN_FLIGHT; i++) {
        request_init(&post.requests[i]);
    }
    produce_begin();
    for (size_t i = 0; i < IN_FLIGHT && post.next < post.produce.count; i++) {
        request_send(&post.requests[i]);
    }
    while (post.left > 0) {
        wait();
    }
    produce_end(&post.produce);
    for (size_t i = 0; i < IN_FLIGHT; i++) {
        curl_easy_cleanup(post.requests[i].curl);
        free(post.requests[i].content);
    }
    (void)curl_multi_cleanup(post.multi);
    produce_free(&post.produce);
    return 0;
}
