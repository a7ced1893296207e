#include "outlets/kafka/kafka_conf.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_SIZE 512
#define VALUE_SIZE 32
#define PROPERTY_NAME_SIZE 128

const char kafka_compressions[] = "none gzip snappy lz4 zstd";
const char kafka_mechanisms[] = "none plain scram-256 scram-512";

static const char *const mechanisms[] = {NULL, "PLAIN", "SCRAM-SHA-256",
                                         "SCRAM-SHA-512"};

/* The word at index of a list. */
static const char *choice_text(const char *words, int index,
                               char text[VALUE_SIZE])
{
    while (index-- > 0) {
        words = strchr(words, ' ') + 1; /* the index is one of the list */
    }
    (void)snprintf(text, VALUE_SIZE, "%.*s", (int)strcspn(words, " "), words);
    return text;
}

static int conf_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                    struct reason *why)
{
    char error[ERROR_SIZE];

    return rd_kafka_conf_set(conf, name, value, error, sizeof(error)) ==
                   RD_KAFKA_CONF_OK
               ? 0
               : reason_set(why, HAPLO_EINVAL, "librdkafka: %s", error);
}

/* Properties of librdkafka */

/* What a property of the configuration file must not be, and why. */
static const struct {
    const char *pattern; /* of names, fnmatch() */
    const char *why;     /* what to do instead */
} forbidden[] = {
    {"acks", "delivery needs all replicas: it is always all"},
    {"request.required.acks", "delivery needs all replicas: it is always all"},
    {"enable.idempotence", "it is always true"},
    {"enable.gapless.guarantee", "it is always true"},
    {"max.in.flight*", "order needs what librdkafka chooses"},
    {"queuing.strategy", "order needs fifo"},
    {"msg_order_cmp", "order needs fifo"},
    {"message.timeout.ms", "set delivery_timeout instead"},
    {"delivery.timeout.ms", "set delivery_timeout instead"},
    {"message.send.max.retries", "set delivery_timeout instead"},
    {"retries", "set delivery_timeout instead"},
    {"delivery.report.only.error", "each message is reported"},
    {"transactional.id", "transactions are not used"},
    {"transaction.timeout.ms", "transactions are not used"},
    {"bootstrap.servers", "set brokers instead"},
    {"metadata.broker.list", "set brokers instead"},
    {"compression.codec", "set compression instead"},
    {"compression.type", "set compression instead"},
    {"security.protocol", "set tls and sasl_mechanism instead"},
    {"sasl.mechanism", "set sasl_mechanism instead"},
    {"sasl.mechanisms", "set sasl_mechanism instead"},
    {"sasl.username", "set user instead"},
    {"sasl.password", "set password_file instead"},
    {"sasl.oauthbearer.*", "it may hold a secret"},
    {"sasl.kerberos.kinit.cmd", "it would run a program"},
    {"ssl.key.password", "set tls_key_password_file instead"},
    {"ssl.key.location", "set tls_key_file instead"},
    {"ssl.certificate.location", "set tls_certificate_file instead"},
    {"ssl.ca.location", "set tls_ca_file instead"},
    {"ssl*pem", "set the tls_*_file options instead"},
    {"ssl.keystore.*", "set the tls_*_file options instead"},
    {"ssl.engine.*", "it would load a library"},
    {"ssl.providers", "it would load a library"},
    {"ssl.endpoint.identification.algorithm", "brokers are always verified"},
    {"enable.ssl.certificate.verification", "brokers are always verified"},
    {"plugin.*", "it would load a library"},
    {"test.*", "the brokers would not be real: messages would be lost"},
    {"enabled_events", "haplo-poll sets it"},
    {"log.queue", "haplo-poll sets it"},
    {"statistics.interval.ms", "statistics are not read"},
    {"internal.termination.signal", "haplo-poll has its own signals"},
};

static int property_set(rd_kafka_conf_t *conf, const char *property,
                        struct reason *why)
{
    const char *equals = strchr(property, '=');
    char name[PROPERTY_NAME_SIZE];

    if (equals == NULL || equals - property >= PROPERTY_NAME_SIZE) {
        return reason_set(why, HAPLO_EINVAL,
                          "properties: not NAME=VALUE: write linger.ms=50");
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)(equals - property),
                   property);
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        if (fnmatch(forbidden[i].pattern, name, 0) == 0) {
            return reason_set(why, HAPLO_EINVAL,
                              "properties: %s cannot be set: %s", name,
                              forbidden[i].why);
        }
    }
    if (strcmp(property, "partitioner=random") == 0) { /* ignores the key */
        return reason_set(why, HAPLO_EINVAL,
                          "properties: the partitioner cannot be random: "
                          "order needs one partition per queue");
    }
    return conf_set(conf, name, equals + 1, why);
}

static int properties_set(rd_kafka_conf_t *conf,
                          const struct kafka_options *options,
                          struct reason *why)
{
    int result = 0;

    for (size_t i = 0; result == 0 && options->properties != NULL &&
                       options->properties[i] != NULL;
         i++) {
        result = property_set(conf, options->properties[i], why);
    }
    return result;
}

/* Options */

/* Their defaults; properties may set others. The partitioner is that of
 * Kafka's own clients, so that other producers agree about a key. A topic that
 * does not exist is told after some seconds. */
