/*
 * webhook_options.c - the type of the webhook outlet: its options, and what is
 * checked about them before anything runs.
 */
#include "outlets/webhook/webhook_options.h"

#include <string.h>

#include "http/url.h"
#include "outlets/webhook/webhook_batch.h"
#include "outlets/webhook/webhook_private.h"
#include "outlets/webhook/webhook_secrets.h"
#include "outlets/webhook/webhook_url.h"

#define IN_OPTIONS(field) .offset = offsetof(struct webhook_options, field)

static const struct option_row option_rows[] = {
    {
        .name = "url",
        .value = OPTION_SECRET,
        .word = "URL",
        IN_OPTIONS(url),
        .help = "Where messages are sent, by POST: https://HOST/PATH. Only its "
                "host appears in logs, because its path may contain a secret. "
                "Redirects are not followed. See haplo-webhook(5) for what is "
                "sent.",
    },
    {
        .name = "allow_http",
        .value = OPTION_BOOL,
        .fallback = "false",
        IN_OPTIONS(allow_http),
        .help = "Allows an http:// URL to a host other than this one. Messages "
                "and passwords then cross the network unencrypted.",
    },
    {
        .name = "batch",
        .value = OPTION_COUNT_32,
        .min = 1,
        .max = WEBHOOK_BATCH_COUNT_MAX,
        .fallback = "50",
        IN_OPTIONS(batch),
        .help = "The maximum number of messages of one request. They come from "
                "one batch of a queue. With 1, the body of a request is the "
                "message itself, instead of a document that contains it.",
    },
    {
        .name = "batch_size_max",
        .value = OPTION_SIZE,
        .min = 1024,
        .max = UINT64_C(1) << 30,
        .fallback = "1000K",
        IN_OPTIONS(batch_bytes_max),
        .help = "The maximum size of the messages of one request. A larger "
                "message is sent alone.",
    },
    {
        .name = "connect_timeout",
        .value = OPTION_DURATION,
        .min = 10,
        .max = 3600000,
        .fallback = "10s",
        IN_OPTIONS(connect_timeout_ms),
        .help = "Limit for name resolution, connection and TLS handshake.",
    },
    {
        .name = "total_timeout",
        .value = OPTION_DURATION,
        .min = 10,
        .max = 3600000,
        .fallback = "30s",
        IN_OPTIONS(total_timeout_ms),
        .help = "The time in which a request must be answered. When it has "
                "passed, the request is sent again later, with the same "
                "webhook-id.",
    },
    {
        .name = "rate_limit",
        .value = OPTION_COUNT_32,
        .min = 1,
        .max = 100000,
        .fallback = "none",
        IN_OPTIONS(rate_limit),
        .help = "The maximum number of requests a second.",
    },
    SECRET_ROWS("signing_secret", struct webhook_options, signing_secret,
                "the secret that requests are signed with, as Standard "
                "Webhooks defines it: whsec_ and the base64 of 24 to 64 random "
                "bytes; while it is being replaced, the new one and the old "
                "one, each in a line"),
    {
        .name = "user",
        .value = OPTION_TEXT,
        .fallback = "none",
        IN_OPTIONS(user),
        .help = "The user for basic authentication.",
    },
    SECRET_ROWS("password", struct webhook_options, password,
                "the password of user"),
    SECRET_ROWS("token", struct webhook_options, token,
                "a bearer token to authenticate with"),
    {.name = "headers",
     .value = OPTION_TEXT_LIST,
     .fallback = "none",
     IN_OPTIONS(headers),
     .help = "Additional headers of each request: a list of \"Name: value\"."},
    SECRET_ROWS("secret_headers", struct webhook_options, secret_headers,
                "additional headers that contain secrets, one \"Name: value\" "
                "a line"),
    {
        .name = "tls_ca_file",
        .value = OPTION_FILE,
        .fallback = "none",
        IN_OPTIONS(tls_ca_file),
        .help = "PEM file of the CA certificates to trust. With none, the "
                "system's. A replaced file takes effect within a second.",
    },
    {
        .name = "tls_certificate_file",
        .value = OPTION_FILE,
        .fallback = "none",
        IN_OPTIONS(tls_certificate_file),
        .help = "PEM file of a client certificate to present.",
    },
    {
        .name = "tls_key_file",
        .value = OPTION_PRIVATE_FILE,
        .fallback = "none",
        IN_OPTIONS(tls_key_file),
        .help = "PEM file of the client certificate's private key, not "
                "encrypted. Others must not be able to read it.",
    },
    {
        .name = "proxy",
        .value = OPTION_SECRET,
        .fallback = "none",
        .word = "URL",
        .check = haplo_proxy_check,
        IN_OPTIONS(proxy),
        .help = "URL of a proxy: http, https, socks5h or socks4a. Proxies "
                "named in the environment are never used.",
    },
};

