/*
 * key_commands.h - the commands that print the API keys of queues, which may be
 * thousands.
 *
 *   - A queue needs its key (key_commands_read). The command is not known yet:
 *     it is run, and the queue is held meanwhile.
 *   - A few commands run at a time, the others wait for their turn.
 *   - It ends, and changed_cb fires. The key is kept for a few seconds, for
 *     those that ask again, then wiped. Its stamp is kept, to recognise it.
 *   - A server refuses the key. Whoever asks for its stamp (key_commands_look)
 *     makes the command run again, unless it has only just run. If it prints
 *     another key, the stamp is another one.
 *
 * A command that fails, or prints the same key again, is run again later, after
 * waits that grow: key_commands_wait_ms().
 */
#ifndef DAEMON_KEY_COMMANDS_H
#define DAEMON_KEY_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <uv.h>

#include "base/name_table.h"
#include "config/api_key.h"

#define KEY_COMMANDS_RUNNING_MAX 4         /* at a time */
#define KEY_COMMANDS_KEEP_MS 10000         /* a key is kept for */
#define KEY_COMMANDS_STAMP_MAX 0x3fffffffU /* fits struct gather_queue */

/* What the newest run of a command has shown. */
enum key_outcome {
    KEY_OUTCOME_NEW,  /* the first key, or another one than before */
    KEY_OUTCOME_SAME, /* the same key */
    KEY_OUTCOME_NONE  /* no key: it failed */
};

struct key_job; /* a command, and the key it has printed */
TAILQ_HEAD(key_job_list, key_job);

/* A command has ended. May call functions of the library. */
typedef void (*key_commands_cb)(void *data);

struct key_commands {
    uv_loop_t *loop;             /* borrowed */
    uint64_t time_limit_ms;      /* of one run */
    key_commands_cb changed_cb;  /* or NULL */
    void *data;                  /* for changed_cb */
    struct name_table jobs;      /* struct key_job; owned */
    struct key_job_list waiting; /* for their turn, in order */
    unsigned running_count;      /* jobs that run */
    uv_timer_t wipe;             /* wipes keys; unreferenced */
    bool is_once;                /* nothing is run or wiped any more */
    bool is_closing;             /* key_commands_close() was called */
};

void key_commands_init(struct key_commands *commands, uv_loop_t *loop,
                       uint64_t time_limit_ms, key_commands_cb changed_cb,
                       void *data);

/* Writes the key that the command has printed into text.
 * If it has not printed one, runs it, unless it must wait. Returns 0; or
 * HAPLO_EBUSY if it is running or waiting for its turn, or HAPLO_EINVAL or
 * HAPLO_ENOMEM, with text empty and why set. */
int key_commands_read(struct key_commands *commands,
                      const struct config_key *key, struct api_key *text,
                      char *why, size_t why_size);

/* Identifies the key that key_commands_read() would write: 1 to
 * KEY_COMMANDS_STAMP_MAX. Without a key, runs the command, unless it must wait,
 * and returns 0. */
uint32_t key_commands_look(struct key_commands *commands,
                           const struct config_key *key);

/* The same, and runs nothing. */
uint32_t key_commands_printed(const struct key_commands *commands,
                              const struct config_key *key);

/* In place of key_commands_init(), for a program that ends soon: runs the
 * commands of all these queues now, on a loop of its own, and returns when they
 * have ended. No command is run after that, and keys are kept until
 * key_commands_free(). Returns 0 or UV_E*. */
int key_commands_run_all(struct key_commands *commands, uint64_t time_limit_ms,
                         const struct config_queue *queues, size_t count);

/* The same for one key, without anything around it: for a command that needs
 * one key. For all kinds of keys, like api_key_read(). */
int key_commands_read_now(const struct config_key *key, uint64_t time_limit_ms,
                          struct api_key *text, char *why, size_t why_size);

/* Ends those that run, soon, and starts no others. */
void key_commands_close(struct key_commands *commands);

/* Wipes and frees everything. The loop must have ended. */
void key_commands_free(struct key_commands *commands);

/* How long a command is not run again, given how long it was before, 0 at the
 * beginning. Pure. */
uint64_t key_commands_wait_ms(enum key_outcome outcome, uint64_t before_ms);

#endif
