/*
 * inbox_cost.c - what an SQLite inbox costs, alone:
 *
 *     inbox_cost grow MESSAGES FOLDER   CPU a message at 0.1M rows, and at the
 *                                       end; bytes written and file size, to
 *                                       bytes of bodies
 *     inbox_cost stall SECONDS RATE FOLDER
 *                                       how long a delivery waits at most while
 *                                       a reader holds a transaction, and after
 *     inbox_cost retain MESSAGES RATE SECONDS FOLDER
 *                                       how long deliveries wait at RATE
 *                                       without retention, and while it deletes
 *                                       the first MESSAGES
 *
 * Prints JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "feeders.h"
#include "inbox/sqlite/sqlite_inbox.h"

#define QUEUE_COUNT 64
#define BODY_SIZE 350
#define WINDOW 40000   /* messages that are measured together */
#define WINDOW_COUNT 9 /* of which the median counts */

static struct sqlite_inbox_options inbox_file; /* path, retention */
static char path[4096];

/* What the process had written to disks, as the kernel counts. */
static double written_bytes(void)
{
    char line[128];
    double bytes = 0;
    FILE *file = fopen("/proc/self/io", "r");
    if (file == NULL) {
        feeders_fail("no /proc/self/io");
    }
    while (fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "wchar: %lf", &bytes);
    }
    (void)fclose(file);
    return bytes;
}

static void open_all(const char *folder)
{
    const struct feeders_options options = {.type = &inbox_sqlite_type,
                                            .type_options = &inbox_file,
                                            .queue_count = QUEUE_COUNT,
                                            .body_size = BODY_SIZE};
    (void)snprintf(path, sizeof path, "%s/inbox.db", folder);
    inbox_file.path = path;
    feeders_open(&options);
}

/* What is measured */

static int compare_doubles(const void *a, const void *b)
{
    double first = *(const double *)a;
    double second = *(const double *)b;
    return first < second ? -1 : first > second;
}

/* CPU a message, all threads, the library's part included. */
static double windows_us(void)
{
    double values[WINDOW_COUNT];
    for (size_t i = 0; i < WINDOW_COUNT; i++) {
        double begin = feeders_cpu_us();
        feeders_run(WINDOW);
        values[i] = (feeders_cpu_us() - begin) / WINDOW;
    }
    qsort(values, WINDOW_COUNT, sizeof *values, compare_doubles);
    return values[WINDOW_COUNT / 2];
}

static void grow(uint64_t messages, const char *folder)
{
    struct stat status;
    open_all(folder);
    double written = written_bytes();
    feeders_run(WINDOW);
    double early = windows_us();
    uint64_t between =
        messages > feeders_stored() ? messages - feeders_stored() : 0;
    double wall = (double)uv_hrtime();
    feeders_run(between);
    double rate = (double)between / (((double)uv_hrtime() - wall) / 1e9);
    double late = windows_us();
    feeders_close();
    uint64_t stored = feeders_stored();
    double bodies = (double)stored * BODY_SIZE;
    written = written_bytes() - written;
    if (stat(path, &status) != 0) {
        feeders_fail("no file");
    }
    printf("{\"messages\": %" PRIu64 ", \"early_us\": %.3f, \"late_us\": %.3f, "
           "\"late_to_early\": %.3f, \"messages_per_s\": %.0f, "
           "\"written_to_bodies\": %.3f, \"file_to_bodies\": %.3f}\n",
           stored, early, late, late / early, rate, written / bodies,
           (double)status.st_size / bodies);
}

static double wal_mb(void)
{
    char wal[4200];
    struct stat status;
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    return stat(wal, &status) == 0 ? (double)status.st_size / 1e6 : 0;
}

/* The longest wait of a delivery. */
static double phase_ms(double seconds)
{
    size_t count;
    (void)feeders_waits_ms(&count);
    feeders_run_for(seconds);
    const double *waits = feeders_waits_ms(&count);
    return count == 0 ? 0 : waits[count - 1];
}