/* Checking */

static int url_check(const struct webhook_options *options, struct reason *why)
{
    struct webhook_url url;
    int error = webhook_url_read(&url, options->url, options->allow_http, why);

    webhook_url_free(&url);
    return error;
}

static int login_check(const struct webhook_options *options,
                       struct reason *why)
{
    bool has_password = secret_is_given(&options->password);

    if ((options->user != NULL) != has_password) {
        return reason_set(why, HAPLO_EINVAL,
                          has_password ? "password: there is no user: add user"
                                       : "user: there is no password: add "
                                         "password_file");
    }
    if (options->user != NULL && strchr(options->user, ':') != NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "user: basic authentication does not allow a colon "
                          "in it");
    }
    if (options->user != NULL && secret_is_given(&options->token)) {
        return reason_set(why, HAPLO_EINVAL,
                          "user and token: keep one of them");
    }
    if (options->tls_key_file != NULL &&
        options->tls_certificate_file == NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "tls_key_file: there is no certificate for it: add "
                          "tls_certificate_file");
    }
    return 0;
}

/* Of each secret, at most one place, which can be read. */
static int places_check(const struct webhook_options *options, char *why,
                        size_t why_size)
{
    const struct {
        const char *name;
        const struct secret_source *source;
    } secrets[] = {
        {"signing_secret", &options->signing_secret},
        {"secret_headers", &options->secret_headers},
        {"password", &options->password},
        {"token", &options->token},
    };
    int error = 0;

    for (size_t i = 0; error == 0 && i < sizeof(secrets) / sizeof(secrets[0]);
         i++) {
        error = secret_check(secrets[i].source, secrets[i].name, why, why_size);
    }
    return error;
}

static int content_check(const struct webhook_options *options,
                         struct reason *why)
{
    struct webhook_secrets secrets;
    int error = webhook_secrets_open(&secrets, options, why);

    webhook_secrets_close(&secrets);
    return error;
}

static int webhook_check(const void *data, char *why, size_t why_size)
{
    const struct webhook_options *options = data;
    struct reason reason = {""};
    int error = url_check(options, &reason);

    if (error == 0) {
        error = login_check(options, &reason);
    }
    if (error == 0 && places_check(options, why, why_size) != 0) {
        return HAPLO_EINVAL;
    }
    if (error == 0) {
        error = content_check(options, &reason);
    }
    return error == 0
               ? 0
               : reason_write(why, why_size, HAPLO_EINVAL, "%s", reason.text);
}

const struct outlet_type webhook_outlet_type = {
    .name = "webhook",
    .help = "Messages are sent to a URL by POST.",
    .options = option_rows,
    .option_count = sizeof(option_rows) / sizeof(option_rows[0]),
    .options_size = sizeof(struct webhook_options),
    .in_flight_max = 8,
    .check = webhook_check,
    .open = webhook_open,
    .deliver = webhook_deliver,
    .close = webhook_close,
};
