/*
 * config_server_rows.c - the options of servers and queues, and how a queue's
 * API key is given.
 */
#include <stdio.h>
#include <string.h>

#include "base/key_shape.h"
#include "base/reason.h"
#include "config/config_options.h"

#define SECOND 1000ull
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define KIB 1024ull
#define GIB (UINT64_C(1) << 30)

#define IN_SERVER(member) \
    .offset = offsetof(struct haplo_server_options, member)
#define IN_QUEUE(member) .offset = offsetof(struct queue_values, options.member)

/* RFC 6901: each segment begins with "/"; "~" is followed by 0 or 1. */
static int pointer_check(const char *value, char *why, size_t why_size)
{
    int depth = 0;
    for (const char *c = value; *c != '\0'; c++) {
        depth += *c == '/';
        if (*c == '~' && c[1] != '0' && c[1] != '1') {
            return reason_write(
                why, why_size, HAPLO_EINVAL,
                "invalid JSON pointer: write ~0 for ~ and ~1 for / in a "
                "name");
        }
    }
    if (value[0] != '/') {
        return reason_write(
            why, why_size, HAPLO_EINVAL,
            "invalid JSON pointer: begin it with a slash, as in /token or "
            "/result/items");
    }
    if (depth > HAPLO_POINTER_DEPTH_MAX) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "more than %d segments: shorten it",
                            HAPLO_POINTER_DEPTH_MAX);
    }
    return 0;
}

static int content_type_check(const char *value, char *why, size_t why_size)
{
    const char *slash = strchr(value, '/');
    if (slash == NULL || slash == value || slash[1] == '\0' ||
        strpbrk(value, " \t\r\n;") != NULL) {
        return reason_write(
            why, why_size, HAPLO_EINVAL,
            "invalid content type: write it like application/json, "
            "without parameters");
    }
    return 0;
}

static int pattern_check(const char *value, char *why, size_t why_size)
{
    char reason[HAPLO_TEXT_SIZE_MAX];
    int error = haplo_token_pattern_check(value, reason, sizeof reason);
    if (error != 0) {
        (void)reason_write(why, why_size, 0,
                           "%s: write it like <token>([^<]+)</token>", reason);
    }
    return error;
}

/* Logs show URLs and paths. */
static int part_check(const char *value, char *why, size_t why_size)
{
    return api_key_is_part(value)
               ? reason_write(why, why_size, HAPLO_EINVAL,
                              "a part of its path looks like an API key, and "
                              "logs would show it: remove it, and give the "
                              "key's file as api_key_file")
               : 0;
}

/* Whether http is allowed is known only once the whole server is. */
static int url_check(const char *value, char *why, size_t why_size)
{
    int error = haplo_url_check(value, true, why, why_size);
    return error != 0 ? error : part_check(value, why, why_size);
}

static int path_check(const char *value, char *why, size_t why_size)
{
    int error = haplo_path_check(value, why, why_size);
    return error != 0 ? error : part_check(value, why, why_size);
}

