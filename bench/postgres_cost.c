/*
 * postgres_cost.c - what storing messages in a PostgreSQL inbox costs, alone,
 * to be compared with produce_postgres:
 *
 *     postgres_cost CONNINFO MESSAGES QUEUES BODY_SIZE
 *
 * The schema is there already (haplo-poll migrate). CONNINFO "null" is an inbox
 * that drops its messages: what is left is the work of the queues that deliver
 * them, which the poller does and not the inbox.
 *
 * Prints what it took, as JSON, from the first message to the last answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feeders.h"
#include "inbox/postgres/postgres_inbox.h"
#include "null_inbox.h"

int main(int argc, char **argv)
{
    if (argc != 5) {
        feeders_fail("usage: CONNINFO MESSAGES QUEUES BODY_SIZE");
    }
    const struct postgres_inbox_options postgres = {
        .conninfo = argv[1], .schema = "haplo", .timeout_ms = 60000};
    bool is_null = strcmp(argv[1], "null") == 0;
    const struct feeders_options options = {
        .type = is_null ? &null_inbox_type : &inbox_postgres_type,
        .type_options = &postgres,
        .queue_count = strtoul(argv[3], NULL, 10),
        .body_size = strtoul(argv[4], NULL, 10)};
    feeders_open(&options);
    double cpu_us = feeders_cpu_us();
    double begin_ns = (double)uv_hrtime();
    feeders_run(strtoull(argv[2], NULL, 10));
    printf("{\"cpu_s\": %.6f, \"seconds\": %.6f}\n",
           (feeders_cpu_us() - cpu_us) / 1e6,
           ((double)uv_hrtime() - begin_ns) / 1e9);
    feeders_close();
    return 0;
}
