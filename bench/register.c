/*
 * register.c - the cost of registered queues while nothing is due: memory, the
 * time to add them, and CPU time while idle.
 *
 *     register HOSTS QUEUES IDLE-SECONDS
 *
 * Queue i belongs to server i modulo the number of hosts. Memory is measured
 * as resident memory, and by the allocator hooks of the library and libcurl.
 */
#include <curl/curl.h>
#include <haplopoll.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "client.h"

#define INTERVAL_MS HAPLO_WAIT_MS_MAX

static struct {
    struct client_options options; /* only the hosts are used */
    unsigned long queue_count;
    size_t text_bytes;  /* of all names and API keys */
    size_t block_count; /* currently allocated */
    size_t block_bytes; /* usable bytes in those blocks */
    struct haplo_poller *poller;
    struct haplo_server **servers;
} scale;

/* Memory */

static void *count(void *block)
{
    if (block != NULL) {
        scale.block_count++;
        scale.block_bytes += malloc_usable_size(block);
    }
    return block;
}

static void uncount(void *block)
{
    if (block != NULL) {
        scale.block_count--;
        scale.block_bytes -= malloc_usable_size(block);
    }
}

static void *counted_malloc(size_t size)
{
    return count(malloc(size));
}

static void *counted_calloc(size_t number, size_t size)
{
    return count(calloc(number, size));
}

static void *counted_realloc(void *block, size_t size)
{
    uncount(block);
    return count(realloc(block, size));
}

static char *counted_strdup(const char *text)
{
    return count(strdup(text));
}

static void counted_free(void *block)
{
    uncount(block);
    free(block);
}

static void count_memory(void)
{
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, counted_malloc, counted_free,
                             counted_realloc, counted_strdup,
                             counted_calloc) != CURLE_OK ||
        haplo_replace_allocator(counted_malloc, counted_realloc,
                                counted_free) != 0) {
        client_fail("register: out of memory");
    }
}

/* Servers and queues */

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    (void)queue;
    haplo_batch_accept(batch);
}

static void add_servers(void)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    scale.servers =
        calloc(scale.options.url_count, sizeof(struct haplo_server *));
    if (scale.servers == NULL ||
        haplo_poller_new(uv_default_loop(), NULL, &scale.poller, NULL, 0) !=
            0) {
        client_fail("register: out of memory");
    }
    for (size_t i = 0; i < scale.options.url_count; i++) {
        char name[32];
        const struct haplo_server_options options = {
            .struct_size = sizeof options,
            .name = name,
            .url = scale.options.urls[i]};
        (void)snprintf(name, sizeof name, "s%zu", i);
        if (haplo_server_add(scale.poller, &options, &scale.servers[i], why,
                             sizeof why) != 0) {
            client_fail("register: %s", why);
        }
    }
}

static void add_queue(unsigned long index)
{
    char name[32];
    char why[HAPLO_TEXT_SIZE_MAX];
    struct haplo_queue *queue;
    const struct haplo_queue_options options = {.struct_size = sizeof options,
                                                .name = name,
                                                .api_key = BENCH_KEY,
                                                .interval_ms = INTERVAL_MS,
                                                .deliver_cb = on_deliver};
    (void)snprintf(name, sizeof name, "q%lu", index);
    scale.text_bytes += strlen(name) + strlen(BENCH_KEY);
    if (haplo_queue_add(scale.servers[index % scale.options.url_count],
                        &options, &queue, why, sizeof why) != 0) {
        client_fail("register: %s", why);
    }
}

/* Measuring */

static void on_idle_over(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
    uv_stop(uv_default_loop());
}

static double idle_cpu_us(uint64_t seconds)
{
    uv_timer_t timer;
    if (uv_timer_init(uv_default_loop(), &timer) != 0 ||
        uv_timer_start(&timer, on_idle_over, seconds * 1000, 0) != 0) {
        client_fail("register: cannot create a timer");
    }
    double cpu_us = client_cpu_us();
    (void)uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return client_cpu_us() - cpu_us;
}

static double close_cpu_us(void)
{
    double cpu_us = client_cpu_us();
    haplo_poller_close(scale.poller, NULL);
    (void)uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return client_cpu_us() - cpu_us;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fputs("usage: register HOSTS QUEUES IDLE-SECONDS\n", stderr);
        return 2;
    }
    client_hosts_read(&scale.options, argv[1]);
    scale.queue_count = strtoul(argv[2], NULL, 10);
    count_memory();
    add_servers();
    size_t block_count = scale.block_count;
    size_t block_bytes = scale.block_bytes;
    long resident_kib = client_resident_kib();
    double cpu_us = client_cpu_us();
    for (unsigned long i = 0; i < scale.queue_count; i++) {
        add_queue(i);
    }
    double add_us = client_cpu_us() - cpu_us;
    printf("{\"queues\": %lu, \"servers\": %zu, \"add_us\": %.0f, "
           "\"resident_bytes\": %ld, \"blocks\": %zu, \"block_bytes\": %zu, "
           "\"text_bytes\": %zu, \"options_bytes\": %zu, ",
           scale.queue_count, scale.options.url_count, add_us,
           (client_resident_kib() - resident_kib) * 1024,
           scale.block_count - block_count, scale.block_bytes - block_bytes,
           scale.text_bytes,
           scale.queue_count * sizeof(struct haplo_queue_options));
    printf("\"idle_us\": %.0f, ", idle_cpu_us(strtoul(argv[3], NULL, 10)));
    printf("\"close_us\": %.0f}\n", close_cpu_us());
    return 0;
}