static const struct option_row server_own_rows[] = {
    {
        .name = "name",
        .value = OPTION_TEXT,
        .word = "name",
        .check = haplo_name_check,
        IN_SERVER(name),
        .help = "The server's name in logs, metrics and inboxes. It must be "
                "unique among the servers. Stored messages carry it: keep it "
                "when the server moves to another URL.",
    },
    {
        .name = "url",
        .value = OPTION_TEXT,
        .word = "URL",
        .check = url_check,
        IN_SERVER(url),
        .help = "The server's URL, https://HOST or https://HOST:PORT. A path "
                "may follow, as in https://HOST/haplo, if a reverse proxy "
                "gives it to the server; but neither a user nor a query, as "
                "both may be secret. A host name outside ASCII is written as "
                "xn--..., which idn2 prints. Names in use are looked up every "
                "minute, and connections to "
                "addresses that a name no longer has are not used again.",
    },
    {
        .name = "allow_http",
        .value = OPTION_BOOL,
        .fallback = "false",
        IN_SERVER(allow_http),
        .help = "Allows an http:// URL to a host other than this one. API keys "
                "then cross the network unencrypted.",
    },
    {
        .name = "login_group",
        .value = OPTION_TEXT,
        .fallback = "none",
        .word = "name",
        .check = haplo_name_check,
        IN_SERVER(login_group),
        .help = "Entries that are one actual server share a budget of failed "
                "logins, and are silent together after a throttle: those with "
                "the same host name or a common address, and the same port. "
                "Where that is wrong, name the group here: servers with the "
                "same login_group share, whatever their addresses. Needed for "
                "several host names of one server that are reached through a "
                "proxy, and, with a group for each, for several Haplo servers "
                "behind one address.",
    },
    {
        .name = "queues",
        .value = OPTION_GROUP,
        .word = "list",
        .help = "The list of the server's queues to poll.",
    },
};
const struct option_table server_own_options = OPTION_TABLE(server_own_rows);

static const struct option_row server_rows[] = {
    {
        .name = "fetch_path",
        .value = OPTION_TEXT,
        .word = "path",
        .fallback = "/api/haplo-integration-messages/poll/{queue}/fetch",
        .check = path_check,
        IN_SERVER(fetch_path),
        .help = "The path of a fetch, which follows the URL. {queue} stands "
                "for the name of the queue. Only for a server that has been "
                "modified, as are the three options below.",
    },
    {
        .name = "mark_path",
        .value = OPTION_TEXT,
        .word = "path",
        .fallback = "/api/haplo-integration-messages/poll/{queue}/mark",
        .check = path_check,
        IN_SERVER(mark_path),
        .help = "The path of a mark, likewise.",
    },
    {
        .name = "user",
        .value = OPTION_SECRET,
        .word = "name",
        .fallback = "haplo",
        .check = haplo_user_check,
        IN_SERVER(user),
        .help = "The user that logs in with the API key, in HTTP Basic "
                "authentication.",
    },
    {
        .name = "token_field",
        .value = OPTION_TEXT,
        .word = "name",
        .fallback = "token",
        .check = haplo_field_check,
        IN_SERVER(token_field),
        .help = "The field of the form that carries the token of a mark.",
    },
    {
        .name = "tls_ca_file",
        .value = OPTION_FILE,
        .fallback = "none",
        IN_SERVER(tls_ca_file),
        .help = "PEM file of the CA certificates to trust. With none, the "
                "system's. A replaced file takes effect within a second, and "
                "connections made with the old one are no longer used. A file "
                "with a malformed block is not trusted at all; what was read "
                "before then stays in use.",
    },
    {
        .name = "tls_certificate_file",
        .value = OPTION_FILE,
        .fallback = "none",
        IN_SERVER(tls_certificate_file),
        .help = "PEM file of a client certificate to present to the server. "
                "When it is replaced together with its key, the new one takes "
                "effect within a second, and connections made with the old one "
                "are no longer used.",
    },
    {
        .name = "tls_key_file",
        .value = OPTION_PRIVATE_FILE,
        .fallback = "none",
        IN_SERVER(tls_key_file),
        .help = "PEM file of the client certificate's private key. Others must "
                "not be able to read it. It must not be encrypted: nobody is "
                "asked for a passphrase.",
    },
    {
        .name = "proxy",
        .value = OPTION_SECRET,
        .fallback = "none",
        .word = "URL",
        .check = haplo_proxy_check,
        IN_SERVER(proxy),
        .help = "URL of a proxy: http, https, socks5h or socks4a. Proxies "
                "named in the environment are never used.",
    },
    {
        .name = "max_in_flight",
        .value = OPTION_COUNT_32,
        .min = 1,
        .max = 1000,
        .fallback = "1",
        IN_SERVER(in_flight_max),
        .help = "The maximum number of concurrent requests to the server. A "
                "server runs 8 at a time, and serves people as well. All "
                "servers of a login_group together get as many as the one "
                "with the most, or 40. With more than 40, keys that are all "
                "revoked at the same moment may lock out this address: see "
                "failed_logins_max.",
    },
    {
        .name = "connect_timeout",
        .value = OPTION_DURATION,
        .min = 1,
        .max = HOUR,
        .fallback = "10s",
        IN_SERVER(connect_timeout_ms),
        .help = "Time limit for resolving the host, connecting and the TLS "
                "handshake.",
    },
    {
        .name = "first_byte_timeout",
        .value = OPTION_DURATION,
        .min = 1,
        .max = HOUR,
        .fallback = "60s",
        IN_SERVER(first_byte_timeout_ms),
        .help = "Time limit from the request to the first byte of the "
                "response. The first request after a deployment is slow.",
    },
    {
        .name = "stall_timeout",
        .value = OPTION_DURATION,
        .min = 1,
        .max = HOUR,
        .fallback = "30s",
        IN_SERVER(stall_timeout_ms),
        .help = "Time limit between two bytes of a response.",
    },
    {
        .name = "total_timeout",
        .value = OPTION_DURATION,
        .min = 1,
        .max = DAY,
        .fallback = "120s",
        IN_SERVER(total_timeout_ms),
        .help = "Time limit for a whole request.",
    },
    {
        .name = "failed_logins_max",
        .value = OPTION_COUNT_32,
        .min = 1,
        .max = 40,
        .fallback = "5",
        IN_SERVER(failed_logins_max),
        .help = "After this many refused API keys in a row, keys that never "
                "worked have to wait; after twice as many, all keys. After 50 "
                "the server locks out this address, people included; so at "
                "most 40 requests are in flight or refused in a row, over all "
                "servers of a login_group, unless max_in_flight is larger.",
    },
    {
        .name = "breaker_failures",
        .value = OPTION_COUNT_32,
        .min = 1,
        .max = 1000,
        .fallback = "5",
        IN_SERVER(breaker_failures),
        .help = "After this many failures in a row the server is left alone "
                "for a while, then probed with one request.",
    },
};
const struct option_table config_server_rows = OPTION_TABLE(server_rows);

