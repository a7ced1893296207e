#include "daemon/commands/last_run.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/reason.h"
#include "base/wall_clock.h"

#define PATH_SIZE_MAX 4096

static void holder_read(struct last_run *run, int descriptor)
{
    ssize_t size = pread(descriptor, run->holder, sizeof run->holder - 1, 0);
    run->holder[size > 0 ? size : 0] = '\0';
    run->holder[strcspn(run->holder, "\n")] = '\0';
    run->was_clean = size == 0;
    reason_clean(run->holder);
}

/* Whether the process lives, if it is one of this host. Trying the lock would
 * be safer, but could keep a process from taking it that starts just now. */
static bool is_alive(const char *holder)
{
    char process[64];
    char host[65] = "";
    char own[65] = "";
    long pid = 0;
    if (sscanf(holder, "process %ld on %64s", &pid, host) != 2 ||
        gethostname(own, sizeof own - 1) != 0 || strcmp(host, own) != 0) {
        return false;
    }
    snprintf(process, sizeof process, "/proc/%ld", pid);
    return access(process, F_OK) == 0;
}

void last_run_read(struct last_run *run, const char *state_dir)
{
    char path[PATH_SIZE_MAX];
    struct stat status;
    *run = (struct last_run){0};
    int size = snprintf(path, sizeof path, "%s/lock", state_dir);
    if (size < 0 || (size_t)size >= sizeof path) {
        return;
    }
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return;
    }
    if (fstat(descriptor, &status) == 0) {
        run->is_any = true;
        run->at_ms = (uint64_t)status.st_mtim.tv_sec * 1000 +
                     (uint64_t)status.st_mtim.tv_nsec / 1000000;
        holder_read(run, descriptor);
        run->is_locked = is_alive(run->holder);
    }
    close(descriptor);
}

const char *last_run_text(const struct last_run *run,
                          char text[LAST_RUN_TEXT_SIZE])
{
    char at[WALL_CLOCK_TEXT_SIZE];
    if (!run->is_any) {
        snprintf(text, LAST_RUN_TEXT_SIZE, "no process has used it yet");
    } else if (run->is_locked) {
        snprintf(text, LAST_RUN_TEXT_SIZE,
                 "the state directory is in use by %s, which cannot be asked: "
                 "it is not `run`, or is about to begin or end",
                 run->holder);
    } else if (run->was_clean) {
        snprintf(text, LAST_RUN_TEXT_SIZE, "the last process ended at %s",
                 wall_clock_text(run->at_ms, at));
    } else {
        snprintf(text, LAST_RUN_TEXT_SIZE,
                 "the last one was killed or crashed: %s", run->holder);
    }
    return text;
}
