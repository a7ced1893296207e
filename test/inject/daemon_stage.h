/*
 * daemon_stage.h - haplo-poll's commands in this process, as
 * haplo_poll_main() runs them, on a haplo-sim.
 */
#ifndef INJECT_DAEMON_STAGE_H
#define INJECT_DAEMON_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#define OUTCOME_TEXT_SIZE 16384

/* What a command has printed on both streams, and its exit code. */
struct outcome {
    int code;                     /* as `haplo-poll help` lists them */
    char text[OUTCOME_TEXT_SIZE]; /* both streams */
};

/* Writes the configuration: queue app1/q1, outlet out, a folder "files". */
void daemon_set_up(void);

/* The same, with more lines: queues of app1, or servers. */
void daemon_configure(const char *more);

/* "NAME" in the folder of the configuration. */
void daemon_path(char *path, size_t size, const char *name);

/* Creates or replaces a file that only its owner may read. */
void daemon_write(const char *path, const char *text);

/* Removes what is there, with all that is in it. */
void daemon_remove(const char *path);

/* Runs haplo-poll with these words, of which the last is NULL, and checks that
 * a failure is told and that no key is. To be called paused. */
void daemon_call(struct outcome *outcome, const char *const *words,
                 bool is_untouched);

/* How many messages are in the inbox. Asserts that all are different. */
unsigned daemon_stored_count(void);

/* New messages for a run. Returns how many there will be then in all. */
unsigned daemon_add_messages(void);

/* Nothing is marked that is not in the inbox; and a run after it, in which
 * nothing fails, gathers and forwards what is left. */
void daemon_check_messages(unsigned total);

#endif
