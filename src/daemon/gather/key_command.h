/*
 * key_command.h - one run of a command that prints an API key: an
 * api_key_command of the configuration.
 *
 * The command gets no input, and of the environment only what
 * haplo-poll.yaml(5) lists. It is run without a shell, in a process group of
 * its own that is ended when its time is up. It writes to a file in memory that
 * has room for a key and cannot grow, so that no output is too much. What it
 * writes to standard error is part of the reason if it fails, except what looks
 * like a key.
 */
#ifndef DAEMON_KEY_COMMAND_H
#define DAEMON_KEY_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "config/api_key.h"
#include "outlets/exec/exec_run.h"

struct key_command;
typedef void (*key_command_cb)(struct key_command *command);

/* Embedded in its owner, and the command's until done_cb. */
struct key_command {
    struct exec_command command; /* what is run */
    struct exec_run run;         /* its process */
    int output;                  /* the file in memory; -1: none */
    int output_error;            /* UV_E*: why it was not opened */
    key_command_cb done_cb;      /* of key_command_start() */
    void *data;                  /* the owner's */
};

/* Runs it. Borrows words until done_cb, which fires once, from the loop. */
void key_command_start(struct key_command *command, uv_loop_t *loop,
                       const char *const *words, uint64_t time_limit_ms,
                       key_command_cb done_cb);

/* Ends it soon; done_cb still fires. */
void key_command_stop(struct key_command *command);

/* To be called in done_cb, once: writes the key, or "" and what went wrong:
 * "failed (exit status 1): permission denied". Wipes what the command has
 * written. Returns 0, HAPLO_EINVAL or HAPLO_ENOMEM. */
int key_command_take(struct key_command *command, struct api_key *key,
                     char *why, size_t why_size);

#endif