static int defaults_set(rd_kafka_conf_t *conf, struct reason *why)
{
    static const char *const values[][2] = {
        {"client.id", "haplo-poll"},
        {"partitioner", "murmur2_random"},
        {"topic.metadata.propagation.max.ms", "5000"},
        {"socket.keepalive.enable", "true"},
    };
    int result = 0;

    for (size_t i = 0; result == 0 && i < sizeof(values) / sizeof(values[0]);
         i++) {
        result = conf_set(conf, values[i][0], values[i][1], why);
    }
    return result;
}

/*
 * What the guarantee rests on. Messages never expire in librdkafka, which would
 * leave a gap in a queue: the outlet itself limits the time, and then discards
 * the producer. Any other failure of a request ends the producer as well
 * (gapless), before what follows is sent.
 */
static int guarantee_set(rd_kafka_conf_t *conf, bool is_single,
                         struct reason *why)
{
    static const char *const values[][2] = {
        {"acks", "all"},
        {"enable.idempotence", "true"},
        {"enable.gapless.guarantee", "true"},
        {"message.timeout.ms", "0"},
    };
    int result = 0;

    for (size_t i = 0; result == 0 && i < sizeof(values) / sizeof(values[0]);
         i++) {
        result = conf_set(conf, values[i][0], values[i][1], why);
    }
    return result == 0 && is_single
               ? conf_set(conf, "batch.num.messages", "1", why)
               : result;
}

static int brokers_set(rd_kafka_conf_t *conf, const char *const *brokers,
                       struct reason *why)
{
    char *list = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&list, &size);
    int result;

    if (file == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "Kafka: out of memory");
    }
    for (size_t i = 0; brokers[i] != NULL; i++) {
        (void)fprintf(file, "%s%s", i > 0 ? "," : "", brokers[i]);
    }
    result = fclose(file) == 0
                 ? conf_set(conf, "bootstrap.servers", list, why)
                 : reason_set(why, HAPLO_ENOMEM, "Kafka: out of memory");
    free(list);
    return result;
}

/* Sets a property that may be unset. */
static int optional_set(rd_kafka_conf_t *conf, const char *name,
                        const char *value, struct reason *why)
{
    return value != NULL ? conf_set(conf, name, value, why) : 0;
}

static int security_set(rd_kafka_conf_t *conf,
                        const struct kafka_options *options, struct reason *why)
{
    bool has_sasl = options->sasl_mechanism != 0;
    int result =
        conf_set(conf, "security.protocol",
                 options->has_tls ? (has_sasl ? "sasl_ssl" : "ssl")
                                  : (has_sasl ? "sasl_plaintext" : "plaintext"),
                 why);

    if (result == 0 && has_sasl) {
        result = conf_set(conf, "sasl.mechanism",
                          mechanisms[options->sasl_mechanism], why);
    }
    if (result == 0) {
        result = optional_set(conf, "sasl.username", options->user, why);
    }
    if (result == 0) {
        result =
            optional_set(conf, "ssl.ca.location", options->tls_ca_file, why);
    }
    if (result == 0) {
        result = optional_set(conf, "ssl.certificate.location",
                              options->tls_certificate, why);
    }
    return result == 0
               ? optional_set(conf, "ssl.key.location", options->tls_key, why)
               : result;
}

static int all_set(rd_kafka_conf_t *conf, const struct kafka_options *options,
                   bool is_single, struct reason *why)
{
    char compression[VALUE_SIZE];
    int result = defaults_set(conf, why);

    if (result == 0) {
        result = properties_set(conf, options, why);
    }
    if (result == 0) {
        result = guarantee_set(conf, is_single, why);
    }
    if (result == 0) {
        result = brokers_set(conf, options->brokers, why);
    }
    if (result == 0) {
        result = conf_set(
            conf, "compression.type",
            choice_text(kafka_compressions, options->compression, compression),
            why);
    }
    return result == 0 ? security_set(conf, options, why) : result;
}

int kafka_conf_new(rd_kafka_conf_t **out, const struct kafka_options *options,
                   bool is_single, struct reason *why)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int result = all_set(conf, options, is_single, why);

    *out = NULL;
    if (result != 0) {
        rd_kafka_conf_destroy(conf);
        return result;
    }
    *out = conf;
    return 0;
}

static int secret_add(rd_kafka_conf_t *conf, const char *name,
                      const struct secret_source *source, const char *option,
                      struct reason *why)
{
    struct secret secret;
    int result;

    if (!secret_is_given(source)) {
        return 0;
    }
    secret_init(&secret, source, option);
    result = secret_read(&secret, why);
    /* Its own explanation may quote the value. */
    if (result == 0 && conf_set(conf, name, secret.revealed, NULL) != 0) {
        result = reason_set(why, HAPLO_EINVAL,
                            "%s: librdkafka does not accept it", option);
    }
    secret_free(&secret);
    return result;
}

int kafka_conf_add_secrets(rd_kafka_conf_t *conf,
                           const struct kafka_options *options,
                           struct reason *why)
{
    int result =
        secret_add(conf, "sasl.password", &options->password, "password", why);

    return result == 0
               ? secret_add(conf, "ssl.key.password",
                            &options->tls_key_password, "tls_key_password", why)
               : result;
}