static const struct option_row queue_own_rows[] = {
    {
        .name = "name",
        .value = OPTION_REFERENCE,
        .word = "name",
        .help = "The queue's name, exactly as in its poll URL. It must be "
                "unique among the server's queues.",
    },
};
const struct option_table queue_own_options = OPTION_TABLE(queue_own_rows);

static const struct option_row key_rows[] = {
    {
        .name = "api_key_file",
        .value = OPTION_REFERENCE,
        .fallback = "one of the four",
        .word = "path",
        .help = "File that holds the API key and nothing else. Others must not "
                "be able to read it. At a server, it is the key of all queues "
                "without their own.",
    },
    {
        .name = "api_key_env",
        .value = OPTION_REFERENCE,
        .fallback = "one of the four",
        .word = "name",
        .help = "Environment variable that holds the API key.",
    },
    {
        .name = "api_key_credential",
        .value = OPTION_REFERENCE,
        .fallback = "one of the four",
        .word = "name",
        .help = "Name of a systemd credential that holds the API key. See "
                "LoadCredential in systemd.exec(5).",
    },
    {
        .name = "api_key_command",
        .value = OPTION_TEXT_LIST,
        .fallback = "one of the four",
        .word = "list of words",
        .help =
            "A command that prints the API key and nothing else: a program "
            "and its arguments. It runs when the process starts, and again "
            "when the server refuses the key; see API keys from commands in "
            "haplo-poll.yaml(5).",
    },
};
const struct option_table key_options = OPTION_TABLE(key_rows);

