#include "client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <valgrind/callgrind.h>

#define LINE_SIZE_MAX 1024

void client_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    exit(1);
}

void client_hosts_read(struct client_options *options, const char *path)
{
    char line[LINE_SIZE_MAX];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        client_fail("%s: cannot read the file", path);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char **urls =
            realloc(options->urls, (options->url_count + 1) * sizeof *urls);
        char *url = strdup(line);
        if (urls == NULL || url == NULL) {
            client_fail("out of memory");
        }
        options->urls = urls;
        urls[options->url_count++] = url;
    }
    (void)fclose(file);
    if (options->url_count == 0) {
        client_fail("%s: the file contains no URL", path);
    }
}

void client_options_read(struct client_options *options, char **arguments)
{
    for (int i = 0; i < 5; i++) {
        if (arguments[i] == NULL) {
            (void)fputs("arguments: HOSTS AT-ONCE WARM-CYCLES CYCLES CA-FILE\n",
                        stderr);
            exit(2);
        }
    }
    memset(options, 0, sizeof *options);
    client_hosts_read(options, arguments[0]);
    options->at_once = (unsigned)strtoul(arguments[1], NULL, 10);
    options->warm_cycles = strtoul(arguments[2], NULL, 10);
    options->cycles = strtoul(arguments[3], NULL, 10);
    options->ca_file = strcmp(arguments[4], "-") == 0 ? NULL : arguments[4];
    if (options->at_once == 0 || options->cycles == 0) {
        client_fail("AT-ONCE and CYCLES must be at least 1");
    }
}

double client_cpu_us(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return 0;
    }
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

double client_wall_us(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        return 0;
    }
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Reads a line like "VmRSS:   1234 kB" of /proc/self/status. */
static long status_kib(const char *name)
{
    char line[LINE_SIZE_MAX];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    if (file == NULL) {
        return 0;
    }
    while (kib == 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            kib = strtol(line + strlen(name), NULL, 10);
        }
    }
    (void)fclose(file);
    return kib;
}

long client_resident_kib(void)
{
    return status_kib("VmRSS:");
}

long client_peak_kib(void)
{
    return status_kib("VmHWM:");
}

void client_meter_init(struct client_meter *meter,
                       const struct client_options *options)
{
    memset(meter, 0, sizeof *meter);
    meter->warm_cycles = options->warm_cycles;
    meter->cycles_max = options->warm_cycles + options->cycles;
}

enum client_moment client_meter_count(struct client_meter *meter)
{
    meter->done++;
    if (meter->done == meter->warm_cycles) {
        meter->cpu_us = client_cpu_us();
        meter->wall_us = client_wall_us();
        CALLGRIND_START_INSTRUMENTATION; /* no effect outside callgrind */
        return CLIENT_IS_WARM;
    }
    if (meter->done == meter->cycles_max) {
        CALLGRIND_STOP_INSTRUMENTATION;
        meter->cpu_us = client_cpu_us() - meter->cpu_us;
        meter->wall_us = client_wall_us() - meter->wall_us;
        return CLIENT_IS_DONE;
    }
    return CLIENT_GOES_ON;
}

void client_meter_print(const struct client_meter *meter, const char *extra)
{
    printf("{\"cycles\": %lu, \"cpu_us\": %.0f, \"wall_us\": %.0f%s}\n",
           meter->cycles_max - meter->warm_cycles, meter->cpu_us,
           meter->wall_us, extra);
}
