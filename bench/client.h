/*
 * client.h - what the C programs of the benchmark have in common: command
 * line, clocks, and the line that reports.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_KEY "0123456789012345678901234567890123456789abcd"
#define BENCH_PATH "/api/haplo-integration-messages/poll/"
#define BENCH_MESSAGE_COUNT 16 /* in each batch that the server sends */

/* As all clients, the peers too, are called:
 *
 *     CLIENT HOSTS AT-ONCE WARM-CYCLES CYCLES CA-FILE
 *
 * HOSTS is a file with one URL a line; queue i is polled at URL i modulo their
 * number. CA-FILE may be "-". */
struct client_options {
    char **urls;               /* owned; of the hosts */
    size_t url_count;          /* */
    unsigned at_once;          /* queues, each polled without a pause */
    unsigned long warm_cycles; /* not counted: connections, pools */
    unsigned long cycles;      /* counted, after those */
    const char *ca_file;       /* borrowed, or NULL */
};

/* Reads five arguments; prints what is wrong and exits with 2. */
void client_options_read(struct client_options *options, char **arguments);

/* The file of hosts alone. */
void client_hosts_read(struct client_options *options, const char *path);

/* Prints and exits with 1: a benchmark that goes wrong has no result. */
_Noreturn void client_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* User and system time of this process, microseconds. */
double client_cpu_us(void);

/* Monotonic, microseconds. */
double client_wall_us(void);

/* Resident memory of this process right now, and at most, in KiB. */
long client_resident_kib(void);
long client_peak_kib(void);

/* Counts cycles and what they cost after the warm-up. */
struct client_meter {
    unsigned long done;        /* */
    unsigned long warm_cycles; /* */
    unsigned long cycles_max;  /* the warm ones included */
    double cpu_us;             /* when they were done; then what it took */
    double wall_us;            /* the same */
};

void client_meter_init(struct client_meter *meter,
                       const struct client_options *options);

enum client_moment { CLIENT_GOES_ON, CLIENT_IS_WARM, CLIENT_IS_DONE };

/* One more cycle is done. */
enum client_moment client_meter_count(struct client_meter *meter);

/* One line of JSON on stdout, after CLIENT_IS_DONE. extra: more members, as
 * ", \"name\": 1", or "". */
void client_meter_print(const struct client_meter *meter, const char *extra);

#endif
