#include "produce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH_COUNT 16

static double cpu_begin_s;
static double begin_s;

_Noreturn void produce_fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "produce: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

void produce_init(struct produce *produce, int count, char **arguments)
{
    if (count != 5) {
        produce_fail("usage", "DESTINATION MESSAGES QUEUES BODY_SIZE");
    }
    *produce = (struct produce){
        .destination = arguments[1],
        .count = strtoul(arguments[2], NULL, 10),
        .queue_count = strtoul(arguments[3], NULL, 10),
        .body_size = strtoul(arguments[4], NULL, 10),
    };
    if (produce->count == 0 || produce->queue_count == 0 ||
        produce->body_size < 2) {
        produce_fail("usage", "numbers above 0");
    }
    produce->body = malloc(produce->body_size);
    if (produce->body == NULL) {
        produce_fail("body", "out of memory");
    }
    memset(produce->body, 'x', produce->body_size);
    produce->body[0] = '"'; /* JSON */
    produce->body[produce->body_size - 1] = '"';
}

void produce_free(struct produce *produce)
{
    free(produce->body);
}

void produce_message(const struct produce *produce, size_t number,
                     struct produce_message *message)
{
    size_t queue = number / BATCH_COUNT % produce->queue_count;

    (void)snprintf(message->queue, sizeof(message->queue), "q%zu", queue);
    (void)snprintf(message->subject, sizeof(message->subject),
                   "haplo.app1.q%zu", queue);
    (void)snprintf(message->key, sizeof(message->key), "app1/q%zu", queue);
    (void)snprintf(message->id, sizeof(message->id),
                   "550e8400-e29b-41d4-a716-446655440000-%zu-%016zx", number,
                   number * 0x9e3779b97f4a7c15);
    (void)snprintf(message->arrival, sizeof(message->arrival), "%zu", number);
}

static double seconds_of(clockid_t clock)
{
    struct timespec time;

    (void)clock_gettime(clock, &time); /* cannot fail: they exist */
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void produce_begin(void)
{
    cpu_begin_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    begin_s = seconds_of(CLOCK_MONOTONIC);
}

void produce_end(const struct produce *produce)
{
    (void)printf("{\"messages\": %zu, \"seconds\": %.3f, \"cpu_s\": %.3f}\n",
                 produce->count, seconds_of(CLOCK_MONOTONIC) - begin_s,
                 seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin_s);
}
