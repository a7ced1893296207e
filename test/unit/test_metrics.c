/*
 * The page of metrics: its text, its size with 100,000 queues, and that it is
 * the same however it is sliced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/admin/metrics.h"
#include "daemon/observe/observer.h"

#define NOW_MS UINT64_C(1700000000123)
#define NAME_SIZE 24
#define MUCH_NS UINT64_C(60000000000)

struct scene {
    struct gather gather;
    struct config config;
    size_t server_count;
    size_t queue_count; /* of each server */
    struct gather_server *servers;
    struct gather_queue *queues;
    struct config_queue *queue_configs;
    char (*names)[NAME_SIZE];
};

static const char *server_name_of(const void *server)
{
    return ((const struct gather_server *)server)->seen.name;
}

static const char *queue_name_of(const void *queue)
{
    return ((const struct gather_queue *)queue)->config->name;
}

static void add_queue(struct scene *scene, struct gather_server *server,
                      size_t index)
{
    struct gather_queue *queue = &scene->queues[index];
    char *name = scene->names[scene->server_count + index];
    (void)snprintf(name, NAME_SIZE, "q%zu", index);
    scene->queue_configs[index].name = name;
    queue->config = &scene->queue_configs[index];
    queue->server = server;
    const struct observer_place place = {&server->seen, &queue->seen, name,
                                         "main"};
    observer_queue_add(&scene->gather.observer, &place, NOW_MS);
    assert_int_equal(name_table_add(&server->queues, queue), 0);
}

static struct scene *scene_new(size_t server_count, size_t queue_count)
{
    struct scene *scene = calloc(1, sizeof *scene);
    size_t total = server_count * queue_count;
    assert_non_null(scene);
    scene->server_count = server_count;
    scene->queue_count = queue_count;
    scene->servers = calloc(server_count, sizeof *scene->servers);
    scene->queues = calloc(total, sizeof *scene->queues);
    scene->queue_configs = calloc(total, sizeof *scene->queue_configs);
    scene->names = calloc(server_count + total, sizeof *scene->names);
    scene->gather.config = &scene->config;
    scene->gather.servers.name_of = server_name_of;
    scene->gather.queue_count = total;
    observer_init(&scene->gather.observer, NOW_MS - 5000);
    for (size_t i = 0; i < server_count; i++) {
        struct gather_server *server = &scene->servers[i];
        (void)snprintf(scene->names[i], NAME_SIZE, "server-%05zu", i);
        observer_server_add(&scene->gather.observer, &server->seen,
                            scene->names[i], NOW_MS);
        server->queues.name_of = queue_name_of;
        for (size_t j = 0; j < queue_count; j++) {
            add_queue(scene, server, i * queue_count + j);
        }
        assert_int_equal(name_table_add(&scene->gather.servers, server), 0);
    }
    return scene;
}

static void scene_free(struct scene *scene)
{
    for (size_t i = 0; i < scene->server_count; i++) {
        name_table_free(&scene->servers[i].queues);
    }
    name_table_free(&scene->gather.servers);
    observer_free(&scene->gather.observer);
    free(scene->servers);
    free(scene->queues);
    free(scene->queue_configs);
    free(scene->names);
    free(scene);
}

/* The whole page, to be freed; slices of this budget. */
static char *page_of(const struct scene *scene, bool is_open_metrics,
                     const char *queues, uint64_t budget_ns, unsigned *slices)
{
    struct metrics metrics;
    struct json_writer out = {0};
    metrics_begin(&metrics, &scene->gather, is_open_metrics, queues, NOW_MS);
    *slices = 1;
    while (metrics_more(&metrics, &out, budget_ns)) {
        (*slices)++;
    }
    assert_false(out.is_failed);
    json_raw(&out, "", 1);
    return out.data;
}

static bool has_line(const char *page, const char *line)
{
    const char *found = strstr(page, line);
    size_t size = strlen(line);
    return found != NULL && (found == page || found[-1] == '\n') &&
           found[size] == '\n';
}

/* Prometheus joins a metric's samples only if they are together, and knows its
 * type only from the lines before them. */
