/*
 * What the outlet for Kafka makes of its options, and of errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "outlets/kafka/kafka.h"
#include "outlets/kafka/kafka_conf.h"
#include "outlets/kafka/kafka_verdict.h"

static const char *const far[] = {"k1.example.org:9092", "k2.example.org:9093",
                                  NULL};
static const char *const near[] = {"127.0.0.1:9092", NULL};

/* Errors */

/* A destination that is taken for bad data fills the dead letters; bad data
 * that are taken for a destination stop a queue for good. */
static void errors_have_a_verdict(void **state)
{
    static const struct {
        rd_kafka_resp_err_t error;
        enum outlet_verdict among;  /* other messages in its request */
        enum outlet_verdict single; /* alone in its request */
    } cases[] = {
        {RD_KAFKA_RESP_ERR_NO_ERROR, OUTLET_DELIVERED, OUTLET_DELIVERED},
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, OUTLET_RETRY, OUTLET_REFUSED},
        {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, OUTLET_RETRY, OUTLET_REFUSED},
        {RD_KAFKA_RESP_ERR_INVALID_RECORD, OUTLET_RETRY, OUTLET_REFUSED},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, OUTLET_BROKEN, OUTLET_BROKEN},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, OUTLET_BROKEN,
         OUTLET_BROKEN},
        {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, OUTLET_BROKEN,
         OUTLET_BROKEN},
        {RD_KAFKA_RESP_ERR__SSL, OUTLET_BROKEN, OUTLET_BROKEN},
        {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, OUTLET_RETRY, OUTLET_RETRY},
        {RD_KAFKA_RESP_ERR__PURGE_QUEUE, OUTLET_RETRY, OUTLET_RETRY},
        {RD_KAFKA_RESP_ERR__FATAL, OUTLET_RETRY, OUTLET_RETRY},
        {(rd_kafka_resp_err_t)12345, OUTLET_RETRY, OUTLET_RETRY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(kafka_verdict(cases[i].error, false), cases[i].among);
        assert_int_equal(kafka_verdict(cases[i].error, true), cases[i].single);
    }
}

/* Options */

static void expect_options(const struct kafka_options *options,
                           const char *part)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";

    assert_int_equal(kafka_check(options, why, sizeof(why)),
                     part == NULL ? 0 : HAPLO_EINVAL);
    if (part != NULL && strstr(why, part) == NULL) {
        fail_msg("%s: not in: %s", part, why);
    }
}

static void expect_property(const char *property, const char *part)
{
    const char *const properties[] = {property, NULL};
    const struct kafka_options options = {.brokers = far,
                                          .properties = properties};

    expect_options(&options, part);
}

/* With one of these, messages could be lost, repeated or swapped without anyone
 * noticing, or a secret could be shown. */
static void properties_cannot_break_the_guarantee(void **state)
{
    static const char *const refused[] = {
        "acks=1",
        "request.required.acks=0",
        "enable.idempotence=false",
        "enable.gapless.guarantee=false",
        "max.in.flight=10",
        "max.in.flight.requests.per.connection=10",
        "queuing.strategy=lifo",
        "partitioner=random",
        "message.timeout.ms=1",
        "delivery.timeout.ms=1",
        "retries=0",
        "message.send.max.retries=0",
        "delivery.report.only.error=true",
        "transactional.id=x",
        "bootstrap.servers=x:1",
        "sasl.password=secret",
        "ssl.key.password=secret",
        "ssl.key.pem=secret",
        "ssl_key=secret",
        "ssl.keystore.password=secret",
        "sasl.oauthbearer.client.secret=secret",
        "enable.ssl.certificate.verification=false",
        "ssl.endpoint.identification.algorithm=none",
        "security.protocol=plaintext",
        "sasl.kerberos.kinit.cmd=reboot",
        "enabled_events=0",
        "acks = 1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const char *const properties[] = {refused[i], NULL};
        const struct kafka_options options = {.brokers = far,
                                              .properties = properties};
        char why[HAPLO_TEXT_SIZE_MAX] = "";

        if (kafka_check(&options, why, sizeof(why)) == 0) {
            fail_msg("%s: accepted", refused[i]);
        }
        if (strstr(why, "=secret") != NULL || strstr(why, "\"secret") != NULL) {
            fail_msg("it shows the value: %s", why);
        }
    }
}

