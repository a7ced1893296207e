/*
 * The outlets, each with a forwarder and an inbox: every message goes out,
 * whole, and is never passed over; what goes wrong is told in a line.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "fault.h"
#include "http_server.h"
#include "inbox_stage.h"
#include "outlets/exec/exec.h"
#include "outlets/files/files.h"
#include "outlets/forwarder/forwarder.h"
#include "outlets/stdout.h"
#include "outlets/webhook/webhook.h"
#include "outlets/webhook/webhook_options.h"
#include "sweep.h"

#define TEXT_SIZE 16384
#define CLOSE_MS 5000

static const char *const texts[] = {"{\"id\":1}", "{\"id\":2}", NULL};

/* A parser that fails says that the message is at fault; then an operator has
 * it tried again. */
static bool may_block;

static void on_event(struct forwarder *forwarder,
                     const struct forwarder_event *event, void *data)
{
    (void)forwarder;
    assert_null(strchr(event->why, '\n'));
    if (strcmp(event->state, "blocked") == 0) {
        assert_true(may_block);
        *(bool *)data = true;
    }
}

static void on_closed(void *data)
{
    *(bool *)data = true;
}

/* Stores the texts in queue live/a. */
static void messages_store(struct stage *stage)
{
    struct feed feed = {0};
    struct parcel parcel;
    stage_open(stage);
    feed_open(&feed, stage, "a");
    parcel_make(&parcel, &feed, texts);
    parcel_send(&parcel);
    parcel_settle(&parcel);
    parcel_lose(&parcel);
    feed_close(&feed);
}

/* Until all has gone out, and that is stored. */
static void messages_forward(struct stage *stage,
                             const struct outlet_type *type,
                             const void *type_options)
{
    const struct forwarder_options options = {.name = "out",
                                              .type = type,
                                              .type_options = type_options,
                                              .backoff_ms = 10,
                                              .backoff_max_ms = 20};
    struct forwarder_stats stats = {.is_caught_up = false};
    struct forwarder *forwarder = NULL;
    bool is_closed = false;
    bool is_blocked = false;
    for (unsigned tries = 0; forwarder == NULL; tries++) {
        assert_true(tries < TRIES_MAX);
        forwarder = forwarder_new(&stage->loop, stage->inbox, &options,
                                  on_event, &is_blocked);
    }
    do {
        if (is_blocked) {
            is_blocked = false;
            assert_int_equal(
                forwarder_release_lane(forwarder, "live", "a", FORWARDER_RETRY),
                0);
        }
        SWEEP_UNTIL(&stage->loop, (forwarder_stats(forwarder, &stats),
                                   stats.is_caught_up || is_blocked));
    } while (is_blocked);
    assert_int_equal(stats.cursor, 2);
    forwarder_close(forwarder, CLOSE_MS, on_closed, &is_closed);
    SWEEP_UNTIL(&stage->loop, is_closed);
}

/* Each text is there, as a whole line. */
static void messages_check(const char *text)
{
    for (size_t i = 0; texts[i] != NULL; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s\n", texts[i]);
        assert_non_null(strstr(text, line));
    }
}

/* The same for rows with their ids. */
static void rows_check(const char *text)
{
    assert_non_null(strstr(text, "\n1\r\n"));
    assert_non_null(strstr(text, "\n2\r\n"));
}

/* Files */

/* Adds what the visible files of the folder hold. */
static void folder_read(const char *path, char text[TEXT_SIZE])
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        char name[512];
        size_t size = strlen(text);
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        gzFile file = gzopen(name, "re"); /* or one that is not compressed */
        assert_non_null(file);
        int read = gzread(file, text + size, (unsigned)(TEXT_SIZE - 1 - size));
        assert_true(read >= 0);
        text[size + (size_t)read] = '\0';
        assert_int_equal(gzclose(file), Z_OK);
    }
    assert_int_equal(closedir(folder), 0);
}

/* A process has died here: its file was not complete. */
static void leftover_make(const char *path)
{
    char folder[256];
    snprintf(folder, sizeof folder, "mkdir -p '%s'/live/a", path);
    assert_int_equal(system(folder), 0);
    snprintf(folder, sizeof folder, "%s/live/a/.writing", path);
    int file = open(folder, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, texts[1], 3), 3);
    assert_int_equal(close(file), 0);
}

static void files_forward(struct files_options options, bool has_leftover)
{
    struct stage stage;
    char path[128];
    char text[TEXT_SIZE] = "";
    stage_begin(&stage);
    fault_pause();
    snprintf(path, sizeof path, "%s/out", stage.folder);
    options.path = path;
    messages_store(&stage);
    if (has_leftover) {
        leftover_make(path);
    }
    fault_resume();
    messages_forward(&stage, &files_outlet_type, &options);
    fault_pause();
    snprintf(path, sizeof path, "%s/out/live/a", stage.folder);
    folder_read(path, text);
    if (options.format == FILES_CSV) {
        rows_check(text);
    } else {
        messages_check(text);
    }
    stage_close(&stage);
    fault_resume();
    stage_end(&stage);
}

