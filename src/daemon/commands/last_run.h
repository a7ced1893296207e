/*
 * last_run.h - what the state directory tells of the process that used it last,
 * or uses it now.
 */
#ifndef DAEMON_LAST_RUN_H
#define DAEMON_LAST_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock_file.h"

struct last_run {
    bool is_any;    /* there was one */
    bool is_locked; /* it seems to use the directory now */
    bool was_clean; /* it has released its lock */
    uint64_t at_ms; /* when it did so, or else began; Unix milliseconds */
    char holder[LOCK_FILE_HOLDER_SIZE]; /* "process 1234 on ..."; "": clean */
};

void last_run_read(struct last_run *run, const char *state_dir);

/* One sentence. Returns text. */
#define LAST_RUN_TEXT_SIZE (LOCK_FILE_HOLDER_SIZE + 128)
const char *last_run_text(const struct last_run *run,
                          char text[LAST_RUN_TEXT_SIZE]);

#endif
