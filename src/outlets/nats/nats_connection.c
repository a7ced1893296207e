/*
 * nats_connection.c - one connection to a NATS server.
 *
 *   - The servers are tried in turn, beginning with the one that was used last.
 *     Each is a connection of libnats of its own, so that the host in its
 *     certificate is the one in its URL.
 *   - Responses come to a subject of this connection alone, INBOX.TICKET,
 *     where the ticket names the message.
 *   - A round trip shows that this user may subscribe to it.
 *   - Messages are published with that subject to respond to.
 *   - A thread of libnats reads the responses. It ends with the connection,
 *     whoever closes it, and says so in its last call.
 *
 * libnats may block in all of this: while it connects (nats_dial.c), waits for
 * a response, or writes to a socket.
 */
#include "outlets/nats/nats_connection.h"

#include <inttypes.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outlets/nats/nats_ack.h"
#include "outlets/nats/nats_dial.h"
#include "outlets/nats/nats_setup.h"

#define ROUND_TRIP_MS 5000

#define REPLY_SIZE_MAX 192 /* an inbox has about 30 */

struct nats_connection {
    natsConnection *connection;                      /* of libnats; owned */
    natsSubscription *responses;                     /* to inbox; owned */
    natsInbox *inbox;                                /* owned */
    const struct nats_options *options;              /* borrowed */
    const struct nats_connection_listener *listener; /* borrowed */
    const atomic_bool *is_ending;   /* borrowed; the outlet is to end */
    uint64_t serial;                /* which one it is */
    struct nats_ack_reader *reader; /* for the thread that reads responses */
    uv_sem_t end;                   /* that thread has made its last call */
};

static int no_memory(struct reason *why)
{
    return reason_set(why, HAPLO_ENOMEM, "NATS: out of memory");
}

/* On the thread that reads responses */

static void response_report(struct nats_connection *connection,
                            natsMsg *message, const struct nats_ticket *ticket)
{
    const struct nats_connection_listener *listener = connection->listener;
    enum outlet_verdict verdict = OUTLET_BROKEN;
    struct reason why;
    bool is_ack = true;

    if (natsMsg_IsNoResponders(message)) {
        (void)reason_set(&why, 0,
                         "no stream takes its messages: create one for it, or "
                         "wait until its cluster has a leader");
    } else {
        is_ack = nats_ack_read(connection->reader, natsMsg_GetData(message),
                               (size_t)natsMsg_GetDataLength(message), &verdict,
                               &why);
    }
    listener->responded(listener->data, ticket, is_ack, verdict, &why);
}

static void on_response(natsConnection *nc, natsSubscription *subscription,
                        natsMsg *message, void *data)
{
    struct nats_connection *connection = data;
    const char *ticket_text =
        natsMsg_GetSubject(message) + strlen(connection->inbox) + 1;
    struct nats_ticket ticket;

    (void)nc;
    (void)subscription;
    if (nats_ticket_read(&ticket, ticket_text)) {
        response_report(connection, message, &ticket);
    }
    natsMsg_Destroy(message);
}

static void on_end(void *data)
{
    struct nats_connection *connection = data;

    connection->listener->ended(connection->listener->data, connection->serial);
    uv_sem_post(&connection->end); /* it may be freed from here on */
}

/* Opening */

static int server_connect(struct nats_connection *connection, const char *text,
                          struct reason *why)
{
    natsOptions *setup = NULL;
    int result = nats_setup_new(&setup, connection->options, text, why);

    if (result != 0) {
        natsOptions_Destroy(setup);
        return result;
    }
    return nats_dial(&connection->connection, setup, text,
                     connection->is_ending, why);
}

/* A server must know headers (2.2), and let this user subscribe. */
static int responses_verify(struct nats_connection *connection,
                            const char *text, struct reason *why)
{
    natsStatus status = natsConnection_HasHeaderSupport(connection->connection);

    if (status != NATS_OK) {
        return nats_fail(why,
                         "the server is too old: it needs to be 2.2 at least",
                         text, status);
    }
    status = natsConnection_FlushTimeout(connection->connection, ROUND_TRIP_MS);
    if (status != NATS_OK) {
        return nats_fail(why, "does not respond", text, status);
    }
    return nats_connection_is_permitted(connection, why) ? 0 : HAPLO_ECONNECT;
}

static int responses_subscribe(struct nats_connection *connection,
                               const char *text, struct reason *why)
{
    char subject[REPLY_SIZE_MAX];
    natsStatus status;

    (void)snprintf(subject, sizeof(subject), "%s.*", connection->inbox);
    status =
        natsConnection_Subscribe(&connection->responses, connection->connection,
                                 subject, on_response, connection);
    if (status == NATS_OK) {
        status =
            natsSubscription_SetPendingLimits(connection->responses, -1, -1);
    }
    /* Fails if the connection is closed already: then on_end() never comes. */
    if (status == NATS_OK) {
        status = natsSubscription_SetOnCompleteCB(connection->responses, on_end,
                                                  connection);
    }
    if (status != NATS_OK) {
        natsSubscription_Destroy(connection->responses);
        connection->responses = NULL;
        return nats_fail(why, "cannot subscribe", text, status);
    }
    return responses_verify(connection, text, why);
}

