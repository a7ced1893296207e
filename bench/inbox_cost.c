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
 * QUEUE_COUNT queues deliver batches of 16 messages and confirm them, through
 * inbox.h, each as soon as the one before is answered, or at RATE messages a
 * second. Prints JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "core/delivery_state.h"
#include "core/identity.h"
#include "inbox/inbox.h"
#include "inbox/sqlite/sqlite_inbox.h"

#define QUEUE_COUNT 64
#define BATCH_COUNT 16
#define BODY_SIZE 350
#define WINDOW 40000   /* messages that are measured together */
#define WINDOW_COUNT 9 /* of which the median counts */
#define WAITS_MAX 4000000

struct feeder {
    struct inbox_delivery delivery;      /* first */
    struct batch *batch;                 /* that it delivers */
    struct delivery_state known;         /* of its queue */
    char bodies[BATCH_COUNT][BODY_SIZE]; /* of its messages */
    uint64_t sent_ns;                    /* when */
    bool is_waiting;                     /* for its turn */
};

static uv_loop_t loop;
static struct inbox *inbox;
static struct sqlite_inbox_options inbox_file; /* path, retention */
static struct feeder feeders[QUEUE_COUNT];
static char path[4096];
static uint64_t salt = 1;
static uint64_t sent;              /* messages */
static uint64_t stored;            /* messages */
static uint64_t limit;             /* of them; then it ends */
static uint64_t rate;              /* messages a second; 0: no limit */
static uint64_t begin_ns;          /* of the run */
static uint64_t longest_ns;        /* of any answer since it was cleared */
static uv_timer_t pace;            /* of rate */
static double waits_ms[WAITS_MAX]; /* of deliveries since it was cleared */
static size_t wait_count;          /* of them */

_Noreturn static void fail(const char *what)
{
    (void)fprintf(stderr, "inbox_cost: %s\n", what);
    exit(1);
}

static double cpu_us(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* What the process had written to disks, as the kernel counts. */
static double written_bytes(void)
{
    char line[128];
    double bytes = 0;
    FILE *file = fopen("/proc/self/io", "r");
    if (file == NULL) {
        fail("no /proc/self/io");
    }
    while (fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "wchar: %lf", &bytes);
    }
    (void)fclose(file);
    return bytes;
}

/* Batches */

static void feeder_send(struct feeder *feeder)
{
    size_t dropped;
    for (size_t i = 0; i < BATCH_COUNT; i++) {
        struct haplo_message *message = &feeder->batch->messages[i];
        int size = snprintf(feeder->bodies[i], BODY_SIZE,
                            "{\"id\":%" PRIu64 ",\"text\":\"", sent++);
        feeder->bodies[i][size] = 'x';
        message->body = (struct haplo_slice){feeder->bodies[i], BODY_SIZE};
        message->is_repeat = false;
    }
    identity_fill(feeder->batch->messages, BATCH_COUNT);
    if (delivery_state_evaluate(&feeder->known, feeder->batch, salt++,
                                &dropped) != 0) {
        fail("out of memory");
    }
    feeder->is_waiting = false;
    feeder->sent_ns = uv_hrtime();
    inbox_deliver(&feeder->delivery);
}

static bool is_due(void)
{
    return rate == 0 ||
           (double)sent < (double)(uv_hrtime() - begin_ns) / 1e9 * (double)rate;
}

static void feeder_next(struct feeder *feeder)
{
    feeder->is_waiting = true;
    if (sent < limit && is_due()) {
        feeder_send(feeder);
    }
}

static void on_pace(uv_timer_t *timer)
{
    (void)timer;
    for (size_t i = 0; i < QUEUE_COUNT; i++) {
        if (feeders[i].is_waiting) {
            feeder_next(&feeders[i]);
        }
    }
}

