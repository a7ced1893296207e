/*
 * haplo-sim: a simulated Haplo server, to test message queue clients against.
 *   - Reads the options. Each is a word of the option table (options.c).
 *   - Creates the applications, then runs the scenario file and the script
 *     lines among the arguments.
 *   - Opens the control port and the ports of the applications; writes keys
 *     and certificates.
 *   - Prints one line of JSON, the ready line, and serves.
 *   - Stops on SIGTERM, SIGINT, POST /shutdown or the end of standard input.
 *
 * Bad arguments or scripts: one line on standard error, exit status 2. A port
 * that cannot be opened, or a file that cannot be written, or standard output,
 * unless the ready line is in a file as well: the same with status 1.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/standard_streams.h"
#include "sim/files.h"
#include "sim/memory.h"
#include "sim/options.h"
#include "sim/report.h"
#include "sim/script.h"
#include "sim/server.h"

#ifndef SIM_VERSION
#define SIM_VERSION "0.1.0"
#endif

#define ERROR_SIZE 900 /* bytes of an error line */

enum exit_code { EXIT_CANNOT = 1, EXIT_USAGE = 2 };

static void stop_with(enum exit_code code, const char *error)
{
    fprintf(stderr, "haplo-sim: %s\n", error);
    exit((int)code);
}

/* Whoever waits for the ready line must not wait for ever. */
static void output_flush(void)
{
    char error[ERROR_SIZE];
    bool has_failed = ferror(stdout) != 0;
    if (fflush(stdout) == 0 && !has_failed) {
        return;
    }
    snprintf(error, sizeof error, "standard output cannot be written: %s",
             has_failed ? "an earlier write failed" : strerror(errno));
    stop_with(EXIT_CANNOT, error);
}

/* Options for getopt_long(); (*rows)[i] is the table row of the i-th one. */
static struct option *long_options(const struct sim_option ***rows)
{
    const int scopes = SIM_SCOPE_COMMAND | SIM_SCOPE_SETTINGS;
    size_t total = 0;
    while (sim_option_at(total) != NULL) {
        total++;
    }
    struct option *list = sim_new((total + 3) * sizeof *list);
    *rows = sim_new((total + 3) * sizeof(struct sim_option *));
    size_t count = 0;
    for (size_t i = 0; i < total; i++) {
        const struct sim_option *row = sim_option_at(i);
        if (((int)row->scope & scopes) == 0) {
            continue;
        }
        (*rows)[count] = row;
        list[count++] = (struct option){
            row->name,
            row->type == SIM_TYPE_YES ? optional_argument : required_argument,
            NULL, 0};
    }
    list[count++] = (struct option){"help", no_argument, NULL, 'h'};
    list[count] = (struct option){"version", no_argument, NULL, 'V'};
    return list;
}

static void help_print(void)
{
    puts("usage: haplo-sim [--WORD=VALUE ...] [script line ...]\n"
         "A simulated Haplo server to test clients with; see haplo-sim(1).\n");
    sim_options_help(stdout);
    puts("");
    sim_script_help(stdout);
}

static void option_apply(struct sim_server *server,
                         const struct sim_option *row, const char *value)
{
    char error[ERROR_SIZE];
    void *base = row->scope == SIM_SCOPE_COMMAND
                     ? (void *)&server->command
                     : (void *)&server->world.settings;
    if (!sim_option_set(row, base, value, error, sizeof error)) {
        stop_with(EXIT_USAGE, error);
    }
}

/* Applies the options; --help and --version exit. Returns the index of the
 * first script line. */
static int options_read(struct sim_server *server, int argc, char **argv)
{
    const struct sim_option **rows;
    struct option *list = long_options(&rows);
    int at;
    for (int c; (c = getopt_long(argc, argv, "hV", list, &at)) != -1;) {
        if (c == 'h') {
            help_print();
            output_flush();
            exit(0);
        }
        if (c == 'V') {
            puts("haplo-sim " SIM_VERSION);
            output_flush();
            exit(0);
        }
        if (c == '?') {
            exit(EXIT_USAGE);
        }
        option_apply(server, rows[at], optarg);
    }
    free(list);
    free(rows);
    return optind;
}

static void script_run(struct sim_server *server, const char *where,
                       const char *text, size_t size)
{
    struct sim_script_result result;
    if (!sim_script_run(&server->world, text, size, &result)) {
        struct sim_buffer error = {0};
        sim_buffer_format(&error, "%s:%zu: %s", where, result.line,
                          result.error);
        sim_buffer_add(&error, "", 1);
        stop_with(EXIT_USAGE, error.bytes);
    }
}

static void script_file(struct sim_server *server)
{
    const char *path = server->command.script;
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "r");
    struct sim_buffer text = {0};
    size_t count = 1;
    while (file != NULL && count > 0) {
        count = fread(sim_buffer_reserve(&text, 4096), 1, 4096, file);
        text.size += count;
    }
    if (file == NULL || ferror(file)) {
        char error[ERROR_SIZE];
        snprintf(error, sizeof error, "%.500s: %s", path, strerror(errno));
        stop_with(EXIT_USAGE, error);
    }
    if (!standard) {
        fclose(file);
    }
    script_run(server, path, text.bytes, text.size);
    sim_buffer_free(&text);
}

