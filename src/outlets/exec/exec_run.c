/*
 * exec_run.c - one run of a command.
 *
 *   - A pipe for standard error is made. Standard input and output are files,
 *     or /dev/null.
 *   - libuv starts the command in a session, and so a process group, of its
 *     own, with default signal handlers and no signal blocked.
 *   - While it runs, the end of its standard error is kept.
 *   - When it exits, what is still in the pipe is read, and everything closed.
 *
 * Failures:
 *
 *   - It cannot be started: done_cb fires with start_error.
 *   - It exceeds its time limit, or the outlet is closed: its group gets
 *     SIGTERM, and after a grace SIGKILL. When the command itself ends, what is
 *     left of its group is killed at once.
 *   - It ends on its own, and leaves other processes behind that hold its
 *     standard error open: they are left alone, and not waited for.
 */
#include "outlets/exec/exec_run.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/container_of.h"

#define CLOSE_GRACE_MS_MAX 1000 /* before SIGKILL when the outlet is closed */
/* More cannot be in a pipe, unless it is still written to. */
#define DRAIN_READ_COUNT_MAX 32

/* Descriptors */

/* Where the kernel is older than Linux 5.11, or does not allow the call. */
static void mark_each(void)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        int descriptor = atoi(entry->d_name);

        if (descriptor > STDERR_FILENO) {
            (void)fcntl(descriptor, F_SETFD, FD_CLOEXEC);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
}

/* Nothing in this process is meant for its children. libuv and SQLite mark
 * what they open, but not all libraries do. */
static void close_all_on_exec(void)
{
    if (close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC) != 0) {
        mark_each();
    }
}

/* The end */

static void on_closed(uv_handle_t *handle)
{
    struct exec_run *run = handle->data;

    if (--run->open_count == 0) {
        run->done_cb(run);
    }
}

/* Those that are open: open_count of them, in this order. */
static void handles_close(struct exec_run *run)
{
    uv_handle_t *const handles[] = {
        (uv_handle_t *)&run->timer,
        (uv_handle_t *)&run->stderr_pipe,
        (uv_handle_t *)&run->process,
    };
    unsigned count = run->open_count;

    assert(count <= sizeof(handles) / sizeof(handles[0]));
    for (unsigned i = 0; i < count; i++) {
        uv_close(handles[i], on_closed);
    }
}

/*
 * The process group has the number of the command. The kernel does not assign a
 * number again as long as it is that of a process, even of one that has exited,
 * or of a group with members. So before its exit has been seen the group is the
 * command's, and after it as well if it has left other processes. If not, the
 * number is free from the moment when libuv learns of the exit until on_ended()
 * is called, in the same turn of the loop; then nothing is signalled, unless
 * the kernel has gone through all its other numbers in that time.
 */
static void group_signal(const struct exec_run *run, int number)
{
    (void)kill(-run->process.pid, number); /* ESRCH: just ended */
}

static void on_grace(uv_timer_t *timer)
{
    group_signal(timer->data, SIGKILL);
}

static void run_stop(struct exec_run *run, enum exec_stop stop,
                     uint64_t grace_ms)
{
    if (run->result.stop == EXEC_NOT_STOPPED) {
        run->result.stop = stop;
        group_signal(run, SIGTERM);
    }
    (void)uv_timer_start(&run->timer, on_grace, grace_ms, 0);
}

static void on_time_limit(uv_timer_t *timer)
{
    struct exec_run *run = timer->data;

    run_stop(run, EXEC_TIME_LIMIT, run->command->grace_ms);
}

void exec_run_close(struct exec_run *run)
{
    uint64_t grace_ms = run->command->grace_ms;

    if (run->is_running) {
        run_stop(run, EXEC_CLOSING,
                 grace_ms < CLOSE_GRACE_MS_MAX ? grace_ms : CLOSE_GRACE_MS_MAX);
    }
}

/* Standard error */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    struct exec_run *run = handle->data;

    (void)size;
    *buffer = uv_buf_init(run->chunk, sizeof(run->chunk));
}

/* At its end, or if it cannot be read, the exit status is still to come. */
static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct exec_run *run = stream->data;

    if (size > 0) {
        exec_tail_add(&run->result.tail, buffer->base, (size_t)size);
    } else if (size < 0) {
        (void)uv_read_stop(stream);
    }
}