static void on_delivered(struct inbox_delivery *delivery,
                         enum inbox_verdict verdict, const char *why)
{
    struct feeder *feeder = (struct feeder *)delivery;
    uint64_t took_ns = uv_hrtime() - feeder->sent_ns;
    uint8_t bytes[STATE_HEAD_SIZE];
    struct haplo_mark mark = {.message_count = BATCH_COUNT, .unread_count = 1};
    if (verdict != INBOX_STORED || delivery->stored_count != BATCH_COUNT) {
        fail(why);
    }
    longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
    if (wait_count < WAITS_MAX) {
        waits_ms[wait_count++] = (double)took_ns / 1e6;
    }
    stored += BATCH_COUNT;
    delivery_state_accept(&feeder->known, feeder->batch);
    mark.state = delivery_state_confirm(&feeder->known, feeder->batch, false,
                                        salt++, bytes);
    inbox_confirmed(delivery->queue, &mark);
    feeder_next(feeder);
}

/* The inbox */

static void on_opened(struct inbox *opened, int error, const char *why,
                      void *data)
{
    (void)data;
    if (error != 0) {
        fail(why);
    }
    inbox = opened;
}

static void on_warning(struct inbox *of, const char *text, void *data)
{
    (void)of;
    (void)data;
    (void)fprintf(stderr, "%.1f s: %s\n",
                  (double)(uv_hrtime() - begin_ns) / 1e9, text);
}

static void open_all(const char *folder)
{
    const struct inbox_options inbox_options = {.name = "inbox",
                                                .type = &inbox_sqlite_type,
                                                .type_options = &inbox_file,
                                                .warning_cb = on_warning};
    char name[16];
    (void)snprintf(path, sizeof path, "%s/inbox.db", folder);
    inbox_file.path = path;
    if (uv_loop_init(&loop) != 0 || uv_timer_init(&loop, &pace) != 0 ||
        inbox_open(&loop, &inbox_options, on_opened, NULL) == NULL) {
        fail("out of memory");
    }
    while (inbox == NULL) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    for (size_t i = 0; i < QUEUE_COUNT; i++) {
        struct feeder *feeder = &feeders[i];
        (void)snprintf(name, sizeof name, "queue-%zu", i);
        memset(feeder->bodies, 'x', sizeof feeder->bodies);
        feeder->batch = batch_new();
        for (size_t j = 0; j < BATCH_COUNT; j++) {
            (void)batch_add_message(feeder->batch);
        }
        feeder->delivery.batch = batch_lend(feeder->batch, 1);
        feeder->delivery.delivered_cb = on_delivered;
        feeder->delivery.fetched_at_ms = 1767225600000;
        if (inbox_queue_open(inbox, "server", name, &feeder->delivery.queue) !=
            0) {
            fail("a queue was not opened");
        }
    }
    begin_ns = uv_hrtime();
}

static void on_closed(void *data)
{
    *(bool *)data = true;
}

static void close_all(void)
{
    bool is_closed = false;
    (void)uv_timer_stop(&pace);
    inbox_close(inbox, on_closed, &is_closed);
    while (!is_closed) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
}

static void run_until(uint64_t messages)
{
    limit = messages;
    on_pace(NULL);
    while (stored < messages) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
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
        double begin = cpu_us();
        run_until(stored + WINDOW);
        values[i] = (cpu_us() - begin) / WINDOW;
    }
    qsort(values, WINDOW_COUNT, sizeof *values, compare_doubles);
    return values[WINDOW_COUNT / 2];
}

static void grow(uint64_t messages, const char *folder)
{
    struct stat status;
    open_all(folder);
    double written = written_bytes();
    for (size_t i = 0; i < QUEUE_COUNT; i++) {
        feeders[i].is_waiting = true;
    }
    run_until(WINDOW);
    double early = windows_us();
    uint64_t at_begin = stored;
    double wall = (double)uv_hrtime();
    run_until(messages);
    double rate_now =
        (double)(stored - at_begin) / (((double)uv_hrtime() - wall) / 1e9);
    double late = windows_us();
    close_all();
    double bodies = (double)stored * BODY_SIZE;
    written = written_bytes() - written;
    if (stat(path, &status) != 0) {
        fail("no file");
    }
    printf("{\"messages\": %" PRIu64 ", \"early_us\": %.3f, \"late_us\": %.3f, "
           "\"late_to_early\": %.3f, \"messages_per_s\": %.0f, "
           "\"written_to_bodies\": %.3f, \"file_to_bodies\": %.3f}\n",
           stored, early, late, late / early, rate_now, written / bodies,
           (double)status.st_size / bodies);
}

