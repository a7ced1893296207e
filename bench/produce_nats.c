/*
 * produce_nats.c - publishes to a stream of JetStream with what libnats has
 * for that: asynchronous publishing, and waiting for all acknowledgements.
 */
#include <nats/nats.h>

#include "produce.h"

#define PENDING_MAX 4096 /* not acknowledged */
#define LAST_MS 60000    /* for the last ones */

static void check(natsStatus status, const char *what)
{
    if (status != NATS_OK) {
        produce_fail(what, natsStatus_GetText(status));
    }
}

static void on_error(jsCtx *stream, jsPubAckErr *error, void *data)
{
    (void)stream;
    (void)data;
    produce_fail("publish", error->ErrText);
}

static void publish(jsCtx *stream, const struct produce *produce, size_t number)
{
    struct produce_message text;
    natsMsg *message = NULL;

    produce_message(produce, number, &text);
    check(natsMsg_Create(&message, text.subject, NULL, produce->body,
                         (int)produce->body_size),
          "message");
    check(natsMsgHeader_Set(message, "Nats-Msg-Id", text.id), "header");
    check(natsMsgHeader_Set(message, "haplo-server", "app1"), "header");
    check(natsMsgHeader_Set(message, "haplo-queue", text.queue), "header");
    check(natsMsgHeader_Set(message, "haplo-arrival", text.arrival), "header");
    check(natsMsgHeader_Set(message, "haplo-id", text.id), "header");
    check(
        natsMsgHeader_Set(message, "haplo-received-at", "2026-11-28T20:49:16Z"),
        "header");
    check(js_PublishMsgAsync(stream, &message, NULL), "publish");
}

int main(int count, char **arguments)
{
    struct produce produce;
    natsConnection *connection = NULL;
    jsCtx *stream = NULL;
    jsOptions options;

    produce_init(&produce, count, arguments);
    check(natsConnection_ConnectTo(&connection, produce.destination),
          "connect");
    check(jsOptions_Init(&options), "options");
    options.PublishAsync.MaxPending = PENDING_MAX;
    options.PublishAsync.ErrHandler = on_error;
    check(natsConnection_JetStream(&stream, connection, &options), "JetStream");
    produce_begin();
    for (size_t i = 0; i < produce.count; i++) {
        publish(stream, &produce, i);
    }
    check(js_PublishAsyncComplete(stream, &(jsPubOptions){.MaxWait = LAST_MS}),
          "acknowledgements");
    produce_end(&produce);
    jsCtx_Destroy(stream);
    natsConnection_Destroy(connection);
    nats_Close();
    produce_free(&produce);
    return 0;
}