static void stall(double seconds, uint64_t per_second, const char *folder)
{
    sqlite3 *reader = NULL;
    open_all(folder);
    feeders_set_rate(per_second);
    double before = phase_ms(5);
    if (sqlite3_open(path, &reader) != SQLITE_OK ||
        sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM queues", NULL, NULL,
                     NULL) != SQLITE_OK) {
        feeders_fail("the reader cannot read");
    }
    uint64_t at_begin = feeders_stored();
    double during = phase_ms(seconds);
    double held = (double)(feeders_stored() - at_begin) / seconds;
    double wal = wal_mb();
    if (sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_close(reader) != SQLITE_OK) {
        feeders_fail("the reader cannot end");
    }
    double after = phase_ms(30);
    double wal_after = wal_mb();
    feeders_close();
    printf("{\"seconds\": %.0f, \"messages_per_s\": %.0f, \"before_ms\": %.1f, "
           "\"during_ms\": %.1f, \"after_ms\": %.1f, \"wal_mb\": %.0f, "
           "\"wal_after_mb\": %.0f}\n",
           seconds, held, before, during, after, wal, wal_after);
}

/* Retention */

static uint64_t oldest_arrival(void)
{
    sqlite3 *reader = NULL;
    sqlite3_stmt *select = NULL;
    if (sqlite3_open(path, &reader) != SQLITE_OK ||
        sqlite3_prepare_v2(reader, "SELECT min(arrival) FROM stored", -1,
                           &select, NULL) != SQLITE_OK ||
        sqlite3_step(select) != SQLITE_ROW) {
        feeders_fail("the inbox cannot be read");
    }
    uint64_t arrival = (uint64_t)sqlite3_column_int64(select, 0);
    (void)sqlite3_finalize(select);
    (void)sqlite3_close(reader);
    return arrival;
}

static double part_ms(const double *waits, size_t count, double part)
{
    return count == 0 ? 0 : waits[(size_t)((double)(count - 1) * part)];
}

static void print_waits(const char *name, double seconds)
{
    size_t count;
    (void)feeders_waits_ms(&count);
    feeders_run_for(seconds);
    const double *waits = feeders_waits_ms(&count);
    printf("\"%s\": {\"deliveries\": %zu, \"p50_ms\": %.2f, \"p99_ms\": "
           "%.2f, \"p999_ms\": %.2f, \"max_ms\": %.2f}, ",
           name, count, part_ms(waits, count, 0.5), part_ms(waits, count, 0.99),
           part_ms(waits, count, 0.999), part_ms(waits, count, 1));
}

static void retain(uint64_t messages, uint64_t per_second, double seconds,
                   const char *folder)
{
    inbox_file.keep_ms = 1000;
    inbox_file.has_secure_delete = getenv("SECURE_DELETE") != NULL;
    open_all(folder);
    feeders_set_fetched_at(1); /* long ago */
    feeders_run(messages);
    feeders_set_fetched_at((uint64_t)INT64_MAX); /* so these stay */
    feeders_set_rate(per_second);
    feeders_run_for(2);
    printf("{\"messages\": %" PRIu64 ", ", messages);
    print_waits("without", seconds);
    uint64_t at_begin = oldest_arrival();
    inbox_retain(feeders_inbox(), NULL, 0);
    print_waits("with", seconds);
    uint64_t at_end = oldest_arrival();
    feeders_close();
    printf("\"deleted_per_s\": %.0f}\n", (double)(at_end - at_begin) / seconds);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "grow") == 0) {
        grow(strtoull(argv[2], NULL, 10), argv[3]);
    } else if (argc == 5 && strcmp(argv[1], "stall") == 0) {
        stall(strtod(argv[2], NULL), strtoull(argv[3], NULL, 10), argv[4]);
    } else if (argc == 6 && strcmp(argv[1], "retain") == 0) {
        retain(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10),
               strtod(argv[4], NULL), argv[5]);
    } else {
        feeders_fail(
            "arguments: grow MESSAGES FOLDER | stall SECONDS RATE FOLDER | "
            "retain MESSAGES RATE SECONDS FOLDER");
    }
    return 0;
}
