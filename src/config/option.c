#include "config/option.h"

#include <string.h>

#include "config/config.h"

#define SECOND 1000ull
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define KIB 1024ull
#define GIB (UINT64_C(1) << 30)

#define SERVERS (LEVEL_DEFAULTS | LEVEL_SERVER)
#define QUEUES (LEVEL_DEFAULTS | LEVEL_SERVER | LEVEL_QUEUE)

#define IN_CONFIG(member) offsetof(struct config, member)
#define IN_SINK(member) offsetof(struct config_sink, member)
#define IN_SERVER(member) offsetof(struct config_server, options.member)
#define IN_QUEUE(member) offsetof(struct config_queue, options.member)
#define IN_KEY offsetof(struct config_queue, key)

/* A row is: name, value, home, levels, min, max, fallback, target, help. */
const struct option_row option_table[OPTION_COUNT] = {
    [OPTION_STATE_DIR] =
        {"state_dir", VALUE_PATH, LEVEL_TOP, LEVEL_TOP, 0, 0, NULL,
         IN_CONFIG(state_dir),
         "The folder of what has to survive a restart. One process at a time "
         "may use it."},
    [OPTION_IN_FLIGHT_MAX] =
        {"in_flight_max", VALUE_COUNT, LEVEL_TOP, LEVEL_TOP, 1, 10000, "256",
         IN_CONFIG(in_flight_max),
         "How many requests may be under way at once, over all servers."},
    [OPTION_UNDELIVERED_MAX] =
        {"undelivered_max", VALUE_SIZE, LEVEL_TOP, LEVEL_TOP, KIB, 64 * GIB,
         "256M", IN_CONFIG(undelivered_bytes_max),
         "No queue is fetched while the messages that are fetched and not yet "
         "stored hold more than this."},
    [OPTION_SINKS] = {"sinks", VALUE_LIST, LEVEL_TOP, LEVEL_TOP, 0, 0, NULL, 0,
                      "The list of places where messages go."},
    [OPTION_DEFAULTS] =
        {"defaults", VALUE_MAPPING, LEVEL_TOP, LEVEL_TOP, 0, 0, "nothing", 0,
         "Values for all servers and queues that do not say otherwise."},
    [OPTION_SERVERS] = {"servers", VALUE_LIST, LEVEL_TOP, LEVEL_TOP, 0, 0, NULL,
                        0, "The list of servers to poll."},

    [OPTION_SINK_NAME] =
        {"name", VALUE_NAME, LEVEL_SINK, LEVEL_SINK, 0, 0, NULL, IN_SINK(name),
         "What queues call the sink. No two sinks share a name. Keep the name "
         "of a sink of type files: it is also that of its ledger, which tells "
         "repeats."},
    [OPTION_SINK_TYPE] =
        {"type", VALUE_SINK_TYPE, LEVEL_SINK, LEVEL_SINK, 0, 0, NULL,
         IN_SINK(type),
         "What kind of sink it is: sqlite, a table in an SQLite database; "
         "files, a folder with a file for each batch."},
    [OPTION_SINK_PATH] = {"path", VALUE_PATH, LEVEL_SINK, LEVEL_SINK, 0, 0,
                          NULL, IN_SINK(path),
                          "The database file, or the folder. It is made if "
                          "there is none. No two sinks share a path."},

    [OPTION_SERVER_NAME] =
        {"name", VALUE_NAME, LEVEL_SERVER, LEVEL_SERVER, 0, 0, NULL,
         IN_SERVER(name),
         "What logs, metrics and sinks call the server. No two servers share "
         "a name. Stored messages are told apart by it: keep it when the "
         "server moves to another URL."},
    [OPTION_URL] = {"url", VALUE_URL, LEVEL_SERVER, LEVEL_SERVER, 0, 0, NULL,
                    IN_SERVER(url),
                    "The server's URL, https://HOST or https://HOST:PORT."},
    [OPTION_ALLOW_HTTP] =
        {"allow_http", VALUE_BOOL, LEVEL_SERVER, LEVEL_SERVER, 0, 0, "false",
         IN_SERVER(allow_http),
         "Allows an http:// URL to a host other than this one. API keys then "
         "cross the network in clear."},
    [OPTION_TLS_CA_FILE] =
        {"tls_ca_file", VALUE_FILE, LEVEL_SERVER, SERVERS, 0, 0, "none",
         IN_SERVER(tls_ca_file),
         "PEM file of the certificates to trust. With none, those that the "
         "system trusts."},
    [OPTION_TLS_CERTIFICATE_FILE] =
        {"tls_certificate_file", VALUE_FILE, LEVEL_SERVER, SERVERS, 0, 0,
         "none", IN_SERVER(tls_certificate_file),
         "PEM file of a client certificate to show to the server."},
    [OPTION_TLS_KEY_FILE] =
        {"tls_key_file", VALUE_PRIVATE_FILE, LEVEL_SERVER, SERVERS, 0, 0,
         "none", IN_SERVER(tls_key_file),
         "PEM file of the client certificate's private key. Others must not "
         "be able to read it."},
    [OPTION_PROXY] =
        {"proxy", VALUE_PROXY, LEVEL_SERVER, SERVERS, 0, 0, "none",
         IN_SERVER(proxy),
         "URL of a proxy: http, https, socks5h or socks4a. Proxies named in "
         "the environment are never used."},
    [OPTION_MAX_IN_FLIGHT] =
        {"max_in_flight", VALUE_COUNT, LEVEL_SERVER, SERVERS, 1, 1000, "1",
         IN_SERVER(in_flight_max),
         "How many requests to the server may be under way at once. A server "
         "runs 8 at most and serves people too."},
    [OPTION_CONNECT_TIMEOUT] =
        {"connect_timeout", VALUE_DURATION, LEVEL_SERVER, SERVERS, 1, HOUR,
         "10s", IN_SERVER(connect_timeout_ms),
         "The longest wait for the name, the connection and TLS."},
    [OPTION_FIRST_BYTE_TIMEOUT] =
        {"first_byte_timeout", VALUE_DURATION, LEVEL_SERVER, SERVERS, 1, HOUR,
         "60s", IN_SERVER(first_byte_timeout_ms),
         "The longest wait from the request to the first byte of its answer. "
         "The first request after a deployment is slow."},
    [OPTION_STALL_TIMEOUT] =
        {"stall_timeout", VALUE_DURATION, LEVEL_SERVER, SERVERS, 1, HOUR, "30s",
         IN_SERVER(stall_timeout_ms),
         "The longest wait between two bytes of an answer."},
    [OPTION_TOTAL_TIMEOUT] =
        {"total_timeout", VALUE_DURATION, LEVEL_SERVER, SERVERS, 1, DAY, "120s",
         IN_SERVER(total_timeout_ms),
         "The longest time that a whole request may take."},
    [OPTION_FAILED_LOGINS_MAX] =
        {"failed_logins_max", VALUE_COUNT, LEVEL_SERVER, SERVERS, 1, 40, "5",
         IN_SERVER(failed_logins_max),
         "How many refused keys in a row until keys that are not proven wait. "
         "At 50 a server locks out this address, people included."},
    [OPTION_BREAKER_FAILURES] =
        {"breaker_failures", VALUE_COUNT, LEVEL_SERVER, SERVERS, 1, 1000, "5",
         IN_SERVER(breaker_failures),
         "How many failures in a row until the server is left alone for a "
         "while and then tried with one request."},
    [OPTION_QUEUES] = {"queues", VALUE_LIST, LEVEL_SERVER, LEVEL_SERVER, 0, 0,
                       NULL, 0, "The list of the server's queues to poll."},

    [OPTION_QUEUE_NAME] =
        {"name", VALUE_QUEUE_NAME, LEVEL_QUEUE, LEVEL_QUEUE, 0, 0, NULL,
         IN_QUEUE(name),
         "The queue's name, exactly as in its poll URL. No two queues of a "
         "server share a name."},
    [OPTION_API_KEY_FILE] =
        {"api_key_file", VALUE_KEY_FILE, LEVEL_QUEUE,
         LEVEL_SERVER | LEVEL_QUEUE, 0, 0, "one of the three", IN_KEY,
         "File that holds the API key and nothing else. Others must not be "
         "able to read it. At a server, the key of all its queues that have "
         "none of their own."},
    [OPTION_API_KEY_ENV] =
        {"api_key_env", VALUE_KEY_ENV, LEVEL_QUEUE, LEVEL_SERVER | LEVEL_QUEUE,
         0, 0, "one of the three", IN_KEY,
         "Environment variable that holds the API key, instead of a file."},
    [OPTION_API_KEY_CREDENTIAL] =
        {"api_key_credential", VALUE_KEY_CREDENTIAL, LEVEL_QUEUE,
         LEVEL_SERVER | LEVEL_QUEUE, 0, 0, "one of the three", IN_KEY,
         "Name of a systemd credential that holds the API key, instead of a "
         "file. See LoadCredential in systemd.exec(5)."},
    [OPTION_SINK] =
        {"sink", VALUE_SINK, LEVEL_QUEUE, QUEUES, 0, 0, "the only sink",
         offsetof(struct config_queue, sink),
         "Name of the sink that the messages go to. It may be left out where "
         "there is exactly one sink."},
    [OPTION_INTERVAL] =
        {"interval", VALUE_DURATION, LEVEL_QUEUE, QUEUES, 10, 7 * DAY, "60s",
         IN_QUEUE(interval_ms),
         "How long to wait between two polls of a queue that has nothing "
         "left. While it has more it is polled at once."},
    [OPTION_INTERVAL_MAX] =
        {"interval_max", VALUE_DURATION, LEVEL_QUEUE, QUEUES, 10, 7 * DAY,
         "none", IN_QUEUE(interval_max_ms),
         "While the queue stays empty the interval grows up to this. With "
         "none it does not grow."},
    [OPTION_BACKOFF] = {"backoff", VALUE_DURATION, LEVEL_QUEUE, QUEUES, 1, DAY,
                        "1s", IN_QUEUE(backoff_ms),
                        "The wait after a first failure."},
    [OPTION_BACKOFF_MAX] = {"backoff_max", VALUE_DURATION, LEVEL_QUEUE, QUEUES,
                            1, 7 * DAY, "5m", IN_QUEUE(backoff_max_ms),
                            "The longest wait after repeated failures."},
    [OPTION_REFUSED_WAIT] =
        {"refused_wait", VALUE_DURATION, LEVEL_QUEUE, QUEUES, SECOND, 7 * DAY,
         "15m", IN_QUEUE(refused_ms),
         "The wait after the server refused the API key. A changed key is "
         "tried at once."},
    [OPTION_MARK_ATTEMPTS_MAX] =
        {"mark_attempts_max", VALUE_COUNT, LEVEL_QUEUE, QUEUES, 1, 100, "4",
         IN_QUEUE(mark_attempts_max),
         "How often the same mark is tried before the queue is fetched "
         "afresh."},
    [OPTION_DELIVER_ATTEMPTS_MAX] =
        {"deliver_attempts_max", VALUE_COUNT, LEVEL_QUEUE, QUEUES, 1, 1000000,
         "none", IN_QUEUE(deliver_attempts_max),
         "How often a batch is offered to its sink before it counts as "
         "rejected. With none, without end."},
    [OPTION_MAX_BODY] = {"max_body", VALUE_SIZE, LEVEL_QUEUE, QUEUES, KIB,
                         4 * GIB, "64M", IN_QUEUE(body_bytes_max),
                         "The largest answer to accept, after decompression. "
                         "Reading one can take three times as much memory."},
    [OPTION_FORMAT] =
        {"format", VALUE_FORMAT, LEVEL_QUEUE, QUEUES, 0, 0, "json",
         IN_QUEUE(format),
         "What an answer is: json, with messages and token found by the "
         "pointers below, or raw, one message with the token found by "
         "token_pattern."},
    [OPTION_TOKEN_POINTER] =
        {"token_pointer", VALUE_POINTER, LEVEL_QUEUE, QUEUES, 0, 0, "/token",
         IN_QUEUE(token_pointer),
         "JSON pointer (RFC 6901) to the token. For the format json."},
    [OPTION_MESSAGES_POINTER] =
        {"messages_pointer", VALUE_POINTER, LEVEL_QUEUE, QUEUES, 0, 0,
         "/messages", IN_QUEUE(messages_pointer),
         "JSON pointer (RFC 6901) to the list of messages. For the format "
         "json."},
    [OPTION_TOKEN_PATTERN] =
        {"token_pattern", VALUE_PATTERN, LEVEL_QUEUE, QUEUES, 0, 0, "none",
         IN_QUEUE(token_pattern),
         "POSIX extended regular expression that finds the token: its first "
         "group, or all of it. It works on bytes, and has no references back "
         "to a group. The format raw needs it."},
    [OPTION_CONTENT_TYPE] =
        {"content_type", VALUE_CONTENT_TYPE, LEVEL_QUEUE, QUEUES, 0, 0, "none",
         IN_QUEUE(content_type),
         "The content type that an answer must have. With none, "
         "application/json for the format json, and anything but text/html "
         "for raw."},
};