/* Leaves it as it was before server_connect(). */
static void server_leave(struct nats_connection *connection)
{
    bool has_end = connection->responses != NULL;

    natsSubscription_Destroy(connection->responses);
    natsConnection_Destroy(connection->connection);
    if (has_end) {
        uv_sem_wait(&connection->end);
    }
    connection->responses = NULL;
    connection->connection = NULL;
}

static int servers_try(struct nats_connection *connection,
                       struct nats_place *place, struct reason *why)
{
    const char *const *urls = connection->options->urls;
    size_t count = 0;
    int result = HAPLO_EINVAL;

    while (urls[count] != NULL) {
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = urls[place->url_index % count];

        connection->serial = ++place->serial;
        result = server_connect(connection, text, why);
        if (result == 0) {
            result = responses_subscribe(connection, text, why);
        }
        if (result == 0) {
            return 0;
        }
        server_leave(connection);
        if (result == HAPLO_ECANCELED) {
            break;
        }
        place->url_index = (place->url_index + 1) % count;
    }
    return result;
}

int nats_connection_open(struct nats_connection **out,
                         const struct nats_options *options,
                         struct nats_place *place,
                         const struct nats_connection_listener *listener,
                         const atomic_bool *is_ending, struct reason *why)
{
    struct nats_connection *connection = calloc(1, sizeof(*connection));
    int result;

    *out = NULL;
    if (connection == NULL || uv_sem_init(&connection->end, 0) != 0) {
        free(connection);
        return no_memory(why);
    }
    connection->options = options;
    connection->listener = listener;
    connection->is_ending = is_ending;
    connection->reader = nats_ack_reader_new();
    result = connection->reader != NULL &&
                     natsInbox_Create(&connection->inbox) == NATS_OK
                 ? servers_try(connection, place, why)
                 : no_memory(why);
    if (result != 0) {
        nats_connection_close(connection);
        return result;
    }
    *out = connection;
    return 0;
}

void nats_connection_close(struct nats_connection *connection)
{
    server_leave(connection);
    natsInbox_Destroy(connection->inbox);
    nats_ack_reader_free(connection->reader);
    uv_sem_destroy(&connection->end);
    free(connection);
}

/* Publishing */

bool nats_connection_is_permitted(struct nats_connection *connection,
                                  struct reason *why)
{
    const char *text = "";

    if (natsConnection_GetLastError(connection->connection, &text) !=
        NATS_NOT_PERMITTED) {
        return true;
    }
    (void)reason_set(why, 0, "NATS: %s: permit it to this user on the server",
                     text);
    return false;
}

static natsStatus headers_set(natsMsg *message, const char *stream,
                              const struct message_headers *headers)
{
    natsStatus status = natsMsgHeader_Set(message, "Nats-Msg-Id", headers->id);

    for (size_t i = 0; i < headers->count && status == NATS_OK; i++) {
        status = natsMsgHeader_Set(message, headers->list[i].name,
                                   headers->list[i].value);
    }
    return status == NATS_OK && stream != NULL
               ? natsMsgHeader_Set(message, "Nats-Expected-Stream", stream)
               : status;
}

static natsStatus message_send(struct nats_connection *connection,
                               const struct nats_message *message)
{
    char reply[REPLY_SIZE_MAX];
    natsMsg *msg = NULL;
    size_t length = strlen(connection->inbox);
    natsStatus status;

    memcpy(reply, connection->inbox, length);
    reply[length] = '.';
    nats_ticket_write(&message->ticket, reply + length + 1);
    status = natsMsg_Create(&msg, message->subject, reply, message->body.data,
                            (int)message->body.size);
    if (status == NATS_OK) {
        status =
            headers_set(msg, connection->options->stream, message->headers);
    }
    if (status == NATS_OK) {
        status = natsConnection_PublishMsg(connection->connection, msg);
    }
    natsMsg_Destroy(msg);
    return status;
}

enum outlet_verdict nats_connection_publish(struct nats_connection *connection,
                                            const struct nats_message *message,
                                            struct reason *why)
{
    natsStatus status = message->body.size > INT32_MAX
                            ? NATS_MAX_PAYLOAD
                            : message_send(connection, message);

    switch (status) {
    case NATS_OK:
        return OUTLET_DELIVERED;
    case NATS_MAX_PAYLOAD:
        (void)reason_set(why, 0,
                         "%zu bytes and headers exceed max_payload of the "
                         "server (%" PRId64 "): raise it there",
                         message->body.size,
                         natsConnection_GetMaxPayload(connection->connection));
        return OUTLET_REFUSED;
    default:
        (void)nats_fail(why, "cannot publish", message->subject, status);
        return OUTLET_RETRY;
    }
}