static void run_for(double seconds)
{
    uint64_t end_ns = uv_hrtime() + (uint64_t)(seconds * 1e9);
    while (uv_hrtime() < end_ns) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
}

static double wal_mb(void)
{
    char wal[4200];
    struct stat status;
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    return stat(wal, &status) == 0 ? (double)status.st_size / 1e6 : 0;
}

static double phase_ms(double seconds)
{
    longest_ns = 0;
    run_for(seconds);
    return (double)longest_ns / 1e6;
}

static void stall(double seconds, uint64_t per_second, const char *folder)
{
    sqlite3 *reader = NULL;
    open_all(folder);
    rate = per_second;
    limit = UINT64_MAX;
    for (size_t i = 0; i < QUEUE_COUNT; i++) {
        feeders[i].is_waiting = true;
    }
    (void)uv_timer_start(&pace, on_pace, 0, 1);
    double before = phase_ms(5);
    if (sqlite3_open(path, &reader) != SQLITE_OK ||
        sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM queues", NULL, NULL,
                     NULL) != SQLITE_OK) {
        fail("the reader cannot read");
    }
    uint64_t at_begin = stored;
    double during = phase_ms(seconds);
    double held = (double)(stored - at_begin) / seconds;
    double wal = wal_mb();
    if (sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_close(reader) != SQLITE_OK) {
        fail("the reader cannot end");
    }
    double after = phase_ms(30);
    double wal_after = wal_mb();
    limit = sent;
    run_until(sent);
    close_all();
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
        fail("the inbox cannot be read");
    }
    uint64_t arrival = (uint64_t)sqlite3_column_int64(select, 0);
    (void)sqlite3_finalize(select);
    (void)sqlite3_close(reader);
    return arrival;
}

static double part_ms(double part)
{
    return wait_count == 0
               ? 0
               : waits_ms[(size_t)((double)(wait_count - 1) * part)];
}

static void print_waits(const char *name, double seconds)
{
    wait_count = 0;
    run_for(seconds);
    qsort(waits_ms, wait_count, sizeof *waits_ms, compare_doubles);
    printf("\"%s\": {\"deliveries\": %zu, \"p50_ms\": %.2f, \"p99_ms\": "
           "%.2f, \"p999_ms\": %.2f, \"max_ms\": %.2f}, ",
           name, wait_count, part_ms(0.5), part_ms(0.99), part_ms(0.999),
           part_ms(1));
}

static void set_fetched_at(uint64_t at_ms)
{
    for (size_t i = 0; i < QUEUE_COUNT; i++) {
        feeders[i].delivery.fetched_at_ms = at_ms;
        feeders[i].is_waiting = true;
    }
}

static void retain(uint64_t messages, uint64_t per_second, double seconds,
                   const char *folder)
{
    inbox_file.keep_ms = 1000;
    inbox_file.has_secure_delete = getenv("SECURE_DELETE") != NULL;
    open_all(folder);
    set_fetched_at(1); /* long ago */
    run_until(messages);
    limit = UINT64_MAX;
    rate = per_second;
    begin_ns = uv_hrtime() - (uint64_t)((double)sent / (double)rate * 1e9);
    set_fetched_at((uint64_t)INT64_MAX); /* so these stay */
    (void)uv_timer_start(&pace, on_pace, 0, 1);
    run_for(2);
    printf("{\"messages\": %" PRIu64 ", ", messages);
    print_waits("without", seconds);
    uint64_t at_begin = oldest_arrival();
    inbox_retain(inbox, NULL, 0);
    print_waits("with", seconds);
    uint64_t at_end = oldest_arrival();
    limit = sent;
    run_until(sent);
    close_all();
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
        fail("arguments: grow MESSAGES FOLDER | stall SECONDS RATE FOLDER | "
             "retain MESSAGES RATE SECONDS FOLDER");
    }
    return 0;
}