/* What was written before the exit: the loop may not have read it yet. Not up
 * to the end, for which others may make us wait. */
static void stderr_drain(struct exec_run *run)
{
    uv_os_fd_t descriptor;

    if (uv_fileno((uv_handle_t *)&run->stderr_pipe, &descriptor) != 0) {
        return;
    }
    for (int i = 0; i < DRAIN_READ_COUNT_MAX; i++) {
        ssize_t size = read(descriptor, run->chunk, sizeof(run->chunk));

        if (size > 0) {
            exec_tail_add(&run->result.tail, run->chunk, (size_t)size);
        } else if (size == 0 || errno != EINTR) {
            return;
        }
    }
}

static void on_ended(uv_process_t *process, int64_t status, int number)
{
    struct exec_run *run = process->data;

    run->is_running = false;
    run->result.status = status;
    run->result.signal = number;
    if (run->result.stop != EXEC_NOT_STOPPED) {
        group_signal(run, SIGKILL); /* now or never: see there */
    }
    stderr_drain(run);
    handles_close(run);
}

/* The beginning */

/* Opens the reading end for the loop. Returns the writing one, or UV_E*. */
static int stderr_open(struct exec_run *run)
{
    uv_file ends[2];
    int error = uv_pipe(ends, UV_NONBLOCK_PIPE, 0);

    if (error != 0) {
        return error;
    }
    error = uv_pipe_open(&run->stderr_pipe, ends[0]);
    if (error != 0) {
        (void)close(ends[0]); /* nothing was written */
    } else {
        error =
            uv_read_start((uv_stream_t *)&run->stderr_pipe, on_alloc, on_read);
    }
    if (error != 0) {
        (void)close(ends[1]); /* the same */
        return error;
    }
    return ends[1];
}

static uv_stdio_container_t stream_of(int descriptor)
{
    return (uv_stdio_container_t){.flags = descriptor < 0 ? UV_IGNORE
                                                          : UV_INHERIT_FD,
                                  .data.fd = descriptor};
}

/* Returns 0 or UV_E*. */
static int process_start(struct exec_run *run, char **environment, int input,
                         int output, int errors)
{
    uv_stdio_container_t streams[] = {
        stream_of(input),
        stream_of(output),
        stream_of(errors),
    };
    const uv_process_options_t options = {
        .exit_cb = on_ended,
        .file = run->command->arguments[0],
        .args = (char **)run->command->arguments, /* libuv changes nothing */
        .env = environment,
        .cwd = run->command->folder,
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3,
        .stdio = streams,
    };

    int error;

    close_all_on_exec();
    run->process.data = run;
    error = uv_spawn(run->timer.loop, &run->process, &options);
    /* A handle is in use even if its command could not be started. */
    run->open_count +=
        uv_handle_get_type((uv_handle_t *)&run->process) == UV_PROCESS;
    return error;
}

static int run_start(struct exec_run *run, char **environment, int input,
                     int output)
{
    int errors = stderr_open(run);
    int error;

    if (errors < 0) {
        return errors;
    }
    error = process_start(run, environment, input, output, errors);
    (void)close(errors); /* the command has its own */
    return error;
}

void exec_run_start(struct exec_run *run, uv_loop_t *loop,
                    const struct exec_command *command, char **environment,
                    int input, int output, exec_run_done_cb done_cb)
{
    *run = (struct exec_run){.command = command, .done_cb = done_cb};
    (void)uv_timer_init(loop, &run->timer);
    (void)uv_pipe_init(loop, &run->stderr_pipe, 0);
    run->timer.data = run;
    run->stderr_pipe.data = run;
    run->open_count = 2;
    run->result.start_error = run_start(run, environment, input, output);
    if (run->result.start_error != 0) {
        run->result.is_folder_at_fault = access(command->folder, X_OK) != 0;
        handles_close(run);
        return;
    }
    run->is_running = true;
    if (command->time_limit_ms > 0) {
        (void)uv_timer_start(&run->timer, on_time_limit, command->time_limit_ms,
                             0);
    }
}
