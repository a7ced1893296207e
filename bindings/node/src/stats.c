/* stats.c - the library's statistics as objects of JavaScript: each struct of
 * haplopoll.h has a table, whose rows name its members in camelCase. */
#include "stats.h"

enum stat_kind {
    STAT_UNSIGNED,
    STAT_SIZE,
    STAT_UINT64,
    STAT_KNOWN, /* int64_t; null where it is unknown */
    STAT_BOOL,
    STAT_ERROR, /* int; null for none */
    STAT_TEXT,
    STAT_QUEUE_STATE,
    STAT_SERVER_STATE
};

struct statistic {
    const char *name; /* NULL: the end of the table */
    enum stat_kind kind;
    size_t offset;
};

#define POLLER(name, kind, member)                                     \
    {                                                                  \
        name, STAT_##kind, offsetof(struct haplo_poller_stats, member) \
    }
#define SERVER(name, kind, member)                                     \
    {                                                                  \
        name, STAT_##kind, offsetof(struct haplo_server_stats, member) \
    }
#define QUEUE(name, kind, member)                                     \
    {                                                                 \
        name, STAT_##kind, offsetof(struct haplo_queue_stats, member) \
    }

static const struct statistic poller_table[] = {
    POLLER("inFlight", UNSIGNED, in_flight),
    POLLER("undeliveredBytes", SIZE, undelivered_bytes),
    POLLER("serverCount", SIZE, server_count),
    POLLER("queueCount", SIZE, queue_count),
    POLLER("connectionCount", UINT64, connection_count),
    {NULL, STAT_BOOL, 0},
};

static const struct statistic server_table[] = {
    SERVER("state", SERVER_STATE, state),
    SERVER("inFlight", UNSIGNED, in_flight),
    SERVER("failures", UNSIGNED, failures),
    SERVER("failedLogins", UNSIGNED, failed_logins),
    SERVER("loginsHeld", BOOL, logins_held),
    SERVER("waitMs", UINT64, wait_ms),
    SERVER("error", ERROR, error),
    SERVER("errorText", TEXT, error_text),
    SERVER("queueCount", SIZE, queue_count),
    SERVER("requestCount", UINT64, request_count),
    SERVER("failedLoginCount", UINT64, failed_login_count),
    SERVER("throttleCount", UINT64, throttle_count),
    SERVER("certificateExpiresMs", UINT64, certificate_expires_ms),
    SERVER("caCertificateExpiresMs", UINT64, ca_certificate_expires_ms),
    SERVER("clientCertificateExpiresMs", UINT64, client_certificate_expires_ms),
    {NULL, STAT_BOOL, 0},
};

static const struct statistic queue_table[] = {
    QUEUE("state", QUEUE_STATE, state),
    QUEUE("generation", UINT64, generation),
    QUEUE("unconfirmedCount", SIZE, unconfirmed_count),
    QUEUE("unreadCount", KNOWN, unread_count),
    QUEUE("waitMs", UINT64, wait_ms),
    QUEUE("failures", UNSIGNED, failures),
    QUEUE("error", ERROR, error),
    QUEUE("errorText", TEXT, error_text),
    QUEUE("fetchCount", UINT64, fetch_count),
    QUEUE("batchCount", UINT64, batch_count),
    QUEUE("messageCount", UINT64, message_count),
    QUEUE("markedBatchCount", UINT64, marked_batch_count),
    QUEUE("markedMessageCount", UINT64, marked_message_count),
    QUEUE("failureCount", UINT64, failure_count),
    QUEUE("deliverRetryCount", UINT64, deliver_retry_count),
    QUEUE("foreignMarkCount", UINT64, foreign_mark_count),
    QUEUE("bodyBytes", UINT64, body_bytes),
    QUEUE("keyProven", BOOL, key_proven),
    {NULL, STAT_BOOL, 0},
};

static napi_value value_of(napi_env env, enum stat_kind kind,
                           const void *member)
{
    const char *const *text = member;
    switch (kind) {
    case STAT_UNSIGNED:
        return js_number(env, *(const unsigned *)member);
    case STAT_SIZE:
        return js_number(env, *(const size_t *)member);
    case STAT_UINT64:
        return js_number(env, *(const uint64_t *)member);
    case STAT_KNOWN:
        return js_known(env, *(const int64_t *)member);
    case STAT_BOOL:
        return js_bool(env, *(const bool *)member);
    case STAT_ERROR:
        return js_error_code(env, *(const int *)member);
    case STAT_TEXT:
        return js_string(env, *text != NULL ? *text : "");
    case STAT_QUEUE_STATE:
        return js_string(env, haplo_queue_state_name(
                                  *(const enum haplo_queue_state *)member));
    case STAT_SERVER_STATE:
        break;
    }
    return js_string(
        env, haplo_server_state_name(*(const enum haplo_server_state *)member));
}

static napi_value object_of(napi_env env, const struct statistic *table,
                            const void *stats)
{
    napi_value object = NULL;
    if (!js_ok(env, napi_create_object(env, &object))) {
        return NULL;
    }
    for (; table->name != NULL; table++) {
        const void *member = (const char *)stats + table->offset;
        if (!js_set(env, object, table->name,
                    value_of(env, table->kind, member))) {
            return NULL;
        }
    }
    return object;
}

napi_value stats_of_poller(napi_env env, const struct haplo_poller *poller)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof(stats)};
    haplo_poller_get_stats(poller, &stats);
    return object_of(env, poller_table, &stats);
}

napi_value stats_of_server(napi_env env, const struct haplo_server *server)
{
    struct haplo_server_stats stats = {.struct_size = sizeof(stats)};
    haplo_server_get_stats(server, &stats);
    return object_of(env, server_table, &stats);
}

napi_value stats_of_queue(napi_env env, const struct haplo_queue *queue)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof(stats)};
    haplo_queue_get_stats(queue, &stats);
    return object_of(env, queue_table, &stats);
}
