/*
 * signals.h - what each signal does to the process. haplo-poll(1) has the same
 * table, and a test sends all of them.
 */
#ifndef DAEMON_SIGNALS_H
#define DAEMON_SIGNALS_H

#include <signal.h>
#include <stddef.h>

#include <uv.h>

#define SIGNALS_HANDLED_COUNT 6 /* those that a loop handles */
#define SIGNAL_NAME_SIZE 16

enum signal_meaning {
    SIGNAL_END,     /* finish outstanding work, then exit; twice: at once */
    SIGNAL_END_NOW, /* exit without finishing anything */
    SIGNAL_HANGUP,  /* read the configuration again, or end */
    SIGNAL_POLL_NOW /* poll everything now */
};

typedef void (*signals_cb)(void *data, enum signal_meaning meaning, int number);

/* The signals that a loop handles. */
struct signals {
    uv_signal_t handles[SIGNALS_HANDLED_COUNT]; /* one for each */
    size_t count;                               /* those that are open */
    signals_cb signal_cb;                       /* of signals_start() */
    void *data;                                 /* for signal_cb */
};

/* Ignores all signals that would end the process but have no meaning here, such
 * as SIGPIPE, SIGALRM and the real-time signals. Those that report a fault in
 * the program stay fatal. Until signals_start(), SIGINT, SIGTERM and SIGHUP end
 * the process, as they do in any program. */
void signals_prepare(void);

/* From now on a SIGHUP waits for signals_start(). */
void signals_hold_hangup(void);

/* Handles the signals above on the loop, and keeps the loop running until
 * signals_close(). Returns 0; or UV_E* with nothing left open but handles that
 * are being closed. */
int signals_start(struct signals *signals, uv_loop_t *loop,
                  signals_cb signal_cb, void *data);

/* Stops handling them, and holds them: the process is exiting. */
void signals_close(struct signals *signals);

/* Blocks those that a loop handles, for a thread that is to leave them to the
 * main thread. *before is what pthread_sigmask() restores. */
void signals_hold(sigset_t *before);

/* From now on those that signals_close() has held end the process again.
 * Forgets the ones that came in the meantime. */
void signals_release(void);

/* "SIGTERM" */
const char *signals_name(int number, char *text, size_t text_size);

#endif
