#include "daemon/signals.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int number;
    enum signal_meaning meaning;
} handled[SIGNALS_HANDLED_COUNT] = {
    {SIGTERM, SIGNAL_END},     {SIGINT, SIGNAL_END},
    {SIGXCPU, SIGNAL_END}, /* the soft limit: SIGKILL follows at the hard one */
    {SIGQUIT, SIGNAL_END_NOW}, {SIGHUP, SIGNAL_HANGUP},
    {SIGUSR1, SIGNAL_POLL_NOW}};

/* SIGPIPE and SIGXFSZ make a lost peer or a file size limit an error of the
 * call. Nothing here uses the others, whose default is to end the process. */
static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2,   SIGALRM,
                              SIGPROF, SIGIO,   SIGPWR,  SIGVTALRM, SIGSTKFLT};

void signals_prepare(void)
{
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        signal(ignored[i], SIG_IGN);
    }
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        signal(number, SIG_IGN);
    }
}

/* Holding */

static void fill(sigset_t *signals)
{
    sigemptyset(signals);
    for (size_t i = 0; i < SIGNALS_HANDLED_COUNT; i++) {
        sigaddset(signals, handled[i].number);
    }
}

void signals_hold(sigset_t *before)
{
    sigset_t signals;
    fill(&signals);
    pthread_sigmask(SIG_BLOCK, &signals, before);
}

void signals_hold_hangup(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

static void let_go(void)
{
    sigset_t signals;
    fill(&signals);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

void signals_release(void)
{
    for (size_t i = 0; i < SIGNALS_HANDLED_COUNT; i++) {
        signal(handled[i].number, SIG_IGN); /* discards what is pending */
    }
    let_go();
    for (size_t i = 0; i < SIGNALS_HANDLED_COUNT; i++) {
        if (handled[i].meaning != SIGNAL_POLL_NOW) {
            signal(handled[i].number, SIG_DFL);
        }
    }
}

/* Handling */

static void on_signal(uv_signal_t *handle, int number)
{
    struct signals *signals = handle->data;
    size_t i = (size_t)(handle - signals->handles);
    assert(handled[i].number == number);
    signals->signal_cb(signals->data, handled[i].meaning, number);
}

static int start_one(struct signals *signals, uv_loop_t *loop, int number)
{
    uv_signal_t *handle = &signals->handles[signals->count];
    int error = uv_signal_init(loop, handle);
    if (error == 0) {
        signals->count++;
        handle->data = signals;
        error = uv_signal_start(handle, on_signal, number);
    }
    return error;
}

static void close_all(struct signals *signals)
{
    while (signals->count > 0) {
        uv_close((uv_handle_t *)&signals->handles[--signals->count], NULL);
    }
}

int signals_start(struct signals *signals, uv_loop_t *loop,
                  signals_cb signal_cb, void *data)
{
    int error = 0;
    *signals = (struct signals){.signal_cb = signal_cb, .data = data};
    for (size_t i = 0; error == 0 && i < SIGNALS_HANDLED_COUNT; i++) {
        error = start_one(signals, loop, handled[i].number);
    }
    if (error != 0) {
        close_all(signals);
    } else {
        let_go();
    }
    return error;
}

/* Otherwise another signal would end the process at the very end. */
void signals_close(struct signals *signals)
{
    signals_hold(NULL);
    close_all(signals);
}

const char *signals_name(int number, char *text, size_t text_size)
{
    const char *name = sigabbrev_np(number);
    snprintf(text, text_size, "SIG%s", name == NULL ? "?" : name);
    return text;
}
