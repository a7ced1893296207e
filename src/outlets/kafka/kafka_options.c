/*
 * kafka_options.c - the options of outlets of type kafka.
 */
#include <string.h>

#include "http/host.h"
#include "outlets/kafka/kafka.h"
#include "outlets/kafka/kafka_conf.h"
#include "outlets/name_template.h"

#define HOST_SIZE_MAX 256

#define IN_OPTIONS(field) .offset = offsetof(struct kafka_options, field)

/* Sets host to that of HOST:PORT. */
static bool broker_read(const char *text, char host[HOST_SIZE_MAX])
{
    const char *colon = strrchr(text, ':');
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;
    size_t digits = colon != NULL ? strspn(colon + 1, "0123456789") : 0;

    if (length == 0 || length >= HOST_SIZE_MAX || digits == 0 || digits > 5 ||
        colon[1 + digits] != '\0' || strpbrk(text, ",/@ ") != NULL) {
        return false;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    return true;
}

static int broker_check(const char *value, char *why, size_t why_size)
{
    char host[HOST_SIZE_MAX];

    return broker_read(value, host)
               ? 0
               : reason_write(why, why_size, HAPLO_EINVAL,
                              "not a broker: write HOST:PORT");
}

static int topic_check(const char *value, char *why, size_t why_size)
{
    return name_template_check(value, &name_kafka_topic, why, why_size);
}

const struct option_row kafka_option_rows[KAFKA_OPTION_COUNT] = {
    {
        .name = "brokers",
        .value = OPTION_TEXT_LIST,
        .word = "list",
        .check = broker_check,
        IN_OPTIONS(brokers),
        .help = "Some brokers of the cluster, HOST:PORT each. They tell where "
                "the others are.",
    },
    {
        .name = "topic",
        .value = OPTION_TEXT,
        .fallback = "haplo.{server}.{queue}",
        .check = topic_check,
        IN_OPTIONS(topic),
        .help = "The topic that a message is produced to, see haplo-kafka(5). "
                "{server} and {queue} stand for the names of its server and "
                "its queue.",
    },
    {
        .name = "delivery_timeout",
        .value = OPTION_DURATION,
        .min = 1000,
        .max = 3600000,
        .fallback = "30s",
        IN_OPTIONS(delivery_timeout_ms),
        .help = "How long the brokers may take to acknowledge a batch. After "
                "that the outlet starts again with a new producer.",
    },
    {
        .name = "compression",
        .value = OPTION_CHOICE,
        .choices = kafka_compressions,
        .fallback = "none",
        IN_OPTIONS(compression),
        .help = "How messages are compressed.",
    },
    {
        .name = "tls",
        .value = OPTION_BOOL,
        .fallback = "false",
        IN_OPTIONS(has_tls),
        .help = "Whether the brokers' ports use TLS.",
    },
    {
        .name = "tls_ca_file",
        .value = OPTION_FILE,
        .fallback = "none",
        IN_OPTIONS(tls_ca_file),
        .help = "PEM file of the CA certificates to trust. With none, the "
                "system's.",
    },
    {
        .name = "tls_certificate_file",
        .value = OPTION_FILE,
        .fallback = "none",
        IN_OPTIONS(tls_certificate),
        .help = "PEM file of a client certificate to present to the brokers.",
    },
    {
        .name = "tls_key_file",
        .value = OPTION_PRIVATE_FILE,
        .fallback = "none",
        IN_OPTIONS(tls_key),
        .help = "PEM file of the client certificate's private key.",
    },
    SECRET_ROWS("tls_key_password", struct kafka_options, tls_key_password,
                "the password of this private key"),
    {
        .name = "sasl_mechanism",
        .value = OPTION_CHOICE,
        .choices = kafka_mechanisms,
        .fallback = "none",
        IN_OPTIONS(sasl_mechanism),
        .help = "How to log in with user and password.",
    },
    {
        .name = "user",
        .value = OPTION_TEXT,
        .fallback = "none",
        .word = "name",
        IN_OPTIONS(user),
        .help = "The user to log in as, with a password.",
    },
    SECRET_ROWS("password", struct kafka_options, password,
                "the user's password"),
    {
        .name = "allow_plaintext",
        .value = OPTION_BOOL,
        .fallback = "false",
        IN_OPTIONS(allow_plaintext),
        .help = "Allows logins to another host without TLS. With PLAIN, the "
                "password then crosses the network unencrypted.",
    },
    {
        .name = "properties",
        .value = OPTION_TEXT_LIST,
        .fallback = "none",
        .word = "list",
        IN_OPTIONS(properties),
        .help = "Further properties of librdkafka, such as linger.ms=50. Those "
                "that would break the guarantee, that hold secrets or that "
                "other options set are refused.",
    },
};

/* The check */

static int login_check(const struct kafka_options *options, char *why,
                       size_t why_size)
{
    bool has_password = secret_is_given(&options->password);
    bool has_sasl = options->sasl_mechanism != 0;

    if ((options->user != NULL) != has_sasl || has_password != has_sasl) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "sasl_mechanism, user and its password go "
                            "together: add what is missing");
    }
    if ((options->tls_certificate != NULL) != (options->tls_key != NULL)) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "tls_certificate_file and tls_key_file go "
                            "together: add the other one");
    }
    if (!options->has_tls &&
        (options->tls_ca_file != NULL || options->tls_certificate != NULL)) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "files for TLS, which is not used: add tls: true");
    }
    return 0;
}

static int plaintext_check(const struct kafka_options *options, char *why,
                           size_t why_size)
{
    char name[HOST_SIZE_MAX];

    if (options->sasl_mechanism == 0 || options->has_tls ||
        options->allow_plaintext) {
        return 0;
    }
    for (size_t i = 0; options->brokers[i] != NULL; i++) {
        if (broker_read(options->brokers[i], name) &&
            !host_is_loopback(&(struct host){.name = name})) {
            return reason_write(why, why_size, HAPLO_EINVAL,
                                "a password would be used without TLS: set "
                                "tls: true, or allow_plaintext: true");
        }
    }
    return 0;
}

/* librdkafka knows which properties there are. */
static int conf_check(const struct kafka_options *options, char *why,
                      size_t why_size)
{
    struct reason reason;
    rd_kafka_conf_t *conf;

    if (kafka_conf_new(&conf, options, false, &reason) != 0) {
        return reason_write(why, why_size, HAPLO_EINVAL, "%s", reason.text);
    }
    rd_kafka_conf_destroy(conf);
    return 0;
}

int kafka_check(const void *data, char *why, size_t why_size)
{
    const struct kafka_options *options = data;
    int result = login_check(options, why, why_size);

    if (result == 0) {
        result = plaintext_check(options, why, why_size);
    }
    if (result == 0) {
        result = conf_check(options, why, why_size);
    }
    if (result == 0) {
        result =
            secret_check_line(&options->password, "password", why, why_size);
    }
    return result != 0 ? result
                       : secret_check_line(&options->tls_key_password,
                                           "tls_key_password", why, why_size);
}