static const struct {
    enum option_level level; /* */
    const char *text;        /* in a sentence */
} levels[] = {
    {LEVEL_TOP, "the top level"}, {LEVEL_DEFAULTS, "defaults"},
    {LEVEL_SINK, "a sink"},       {LEVEL_SERVER, "a server"},
    {LEVEL_QUEUE, "a queue"},
};

int option_has_none(const struct option_row *row)
{
    return row->fallback != NULL && strcmp(row->fallback, "none") == 0;
}

const char *option_level_text(enum option_level level)
{
    size_t i = 0;
    while (levels[i].level != level) {
        i++;
    }
    return levels[i].text;
}

const struct option_row *option_find(const char *name, enum option_level level)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((option_table[i].levels & level) != 0 &&
            strcmp(option_table[i].name, name) == 0) {
            return &option_table[i];
        }
    }
    return NULL;
}

#define SUGGEST_SIZE_MAX 40 /* longer names resemble none of the table */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps that turn a into b. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][SUGGEST_SIZE_MAX + 1];
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    for (size_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t *before = rows[(i + 1) % 3];
        size_t *above = rows[(i - 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t cost = a[i - 1] != b[j - 1];
            row[j] =
                least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
    }
    return rows[a_size % 3][b_size];
}

const struct option_row *option_suggest(const char *name,
                                        enum option_level level)
{
    size_t size = strlen(name);
    if (size < 2 || size > SUGGEST_SIZE_MAX) {
        return NULL;
    }
    const struct option_row *nearest = NULL;
    size_t nearest_distance = 1 + size / 3;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_table[i];
        if ((row->levels & level) == 0) {
            continue;
        }
        /* "api_key" is far from "api_key_file" but clearly means it. */
        if (size > 3 && strncmp(row->name, name, size) == 0) {
            return row;
        }
        size_t distance = edit_distance(name, row->name);
        if (distance < nearest_distance ||
            (nearest == NULL && distance == nearest_distance)) {
            nearest = row;
            nearest_distance = distance;
        }
    }
    return nearest;
}
