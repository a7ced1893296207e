#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file_mode.h"
#include "daemon/log/log.h"
#include "process.h"
#include "state_file.h"
#include "world.h"

FILE *simulated_fopen(const char *path, const char *mode);
int simulated_fclose(FILE *file);
int simulated_rename(const char *from, const char *to);
int simulated_stat(const char *path, struct stat *status);
uint64_t simulated_wall_clock_ms(void);

static FILE *written;
static struct state_file unnamed; /* written, but not renamed yet */

static struct state_file *own_file(void)
{
    const struct process *process = process_current();
    return &process->world->state_files[process->host];
}

void state_file_lose(struct world *world)
{
    world->state_files[0].is_there = false;
}

FILE *simulated_fopen(const char *path, const char *mode)
{
    struct state_file *file = own_file();
    (void)path;
    if (mode[0] == 'w') {
        memset(&unnamed, 0, sizeof unnamed);
        written = fmemopen(unnamed.text, sizeof unnamed.text, "w");
        return written;
    }
    if (!file->is_there) {
        errno = ENOENT;
        return NULL;
    }
    return fmemopen(file->text, file->size, "r");
}

int simulated_fclose(FILE *file)
{
    if (file == written) {
        unnamed.size = (size_t)ftell(file);
        written = NULL;
    }
    return fclose(file);
}

int simulated_rename(const char *from, const char *to)
{
    (void)from;
    (void)to;
    *own_file() = unnamed;
    own_file()->is_there = true;
    return 0;
}

int file_mode_set(int descriptor, mode_t mode)
{
    (void)descriptor;
    (void)mode;
    return 0;
}

/* A key's file: its ctime changes with the key. */
int simulated_stat(const char *path, struct stat *status)
{
    const struct world *world = process_current()->world;
    memset(status, 0, sizeof *status);
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (strcmp(world->queues[i].name, path) == 0) {
            status->st_ctim.tv_sec = world->queues[i].key_change_count;
            return 0;
        }
    }
    errno = ENOENT;
    return -1;
}

/* The clock of the state file. It does not jump; see README.md. It stands still
 * while the loop's does, as ages are counted by that. */
uint64_t simulated_wall_clock_ms(void)
{
    return process_current()->loop_ms + UINT64_C(1000000);
}

void log_line(enum log_level level, const char *format, ...)
{
    struct world *world = process_current()->world;
    char text[HAPLO_TEXT_SIZE_MAX];
    va_list arguments;
    (void)level;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    TRACE(world, "log: %s", text);
}