static void test_each_metric_has_its_head_and_samples(void **state)
{
    struct scene *scene = scene_new(2, 3);
    unsigned slices;
    (void)state;
    scene->servers[1].seen.sums.stored_count = 42;
    scene->servers[1].seen.sums.failures[FAILURE_TLS] = 7;
    char *page = page_of(scene, false, NULL, MUCH_NS, &slices);
    assert_int_equal(slices, 1);
    assert_true(has_line(page, "# TYPE haplo_poll_server_up gauge"));
    assert_true(has_line(
        page, "# TYPE haplo_poll_server_stored_messages_total counter"));
    assert_true(has_line(page, "haplo_poll_server_stored_messages_total{"
                               "server=\"server-00001\"} 42"));
    assert_true(has_line(page, "haplo_poll_server_failures_total{server="
                               "\"server-00001\",class=\"tls\"} 7"));
    assert_true(has_line(page, "haplo_poll_server_queues{server="
                               "\"server-00000\",state=\"starting\"} 3"));
    assert_true(has_line(page, "haplo_poll_start_time_seconds "
                               "1699999995.123"));
    assert_null(strstr(page, "queue="));
    assert_null(strstr(page, "# EOF"));
    free(page);
    scene_free(scene);
}

/* Names of counters differ between the two formats, and only one has an end. */
static void test_open_metrics_have_another_form(void **state)
{
    struct scene *scene = scene_new(1, 1);
    unsigned slices;
    (void)state;
    char *page = page_of(scene, true, NULL, MUCH_NS, &slices);
    assert_true(
        has_line(page, "# TYPE haplo_poll_server_stored_messages counter"));
    assert_true(has_line(page, "haplo_poll_server_stored_messages_total{"
                               "server=\"server-00000\"} 0"));
    assert_string_equal(page + strlen(page) - 7, "\n# EOF\n");
    free(page);
    scene_free(scene);
}

/* Whoever asks for one server must not get 100,000 queues. */
static void test_queues_are_written_on_request(void **state)
{
    struct scene *scene = scene_new(2, 3);
    unsigned slices;
    (void)state;
    char *page = page_of(scene, false, "server-00001", MUCH_NS, &slices);
    assert_true(has_line(page, "haplo_poll_queue_up{server=\"server-00001\","
                               "queue=\"q3\"} 0"));
    assert_null(strstr(page, "queue=\"q2\""));
    free(page);
    page = page_of(scene, false, "all", MUCH_NS, &slices);
    assert_non_null(strstr(page, "queue=\"q2\""));
    free(page);
    scene_free(scene);
}

/* The loop must go on in between, and the page must not notice. */
static void test_slices_make_the_same_page(void **state)
{
    struct scene *scene = scene_new(20, 30);
    unsigned one;
    unsigned many;
    (void)state;
    char *whole = page_of(scene, false, "all", MUCH_NS, &one);
    char *sliced = page_of(scene, false, "all", 0, &many);
    assert_int_equal(one, 1);
    assert_true(many > 100);
    assert_string_equal(whole, sliced);
    free(whole);
    free(sliced);
    scene_free(scene);
}

/* A scraper has limits, and no series may be left out to keep to them. */
static void test_100000_queues_are_at_most_2_megabytes(void **state)
{
    struct scene *scene = scene_new(500, 200);
    unsigned slices;
    (void)state;
    char *page = page_of(scene, false, NULL, MUCH_NS, &slices);
    size_t size = strlen(page);
    print_message("%zu bytes\n", size);
    assert_true(size < 2000000);
    for (size_t i = 0; i < scene->server_count; i++) {
        char line[96];
        (void)snprintf(line, sizeof line,
                       "haplo_poll_server_queues{server=\"%s\",state="
                       "\"starting\"} 200",
                       scene->names[i]);
        if (i % 100 == 99) {
            assert_true(has_line(page, line));
        }
    }
    free(page);
    scene_free(scene);
}

/* Half of the old objects and half of the new ones would be wrong. */
static void test_a_reload_cuts_the_page_off(void **state)
{
    struct scene *scene = scene_new(20, 30);
    struct metrics metrics;
    struct json_writer out = {0};
    (void)state;
    metrics_begin(&metrics, &scene->gather, false, "all", NOW_MS);
    assert_true(metrics_more(&metrics, &out, 0));
    scene->gather.observer.generation++;
    assert_false(metrics_more(&metrics, &out, 0));
    assert_true(out.is_failed);
    json_writer_free(&out);
    scene_free(scene);
}