static void apps_make(struct sim_server *server)
{
    const struct sim_command *command = &server->command;
    for (uint64_t i = 1; i <= command->apps; i++) {
        char line[SIM_NAME_SIZE * 3];
        if (command->one_port && i == 1) {
            snprintf(line, sizeof line, "app app1 host=app1.localhost");
        } else if (command->one_port) {
            snprintf(line, sizeof line,
                     "app app%llu host=app%llu.localhost port=app1",
                     (unsigned long long)i, (unsigned long long)i);
        } else {
            snprintf(line, sizeof line, "app app%llu", (unsigned long long)i);
        }
        script_run(server, "--apps", line, strlen(line));
    }
}

static void world_make(struct sim_server *server, int argc, char **argv,
                       int first)
{
    struct sim_command *command = &server->command;
    bool scripted = command->script[0] != '\0';
    if (!scripted && command->apps == 0) {
        command->apps = 1;
    }
    if (!scripted && server->world.settings.queue_count == 0) {
        server->world.settings.queue_count = 1;
    }
    apps_make(server);
    if (scripted) {
        script_file(server);
    }
    for (int i = first; i < argc; i++) {
        script_run(server, "argument", argv[i], strlen(argv[i]));
    }
}

/* Raises the descriptor limit: demos keep thousands of connections open. */
static void descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void signal_cb(uv_signal_t *handle, int number)
{
    (void)number;
    sim_server_stop(handle->data);
}

static void input_alloc_cb(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    static char ignored[256];
    (void)handle;
    (void)size;
    *buffer = uv_buf_init(ignored, sizeof ignored);
}

static void input_cb(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    (void)buffer;
    if (count < 0) {
        sim_server_stop(stream->data);
    }
}

static int input_start(struct sim_server *server)
{
    uv_handle_type type = uv_guess_handle(0);
    if (type != UV_NAMED_PIPE && type != UV_TTY) {
        stop_with(EXIT_USAGE, "--until-stdin-closes: standard input must be a "
                              "pipe or a terminal");
    }
    int error = uv_pipe_init(server->loop, &server->input, 0);
    if (error != 0) {
        return error;
    }
    server->has_input = true;
    server->input.data = server;
    error = uv_pipe_open(&server->input, 0);
    return error != 0 ? error
                      : uv_read_start((uv_stream_t *)&server->input,
                                      input_alloc_cb, input_cb);
}

static void endings_start(struct sim_server *server)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    int error = 0;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < 2 && error == 0; i++) {
        error = uv_signal_init(server->loop, &server->signals[i]);
        server->signals[i].data = server;
        if (error == 0) {
            error = uv_signal_start(&server->signals[i], signal_cb, numbers[i]);
        }
    }
    if (error == 0 && server->command.until_stdin_closes) {
        error = input_start(server);
    }
    if (error != 0) {
        stop_with(EXIT_CANNOT, uv_strerror(error));
    }
}

static void server_start(struct sim_server *server)
{
    char error[ERROR_SIZE];
    struct sim_buffer ready = {0};
    if (!sim_files_start(server, error, sizeof error) ||
        !sim_server_sync(server, error, sizeof error)) {
        stop_with(EXIT_CANNOT, error);
    }
    sim_report_ready(server, &ready);
    if (!sim_files_finish(server, &ready, error, sizeof error)) {
        stop_with(EXIT_CANNOT, error);
    }
    fwrite(ready.bytes, 1, ready.size, stdout);
    if (server->command.dir[0] == '\0') {
        output_flush(); /* otherwise the file "ready" has it as well */
    }
    fflush(stdout);
    sim_buffer_free(&ready);
}

int main(int argc, char **argv)
{
    static struct sim_server server;
    static uv_loop_t loop;
    char error[ERROR_SIZE];
    if (standard_streams_open() != 0 || uv_loop_init(&loop) != 0) {
        stop_with(EXIT_CANNOT, "cannot create an event loop");
    }
    descriptors_raise();
    sim_server_init(&server, &loop);
    sim_options_default(SIM_SCOPE_COMMAND, &server.command);
    int first = options_read(&server, argc, argv);
    if (server.command.write_config[0] != '\0' &&
        server.command.dir[0] == '\0') {
        stop_with(EXIT_USAGE,
                  "--write-config needs --dir, where the key files go");
    }
    sim_eventlog_init(&server.world.log, (size_t)server.command.events);
    world_make(&server, argc, argv, first);
    if (!sim_server_open_control(&server, error, sizeof error)) {
        stop_with(EXIT_USAGE, error);
    }
    endings_start(&server);
    server_start(&server);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    sim_server_free(&server);
    return 0;
}
