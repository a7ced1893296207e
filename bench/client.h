/*
 * client.h - what the C clients of the benchmark share: command line, clocks
 * and the result line.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_KEY "0123456789012345678901234567890123456789abcd"
#define BENCH_PATH "/api/haplo-integration-messages/poll/"
#define BENCH_MESSAGE_COUNT 16 /* in every batch the server sends */

/* The command line of all clients, including the peers:
 *
 *     CLIENT HOSTS AT-ONCE WARM-CYCLES CYCLES CA-FILE
 *
 * HOSTS is a file with one URL per line; queue i is polled at URL i modulo
 * their number. CA-FILE "-" means none. */
struct client_options {
    char **urls; /* owned */
    size_t url_count;
    unsigned at_once;          /* number of queues, polled without pause */
    unsigned long warm_cycles; /* warm-up, not measured */
    unsigned long cycles;      /* measured, after the warm-up */
    const char *ca_file;       /* borrowed, or NULL */
};

/* Reads five arguments. Prints an error and exits with 2 if one is wrong. */
void client_options_read(struct client_options *options, char **arguments);

/* Reads only the file of hosts. */
void client_hosts_read(struct client_options *options, const char *path);

/* Prints an error and exits with 1: a failed benchmark has no result. */
_Noreturn void client_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* User plus system time of this process, in microseconds. */
double client_cpu_us(void);

/* Monotonic time in microseconds. */
double client_wall_us(void);

/* Resident memory of this process in KiB: current, and peak. */
long client_resident_kib(void);
long client_peak_kib(void);

/* Counts cycles and measures their cost after the warm-up. */
struct client_meter {
    unsigned long done;        /* cycles so far */
    unsigned long warm_cycles; /* not measured */
    unsigned long cycles_max;  /* warm-up included */
    double cpu_us;             /* at the end of the warm-up; later the cost */
    double wall_us;            /* likewise */
};

void client_meter_init(struct client_meter *meter,
                       const struct client_options *options);

enum client_moment { CLIENT_GOES_ON, CLIENT_IS_WARM, CLIENT_IS_DONE };

/* To be called when a cycle is complete. */
enum client_moment client_meter_count(struct client_meter *meter);

/* Prints the result as one line of JSON, after CLIENT_IS_DONE. extra holds
 * additional members, such as ", \"name\": 1", or is empty. */
void client_meter_print(const struct client_meter *meter, const char *extra);

#endif