/* A name must not end its label. */
static void test_labels_are_escaped(void **state)
{
    const struct metric metric = {.name = "x", .type = METRIC_GAUGE};
    struct json_writer out = {0};
    struct metric_writer writer = {.out = &out, .metric = &metric};
    (void)state;
    metric_put_label(&writer, "a", "q\"\\\n", 0.5);
    json_raw(&out, "", 1);
    assert_string_equal(out.data,
                        "haplo_poll_x{a=\"q\\\"\\\\\\n\"} 0.500000\n");
    json_writer_free(&out);
}

/* Buckets include those before them. */
static void test_buckets_are_cumulative(void **state)
{
    const struct metric metric = {.name = "x", .type = METRIC_HISTOGRAM};
    const double bounds[] = {0.001, 0.5};
    const uint64_t counts[] = {1, 2, 4};
    struct json_writer out = {0};
    struct metric_writer writer = {.out = &out, .metric = &metric};
    (void)state;
    metric_put_histogram(&writer, bounds, counts, 3, 12.5);
    json_raw(&out, "", 1);
    assert_string_equal(out.data, "haplo_poll_x_bucket{le=\"0.001\"} 1\n"
                                  "haplo_poll_x_bucket{le=\"0.5\"} 3\n"
                                  "haplo_poll_x_bucket{le=\"+Inf\"} 7\n"
                                  "haplo_poll_x_sum 12.500000\n"
                                  "haplo_poll_x_count 7\n");
    json_writer_free(&out);
}

/* Prometheus prefers OpenMetrics, others may refuse it. */
static void test_the_format_is_negotiated(void **state)
{
    (void)state;
    assert_false(metrics_wants_open_metrics(NULL));
    assert_false(metrics_wants_open_metrics("text/plain, */*"));
    assert_true(metrics_wants_open_metrics(
        "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.5"));
    assert_false(metrics_wants_open_metrics(
        "application/openmetrics-text;q=0,text/plain;q=0.5"));
}

/* What has arrived and is not settled, and since when. */
static void test_the_lag_of_an_outlet(void **state)
{
    struct outlet_lag lag = {0};
    (void)state;
    outlet_lag_settled(&lag, 0, true);
    for (unsigned second = 0; second < 1000; second++) {
        outlet_lag_arrived(&lag, 99, 10, second * 1000);
    }
    assert_int_equal(outlet_lag_messages(&lag), 10000);
    assert_int_equal(outlet_lag_ms(&lag, 1000000), 1000000);
    outlet_lag_settled(&lag, 5000, false);
    assert_int_equal(outlet_lag_messages(&lag), 5000);
    assert_in_range(outlet_lag_ms(&lag, 1000000), 500000, 600000);
    outlet_lag_settled(&lag, 1000, false); /* it was restarted */
    assert_int_equal(outlet_lag_messages(&lag), 4000);
    outlet_lag_settled(&lag, 5000, true);
    assert_int_equal(outlet_lag_messages(&lag), 0);
    assert_int_equal(outlet_lag_ms(&lag, 2000000), 0);
}

/* A backlog from before the start is known once something arrives. */
static void test_the_lag_includes_what_was_there_before(void **state)
{
    struct outlet_lag lag = {0};
    (void)state;
    outlet_lag_settled(&lag, 0, false);
    outlet_lag_arrived(&lag, 500, 1, 1000);
    assert_int_equal(outlet_lag_messages(&lag), 501);
    outlet_lag_settled(&lag, 501, true);
    assert_int_equal(outlet_lag_messages(&lag), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_metric_has_its_head_and_samples),
        cmocka_unit_test(test_open_metrics_have_another_form),
        cmocka_unit_test(test_queues_are_written_on_request),
        cmocka_unit_test(test_slices_make_the_same_page),
        cmocka_unit_test(test_100000_queues_are_at_most_2_megabytes),
        cmocka_unit_test(test_a_reload_cuts_the_page_off),
        cmocka_unit_test(test_labels_are_escaped),
        cmocka_unit_test(test_buckets_are_cumulative),
        cmocka_unit_test(test_the_format_is_negotiated),
        cmocka_unit_test(test_the_lag_of_an_outlet),
        cmocka_unit_test(test_the_lag_includes_what_was_there_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
