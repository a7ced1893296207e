/*
 * nats_options.c - the options of outlets of type nats.
 */
#include "outlets/name_template.h"
#include "outlets/nats/nats.h"
#include "outlets/nats/nats_url.h"

#define IN_OPTIONS(field) .offset = offsetof(struct nats_options, field)

static int url_check(const char *value, char *why, size_t why_size)
{
    struct nats_url url;
    struct reason reason;

    return nats_url_read(&url, value, &reason) == 0
               ? 0
               : reason_write(why, why_size, HAPLO_EINVAL, "%s", reason.text);
}

static int subject_check(const char *value, char *why, size_t why_size)
{
    return name_template_check(value, &name_nats_subject, why, why_size);
}

const struct option_row nats_option_rows[NATS_OPTION_COUNT] = {
    {
        .name = "urls",
        .value = OPTION_TEXT_LIST,
        .word = "URLs",
        .check = url_check,
        IN_OPTIONS(urls),
        .help = "The servers of a cluster, nats://HOST:PORT each, or tls:// to "
                "require TLS. Name all of them: the next one is used when one "
                "cannot be reached. Without user and password.",
    },
    {
        .name = "subject",
        .value = OPTION_TEXT,
        .fallback = "haplo.{server}.{queue}",
        .check = subject_check,
        IN_OPTIONS(subject),
        .help = "The subject that a message is published to, see "
                "haplo-nats(5). {server} and {queue} stand for the names of "
                "its server and its queue. A stream must store this subject.",
    },
    {
        .name = "stream",
        .value = OPTION_TEXT,
        .fallback = "none",
        .word = "name",
        IN_OPTIONS(stream),
        .help = "The stream that must store the messages. If another one "
                "stores their subject, nothing is published.",
    },
    {
        .name = "ack_timeout",
        .value = OPTION_DURATION,
        .min = 100,
        .max = 600000,
        .fallback = "10s",
        IN_OPTIONS(ack_timeout_ms),
        .help = "How long the stream may take to acknowledge a batch before "
                "it is published again.",
    },
    {
        .name = "tls",
        .value = OPTION_BOOL,
        .fallback = "false",
        IN_OPTIONS(has_tls),
        .help = "Requires TLS of all servers, as tls:// does of one. TLS is "
                "used in any case where a server requires it.",
    },
    {
        .name = "tls_ca_file",
        .value = OPTION_FILE,
        .fallback = "none",
        IN_OPTIONS(tls_ca_file),
        .help = "PEM file of the CA certificates to trust. With none, the "
                "system's. Read for each connection.",
    },
    {
        .name = "tls_certificate_file",
        .value = OPTION_FILE,
        .fallback = "none",
        IN_OPTIONS(tls_certificate),
        .help = "PEM file of a client certificate to present to the servers.",
    },
    {
        .name = "tls_key_file",
        .value = OPTION_PRIVATE_FILE,
        .fallback = "none",
        IN_OPTIONS(tls_key),
        .help = "PEM file of the client certificate's private key. It must "
                "not be encrypted.",
    },
    {
        .name = "user",
        .value = OPTION_TEXT,
        .fallback = "none",
        .word = "name",
        IN_OPTIONS(user),
        .help = "The user to log in as, with a password.",
    },
    SECRET_ROWS("password", struct nats_options, password,
                "the user's password"),
    SECRET_ROWS("token", struct nats_options, token,
                "a token to log in with instead of a user"),
    {
        .name = "credentials_file",
        .value = OPTION_PRIVATE_FILE,
        .fallback = "none",
        IN_OPTIONS(credentials_file),
        .help = "A file of NATS credentials (.creds: JWT and seed) to log in "
                "with instead. Read for each connection.",
    },
    {
        .name = "nkey",
        .value = OPTION_TEXT,
        .fallback = "none",
        .word = "key",
        IN_OPTIONS(nkey),
        .help = "The public nkey of a user (U...) to log in as instead, with "
                "nkey_seed_file.",
    },
    {
        .name = "nkey_seed_file",
        .value = OPTION_PRIVATE_FILE,
        .fallback = "none",
        IN_OPTIONS(nkey_seed_file),
        .help = "The file with the seed of this nkey (SU...).",
    },
    {
        .name = "allow_plaintext",
        .value = OPTION_BOOL,
        .fallback = "false",
        IN_OPTIONS(allow_plaintext),
        .help = "Allows a password or a token to be sent to another host "
                "without TLS. It then crosses the network unencrypted.",
    },
};

/* The check */

static int login_check(const struct nats_options *options, char *why,
                       size_t why_size)
{
    bool has_password = secret_is_given(&options->password);
    int ways =
        (options->user != NULL || has_password ? 1 : 0) +
        (secret_is_given(&options->token) ? 1 : 0) +
        (options->credentials_file != NULL ? 1 : 0) +
        (options->nkey != NULL || options->nkey_seed_file != NULL ? 1 : 0);

    if (ways > 1) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "more than one of user, token, credentials_file "
                            "and nkey: keep one of them");
    }
    if ((options->user != NULL) != has_password) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "user and its password go together: add "
                            "password_file, or user");
    }
    if ((options->nkey != NULL) != (options->nkey_seed_file != NULL)) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "nkey and nkey_seed_file go together: add the "
                            "other one");
    }
    if ((options->tls_certificate != NULL) != (options->tls_key != NULL)) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "tls_certificate_file and tls_key_file go "
                            "together: add the other one");
    }
    return 0;
}

/* Keys and credentials only sign: they never leave this machine. */
static int plaintext_check(const struct nats_options *options, char *why,
                           size_t why_size)
{
    bool has_secret =
        secret_is_given(&options->password) || secret_is_given(&options->token);

    if (!has_secret || options->has_tls || options->allow_plaintext) {
        return 0;
    }
    for (size_t i = 0; options->urls[i] != NULL; i++) {
        struct nats_url url;

        if (nats_url_read(&url, options->urls[i], NULL) == 0 && !url.is_tls &&
            !url.is_loopback) {
            return reason_write(why, why_size, HAPLO_EINVAL,
                                "a password or token would be sent without "
                                "TLS: write tls://HOST:PORT, or set "
                                "allow_plaintext: true");
        }
    }
    return 0;
}

int nats_check(const void *data, char *why, size_t why_size)
{
    const struct nats_options *options = data;
    int result = login_check(options, why, why_size);

    if (result == 0) {
        result = plaintext_check(options, why, why_size);
    }
    if (result == 0) {
        result =
            secret_check_line(&options->password, "password", why, why_size);
    }
    return result != 0
               ? result
               : secret_check_line(&options->token, "token", why, why_size);
}