/* Some are refused by their beginning, with those that a later librdkafka may
 * add: code of others would run in this process, or messages would go to
 * brokers that only exist in it. */
static void families_of_properties_are_refused(void **state)
{
    (void)state;
    expect_property("plugin.x=/tmp/x.so", "plugin.x cannot be set");
    expect_property("ssl.engine.x=y", "ssl.engine.x cannot be set");
    expect_property("test.mock.num.brokers=3",
                    "test.mock.num.brokers cannot be set");
}

/* What is meant to be tuned can be, and mistakes are found before it runs. */
static void properties_are_passed_on(void **state)
{
    static const char *const properties[] = {
        "linger.ms=50", "batch.num.messages=77", "client.id=a=b", NULL};
    const struct kafka_options options = {.brokers = far,
                                          .properties = properties};
    rd_kafka_conf_t *conf;
    char value[64];
    size_t size = sizeof(value);

    (void)state;
    expect_options(&options, NULL);
    assert_int_equal(kafka_conf_new(&conf, &options, false, NULL), 0);
    assert_int_equal(rd_kafka_conf_get(conf, "client.id", value, &size),
                     RD_KAFKA_CONF_OK);
    assert_string_equal(value, "a=b");
    size = sizeof(value);
    assert_int_equal(
        rd_kafka_conf_get(conf, "batch.num.messages", value, &size),
        RD_KAFKA_CONF_OK);
    assert_string_equal(value, "77");
    rd_kafka_conf_destroy(conf);
    expect_property("linger.ms", "NAME=VALUE");
    expect_property("linger=50", "No such configuration property");
    expect_property("linger.ms=x", "Invalid value");
}

static void expect_set(const rd_kafka_conf_t *conf, const char *name,
                       const char *expected)
{
    char value[64];
    size_t size = sizeof(value);

    assert_int_equal(rd_kafka_conf_get(conf, name, value, &size),
                     RD_KAFKA_CONF_OK);
    assert_string_equal(value, expected);
}

/* Whatever the defaults of librdkafka may become. */
static void the_guarantee_is_configured(void **state)
{
    const struct kafka_options options = {
        .brokers = far,
        .has_tls = true,
        .sasl_mechanism = 2,
        .user = "ada",
        .compression = 4,
    };
    rd_kafka_conf_t *conf;

    (void)state;
    assert_int_equal(kafka_conf_new(&conf, &options, true, NULL), 0);
    expect_set(conf, "acks", "-1");
    expect_set(conf, "enable.idempotence", "true");
    expect_set(conf, "enable.gapless.guarantee", "true");
    expect_set(conf, "message.timeout.ms", "0");
    expect_set(conf, "batch.num.messages", "1");
    expect_set(conf, "bootstrap.servers",
               "k1.example.org:9092,k2.example.org:9093");
    expect_set(conf, "security.protocol", "sasl_ssl");
    expect_set(conf, "sasl.mechanism", "SCRAM-SHA-256");
    expect_set(conf, "compression.type", "zstd");
    rd_kafka_conf_destroy(conf);
}

static void options_that_belong_together(void **state)
{
    struct kafka_options options = {.brokers = far, .has_tls = true};

    (void)state;
    expect_options(&options, NULL);
    options.sasl_mechanism = 1;
    expect_options(&options, "go together");
    options.user = "ada";
    expect_options(&options, "go together");
    options.password.env = "PATH"; /* any that is set */
    expect_options(&options, NULL);
    options.has_tls = false;
    expect_options(&options, "without TLS");
    options.allow_plaintext = true;
    expect_options(&options, NULL);
    options.allow_plaintext = false;
    options.brokers = near;
    expect_options(&options, NULL);
    options = (struct kafka_options){.brokers = far, .tls_ca_file = "ca.pem"};
    expect_options(&options, "add tls: true");
    options.tls_key = "key.pem";
    expect_options(&options, "tls_certificate_file and tls_key_file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_a_verdict),
        cmocka_unit_test(properties_cannot_break_the_guarantee),
        cmocka_unit_test(families_of_properties_are_refused),
        cmocka_unit_test(properties_are_passed_on),
        cmocka_unit_test(the_guarantee_is_configured),
        cmocka_unit_test(options_that_belong_together),
    };

    return cmocka_run_group_tests_name("kafka", tests, NULL, NULL);
}