static void files_run(void)
{
    files_forward((struct files_options){.format = FILES_NDJSON}, false);
}

static void leftover_run(void)
{
    files_forward((struct files_options){.format = FILES_NDJSON}, true);
}

static void csv_run(void)
{
    static const char *const columns[] = {"id=/id", NULL};
    may_block = true;
    files_forward((struct files_options){.format = FILES_CSV,
                                         .columns = columns,
                                         .is_gzip = true},
                  false);
    may_block = false;
}

/* Standard output */

/* Each text is the message of a whole line. */
static void lines_check(const char *text)
{
    for (size_t i = 0; texts[i] != NULL; i++) {
        char line[64];
        snprintf(line, sizeof line, ",\"message\":%s}\n", texts[i]);
        assert_non_null(strstr(text, line));
    }
}

/* To ends[1]. Everything fits, so that nobody needs to read meanwhile. */
static void lines_run(const int ends[2])
{
    struct stage stage;
    char text[TEXT_SIZE] = "";
    stage_begin(&stage);
    fault_pause();
    messages_store(&stage);
    (void)fflush(NULL);
    int saved = dup(STDOUT_FILENO);
    assert_true(saved >= 0);
    assert_true(dup2(ends[1], STDOUT_FILENO) >= 0);
    assert_int_equal(close(ends[1]), 0);
    fault_resume();
    messages_forward(&stage, &stdout_outlet_type, NULL);
    fault_pause();
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    assert_int_equal(close(saved), 0);
    assert_true(read(ends[0], text, TEXT_SIZE - 1) > 0);
    assert_int_equal(close(ends[0]), 0);
    lines_check(text);
    stage_close(&stage);
    fault_resume();
    stage_end(&stage);
}

static void stdout_run(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    lines_run(ends);
}

/* As systemd connects it to the journal. */
static void stdout_socket_run(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    lines_run(ends);
}

/* Commands */

#define EXEC_QUIET_MS 300 /* a command starts and ends meanwhile */

static void exec_run(void)
{
    static const char *const command[] = {"/bin/sh", "-c", "cat >>out", NULL};
    struct stage stage;
    char path[128];
    char text[TEXT_SIZE] = "";
    stage_begin(&stage);
    fault_pause();
    messages_store(&stage);
    struct exec_options options = {.command = command,
                                   .folder = stage.folder,
                                   .time_limit_ms = HAPLO_WAIT_MS_MAX,
                                   .grace_ms = HAPLO_WAIT_MS_MAX};
    fault_resume();
    sweep_quiet_ms = EXEC_QUIET_MS;
    messages_forward(&stage, &exec_outlet_type, &options);
    fault_pause();
    snprintf(path, sizeof path, "%s/out", stage.folder);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, TEXT_SIZE - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    lines_check(text);
    stage_close(&stage);
    fault_resume();
    stage_end(&stage);
}

/* Requests */

static char received[TEXT_SIZE];

static void on_request(struct http_peer *peer)
{
    static const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";
    fault_pause();
    strncat(received, peer->request, TEXT_SIZE - 1 - strlen(received));
    http_peer_send(peer, answer, sizeof answer - 1);
    fault_resume();
}

static void webhook_run(void)
{
    struct stage stage;
    struct http_server server;
    struct webhook_options options = {.batch = 50,
                                      .batch_bytes_max = 65536,
                                      .connect_timeout_ms = 1000,
                                      .total_timeout_ms = 5000,
                                      .user = "me",
                                      .password = {.env = "HOME"},
                                      .signing_secret = {.env = "SECRET"}};
    char url[64];
    stage_begin(&stage);
    fault_pause();
    assert_int_equal(
        setenv("SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1), 0);
    received[0] = '\0';
    messages_store(&stage);
    http_server_open(&server, &stage.loop);
    server.request_cb = on_request;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", server.port);
    options.url = url;
    fault_resume();
    messages_forward(&stage, &webhook_outlet_type, &options);
    fault_pause();
    for (size_t i = 0; texts[i] != NULL; i++) {
        assert_non_null(strstr(received, texts[i]));
    }
    http_server_close(&server);
    stage_close(&stage);
    fault_resume();
    stage_end(&stage);
}

const struct sweep_unit sweep_outlets_units[] = {
    {"outlets/exec", exec_run, NULL, false, 4},
    {"outlets/files", files_run, NULL, false, 2},
    {"outlets/csv", csv_run, NULL, false, 2},
    {"outlets/leftover", leftover_run, NULL, false, 2},
    {"outlets/stdout", stdout_run, NULL, false, 2},
    {"outlets/stdout_socket", stdout_socket_run, NULL, false, 2},
    {"outlets/webhook", webhook_run, NULL, false, 2},
    {NULL, NULL, NULL, false, 0},
};
