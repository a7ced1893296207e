/*
 * micro_parse.c - the cost of parsing responses.
 */
#include <stdio.h>

#include "core/fetch_reply.h"
#include "core/mark_reply.h"
#include "micro.h"

#define BODY_SIZE_MAX 65536
#define BODY_BYTES_MAX ((size_t)64 << 20)

static const char mark_body[] = "{\"markedCount\":16,\"unreadCount\":5}";

static char body[BODY_SIZE_MAX];
static size_t body_size;
static struct fetch_format format;

void micro_load_body(void)
{
    static const struct haplo_queue_options options = {.struct_size =
                                                           sizeof options};
    char path[4096];
    struct reason why;
    (void)snprintf(path, sizeof path, "%s/body.json", micro_folder);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        micro_fail("cannot read body.json");
    }
    body_size = fread(body, 1, sizeof body, file);
    (void)fclose(file);
    if (fetch_format_init(&format, &options, &why) != 0) {
        micro_fail(why.text);
    }
}

void micro_read_body(struct batch *batch)
{
    static struct fetch_reply reply;
    static struct reason why;
    const struct http_head head = {.status = 200,
                                   .content_type = "application/json",
                                   .content_size = (int64_t)body_size};
    fetch_reply_begin(&reply, &format, batch, BODY_BYTES_MAX, &why);
    fetch_reply_head(&reply, &head);
    if (fetch_reply_data(&reply, body, body_size) != 0 ||
        fetch_reply_end(&reply) != 0 || batch->message_count != 16) {
        micro_fail(why.text);
    }
}

void micro_parse_fetch(uint64_t count)
{
    micro_load_body();
    struct batch *batch = batch_new();
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count) {
            micro_begin();
        }
        micro_read_body(batch);
        batch_reset(batch);
    }
    micro_end(count);
}

void micro_parse_mark(uint64_t count)
{
    static struct mark_reply reply;
    static struct reason why;
    const struct http_head head = {.status = 200,
                                   .content_type =
                                       "application/json; charset=utf-8",
                                   .content_size = sizeof mark_body - 1};
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count) {
            micro_begin();
        }
        mark_reply_begin(&reply, &why);
        mark_reply_head(&reply, &head);
        if (mark_reply_data(&reply, mark_body, sizeof mark_body - 1) != 0 ||
            mark_reply_end(&reply) != 0) {
            micro_fail(why.text);
        }
    }
    micro_end(count);
}
