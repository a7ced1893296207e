/*
 * log_writer.c - the only file that writes log lines.
 *
 * stderr may be a pipe that nobody reads, a terminal that Ctrl-S has stopped,
 * or a socket whose peer is busy. No call can be relied on not to block there:
 * O_NONBLOCK would affect the other processes that share the descriptor, and
 * between poll(2) and write(2) one of them may fill the pipe. So while the loop
 * runs, a thread does nothing but write, and may block.
 *
 *   - A line is added to a queue (log_writer_put).
 *   - The thread takes the lines and writes each with one call, so that lines
 *     of several processes do not mix.
 *   - At the end the thread writes the rest and ends (log_writer_close).
 *
 * A regular file needs no thread, as it always takes a line at once. Then all
 * lines before a crash are in it.
 *
 * Failures:
 *
 *   - Nobody reads: when the queue is full, lines are dropped. Where they are
 *     missing, a line says how many.
 *   - A line cannot be written (the disk is full): the same, once writing
 *     works again.
 *   - A line is written in part: the next one begins with a newline.
 *   - Nobody reads at the end: the thread is left alone, and ends with the
 *     process.
 */
#include "daemon/log/log_writer.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "daemon/log/log_queue.h"

#define CLOSE_MS_MAX 1000 /* for writing what is left */
#define STACK_SIZE ((size_t)128 * 1024)
#define MS_NS UINT64_C(1000000)

/* One for each process, like stderr. */
static struct {
    log_writer_notice_cb notice_cb; /* from log_writer_open() */
    struct log_queue queue;         /* lines for the thread */
    uv_mutex_t mutex;               /* of the queue and the flags below */
    uv_cond_t changed;              /* a line was added, or a flag changed */
    uv_thread_t thread;             /* valid if has_thread */
    bool has_thread;                /* lines are written by a thread */
    bool is_closing;                /* the thread must end */
    bool has_ended;                 /* the thread is ending */
    /* Used by the thread, or without one by the caller: */
    uint64_t missing_count; /* lines missing before the next one */
    bool is_cut;            /* the last line was written in part */
} writer;

/* Writing */

/* 0 or errno. */
static int write_bytes(const char *bytes, size_t size)
{
    struct pollfd stream = {.fd = STDERR_FILENO, .events = POLLOUT};
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, size);
        if (written >= 0) {
            bytes += written;
            size -= (size_t)written;
            writer.is_cut = size > 0;
        } else if (errno == EAGAIN) {
            (void)poll(&stream, 1, -1); /* another process wants it so */
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

static int write_line(const char *line, size_t size)
{
    int error = writer.is_cut ? write_bytes("\n", 1) : 0;
    return error == 0 ? write_bytes(line, size) : error;
}

static void write_notice(void)
{
    char line[LOG_LINE_SIZE_MAX];
    if (writer.missing_count > 0) {
        size_t size = writer.notice_cb(line, writer.missing_count);
        if (write_line(line, size) == 0) {
            writer.missing_count = 0;
        }
    }
}

static void write_next(const char *line, size_t size)
{
    write_notice();
    if (size > 0 && write_line(line, size) != 0) {
        writer.missing_count++;
    }
}

/* The thread */

/* Waits for a line. False: no line is left, and the thread must end. */
static bool take_line(struct log_queue_line *line)
{
    uv_mutex_lock(&writer.mutex);
    bool is_taken = log_queue_take(&writer.queue, line);
    while (!is_taken && !writer.is_closing) {
        uv_cond_wait(&writer.changed, &writer.mutex);
        is_taken = log_queue_take(&writer.queue, line);
    }
    uv_mutex_unlock(&writer.mutex);
    return is_taken;
}

static void run(void *data)
{
    struct log_queue_line line;
    (void)data;
    while (take_line(&line)) {
        writer.missing_count += line.dropped_count;
        write_next(line.text, line.size);
    }
    write_notice();
    uv_mutex_lock(&writer.mutex);
    writer.has_ended = true;
    uv_cond_signal(&writer.changed);
    uv_mutex_unlock(&writer.mutex);
}

/* Signals are for the main thread. */
static int start_thread(void)
{
    const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                         .stack_size = STACK_SIZE};
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = uv_thread_create_ex(&writer.thread, &options, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* False if the thread still writes when the time is over. */
static bool await_thread(void)
{
    uint64_t end_ns = uv_hrtime() + CLOSE_MS_MAX * MS_NS;
    uv_mutex_lock(&writer.mutex);
    writer.is_closing = true;
    uv_cond_signal(&writer.changed);
    for (uint64_t now_ns = uv_hrtime(); !writer.has_ended && now_ns < end_ns;
         now_ns = uv_hrtime()) {
        (void)uv_cond_timedwait(&writer.changed, &writer.mutex,
                                end_ns - now_ns);
    }
    bool has_ended = writer.has_ended;
    uv_mutex_unlock(&writer.mutex);
    return has_ended;
}

/* Public */

void log_writer_open(log_writer_notice_cb notice_cb)
{
    assert(!writer.has_thread);
    writer.notice_cb = notice_cb;
}

int log_writer_start(void)
{
    struct stat status;
    if (fstat(STDERR_FILENO, &status) == 0 && S_ISREG(status.st_mode)) {
        return 0;
    }
    int error = uv_mutex_init(&writer.mutex);
    if (error != 0) {
        return error;
    }
    error = uv_cond_init(&writer.changed);
    if (error != 0) {
        goto no_cond;
    }
    writer.is_closing = false;
    writer.has_ended = false;
    error = start_thread();
    if (error != 0) {
        goto no_thread;
    }
    writer.has_thread = true;
    return 0;

no_thread:
    uv_cond_destroy(&writer.changed);
no_cond:
    uv_mutex_destroy(&writer.mutex);
    return error;
}

void log_writer_put(const char *line, size_t size)
{
    if (!writer.has_thread) {
        write_next(line, size);
        return;
    }
    uv_mutex_lock(&writer.mutex);
    log_queue_add(&writer.queue, line, size);
    uv_cond_signal(&writer.changed);
    uv_mutex_unlock(&writer.mutex);
}

void log_writer_close(void)
{
    if (!writer.has_thread) {
        write_notice();
    } else if (await_thread()) {
        uv_thread_join(&writer.thread); /* does not block: it is ending */
        uv_cond_destroy(&writer.changed);
        uv_mutex_destroy(&writer.mutex);
        writer.has_thread = false;
    } else {
        pthread_detach(writer.thread);
    }
}
