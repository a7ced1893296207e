#include "daemon/limits.h"

#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/reason.h"
#include "daemon/signals.h"

#define DESCRIPTOR_COUNT_MIN 32 /* loop, inbox, keys, a few connections */
#define THREAD_COUNT_DEFAULT 4  /* default size of the thread pool */
#define THREAD_COUNT_MAX 1024   /* limit of libuv */
#define HEAP_KEEP_SIZE 16777216 /* free memory at the heap's end to be kept */
#define HEAP_STEP_SIZE 1048576  /* by which the heap grows */

/* By default glibc returns free memory at the end of the heap from 128 KiB on.
 * Requests come and go by the thousand a second, and the same pages would be
 * returned, asked for and cleared again and again. */
static void keep_heap(void)
{
#ifdef __GLIBC__
    mallopt(M_TRIM_THRESHOLD, HEAP_KEEP_SIZE);
    mallopt(M_TOP_PAD, HEAP_STEP_SIZE);
#endif
}

/* PR_SET_DUMPABLE also keeps other programs of this user from attaching to the
 * process or reading its memory. The limit is for what it starts, too. */
static void prevent_dumps(void)
{
    const struct rlimit none = {0, 0};
    if (!limits_allow_dumps()) {
        prctl(PR_SET_DUMPABLE, 0);
        setrlimit(RLIMIT_CORE, &none);
    }
}

bool limits_allow_dumps(void)
{
    const char *value = getenv(LIMITS_DUMPS_VARIABLE);
    return value != NULL && strcmp(value, "1") == 0;
}

void limits_prepare(void)
{
    struct rlimit limit;
    prevent_dumps();
    signals_prepare();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    keep_heap();
}

/* Opens the minimum number of descriptors, and closes them. */
static int check_descriptors(char *why, size_t why_size)
{
    int descriptors[DESCRIPTOR_COUNT_MIN];
    int count = 0;
    int error = 0;
    while (count < DESCRIPTOR_COUNT_MIN && error == 0) {
        descriptors[count] = open("/", O_PATH | O_CLOEXEC);
        error = descriptors[count] < 0 ? errno : 0;
        count += error == 0;
    }
    for (int i = 0; i < count; i++) {
        close(descriptors[i]);
    }
    if (error == 0) {
        return 0;
    }
    return reason_write(
        why, why_size, -1,
        "open files: only %d more are allowed, %d are needed: %s: raise "
        "the limit (ulimit -n; LimitNOFILE= of systemd)",
        count, DESCRIPTOR_COUNT_MIN,
        uv_strerror(uv_translate_sys_error(error)));
}

/* The number of threads that libuv starts: see uv_queue_work(). */
static int thread_count(void)
{
    const char *text = getenv("UV_THREADPOOL_SIZE");
    int count = text == NULL ? THREAD_COUNT_DEFAULT : atoi(text);
    if (count < 1) {
        return 1;
    }
    return count < THREAD_COUNT_MAX ? count : THREAD_COUNT_MAX;
}

static void thread_wait(void *data)
{
    uv_sem_wait(data);
}

/* Starts as many threads as libuv will, and ends them. */
static int check_threads(char *why, size_t why_size)
{
    uv_thread_t threads[THREAD_COUNT_MAX];
    int wanted = thread_count();
    int count = 0;
    int error;
    uv_sem_t end;
    error = uv_sem_init(&end, 0);
    while (error == 0 && count < wanted) {
        error = uv_thread_create(&threads[count], thread_wait, &end);
        count += error == 0;
    }
    for (int i = 0; i < count; i++) {
        uv_sem_post(&end);
    }
    for (int i = 0; i < count; i++) {
        uv_thread_join(&threads[i]);
    }
    if (error == 0) {
        uv_sem_destroy(&end);
        return 0;
    }
    return reason_write(
        why, why_size, -1,
        "threads: only %d of %d can be started: %s: raise the limits of "
        "processes and memory (ulimit -u, -v; TasksMax=, MemoryMax= of "
        "systemd)",
        count, wanted, uv_strerror(error));
}

static void work_nothing(uv_work_t *work)
{
    (void)work;
}

static void work_nothing_done(uv_work_t *work, int status)
{
    (void)status;
    free(work);
}

/* Makes the pool start its threads, with signals blocked, so that the main
 * thread alone handles them. */
static int start_threads(uv_loop_t *loop)
{
    sigset_t before;
    uv_work_t *work = malloc(sizeof *work);
    if (work == NULL) {
        return UV_ENOMEM;
    }
    signals_hold(&before);
    int error = uv_queue_work(loop, work, work_nothing, work_nothing_done);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

int limits_loop_init(uv_loop_t *loop, char *why, size_t why_size)
{
    if (check_descriptors(why, why_size) != 0 ||
        check_threads(why, why_size) != 0) {
        return -1;
    }
    int error = uv_loop_init(loop);
    if (error == 0) {
        error = start_threads(loop);
        if (error != 0) {
            uv_loop_close(loop);
        }
    }
    if (error != 0) {
        return reason_write(why, why_size, -1,
                            "cannot create an event loop: %s",
                            uv_strerror(error));
    }
    return 0;
}