static const struct option_row queue_rows[] = {
    {
        .name = "inbox",
        .value = OPTION_REFERENCE,
        .fallback = "the only inbox",
        .word = "name",
        .offset = offsetof(struct queue_values, inbox),
        .help = "The inbox that stores the messages. It may be omitted if "
                "there is exactly one.",
    },
    {
        .name = "interval",
        .value = OPTION_DURATION,
        .min = 10,
        .max = 7 * DAY,
        .fallback = "60s",
        IN_QUEUE(interval_ms),
        .help = "The wait between two polls of an empty queue. A queue that "
                "has more messages is polled again at once.",
    },
    {
        .name = "interval_max",
        .value = OPTION_DURATION,
        .min = 10,
        .max = 7 * DAY,
        .fallback = "none",
        IN_QUEUE(interval_max_ms),
        .help = "While the queue stays empty, the interval grows up to this. "
                "With none, it does not grow.",
    },
    {
        .name = "backoff",
        .value = OPTION_DURATION,
        .min = 1,
        .max = DAY,
        .fallback = "1s",
        IN_QUEUE(backoff_ms),
        .help = "The wait after the first failure.",
    },
    {
        .name = "backoff_max",
        .value = OPTION_DURATION,
        .min = 1,
        .max = 7 * DAY,
        .fallback = "5m",
        IN_QUEUE(backoff_max_ms),
        .help = "The longest wait after repeated failures.",
    },
    {
        .name = "refused_wait",
        .value = OPTION_DURATION,
        .min = SECOND,
        .max = 7 * DAY,
        .fallback = "15m",
        IN_QUEUE(refused_ms),
        .help = "The wait after the server refused the API key. A changed key "
                "is tried at once.",
    },
    {
        .name = "mark_attempts_max",
        .value = OPTION_COUNT_32,
        .min = 1,
        .max = 100,
        .fallback = "4",
        IN_QUEUE(mark_attempts_max),
        .help = "How often the same mark is attempted before the queue is "
                "fetched again.",
    },
    {
        .name = "max_body",
        .value = OPTION_SIZE,
        .min = KIB,
        .max = 4 * GIB,
        .fallback = "64M",
        IN_QUEUE(body_bytes_max),
        .help = "The largest response to accept, after decompression. Parsing "
                "one can take three times as much memory.",
    },
    {
        .name = "format",
        .value = OPTION_CHOICE,
        .choices = "json raw",
        .fallback = "json",
        IN_QUEUE(format),
        .help = "What a response is. With json, the pointers below find the "
                "messages and the token. With raw, the whole response is one "
                "message, and token_pattern finds the token.",
    },
    {
        .name = "token_pointer",
        .value = OPTION_TEXT,
        .word = "pointer",
        .fallback = "/token",
        .check = pointer_check,
        IN_QUEUE(token_pointer),
        .help = "JSON pointer (RFC 6901) to the token, for the format json.",
    },
    {
        .name = "messages_pointer",
        .value = OPTION_TEXT,
        .word = "pointer",
        .fallback = "/messages",
        .check = pointer_check,
        IN_QUEUE(messages_pointer),
        .help = "JSON pointer (RFC 6901) to the list of messages, for the "
                "format json.",
    },
    {
        .name = "token_pattern",
        .value = OPTION_TEXT,
        .word = "pattern",
        .fallback = "none",
        .check = pattern_check,
        IN_QUEUE(token_pattern),
        .help = "POSIX extended regular expression that finds the token: its "
                "first group, or the whole match. It matches bytes and has no "
                "back references. The format raw requires it.",
    },
    {
        .name = "content_type",
        .value = OPTION_TEXT,
        .word = "type",
        .fallback = "none",
        .check = content_type_check,
        IN_QUEUE(content_type),
        .help = "The content type that a response must have. With none, "
                "application/json for the format json, and anything except "
                "text/html for raw.",
    },
};
const struct option_table config_queue_rows = OPTION_TABLE(queue_rows);
