/*
 * exec_run.h - one run of a command: a process group of its own, its time
 * limit, and the end of what it writes to standard error.
 */
#ifndef OUTLETS_EXEC_RUN_H
#define OUTLETS_EXEC_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "outlets/exec/exec_tail.h"

#define EXEC_CHUNK_SIZE 4096 /* of standard error, read at once */

/* Why a command was told to end. */
enum exec_stop { EXEC_NOT_STOPPED, EXEC_TIME_LIMIT, EXEC_CLOSING };

/* How a run has ended. */
struct exec_result {
    int start_error;         /* UV_E*: it could not be started; 0: it was */
    bool is_folder_at_fault; /* with start_error: its folder is missing */
    int64_t status;          /* exit status, if signal is 0 */
    int signal;              /* that has ended it, or 0 */
    enum exec_stop stop;     /* it was told to end */
    struct exec_tail tail;   /* of standard error */
};

/* What is run. */
struct exec_command {
    const char *const *arguments; /* the program first; ends in NULL */
    const char *folder;           /* its working directory */
    uint64_t time_limit_ms;       /* 0: none */
    uint64_t grace_ms;            /* between SIGTERM and SIGKILL */
};

struct exec_run;
typedef void (*exec_run_done_cb)(struct exec_run *run);

/* Embedded in its owner, and the run's until done_cb. */
struct exec_run {
    struct exec_result result; /* complete when done_cb fires */
    /* Private: */
    const struct exec_command *command; /* borrowed */
    exec_run_done_cb done_cb;           /* of exec_run_start() */
    uv_process_t process;               /* the command */
    uv_pipe_t stderr_pipe;              /* its standard error */
    uv_timer_t timer;                   /* time limit, then the grace */
    unsigned open_count;                /* handles that are not closed */
    bool is_running;                    /* its exit has not been seen */
    char chunk[EXEC_CHUNK_SIZE];        /* of standard error */
};

/* Starts the command with these entries as its whole environment, and these
 * descriptors as its standard input and output, -1 for /dev/null; borrows all
 * of them until it returns. done_cb fires once, from the loop, also if the
 * command cannot be started. */
void exec_run_start(struct exec_run *run, uv_loop_t *loop,
                    const struct exec_command *command, char **environment,
                    int input, int output, exec_run_done_cb done_cb);

/* Ends it because the outlet is closed: within grace_ms, and soon. */
void exec_run_close(struct exec_run *run);

#endif
