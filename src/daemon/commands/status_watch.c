/*
 * status_watch.c - `status --watch`.
 *
 *   - A frame is made in memory, cut to the size of the terminal, and written
 *     in one piece over the one before: nothing is cleared first, so nothing
 *     flickers.
 *   - It is drawn on the alternate screen, so that what was on the terminal is
 *     there again afterwards. However this ends, the terminal is set back:
 *     signals are read from a descriptor, and act between two frames.
 *   - If no process is running, or it does not respond, the frame says so, and
 *     it is asked again.
 */
#include "daemon/commands/status_watch.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "daemon/log/log.h"

#define INTERVAL_MS 2000

#define SCREEN_BEGIN "\x1b[?1049h\x1b[?25l\x1b[H\x1b[J"
#define SCREEN_END "\x1b[?25h\x1b[?1049l"

struct watch {
    struct status_options options; /* what is asked */
    bool is_json;                  /* a line each time, no screen */
    struct terminal terminal;      /* standard output */
    struct termios modes;          /* of the terminal, before */
    bool has_modes;                /* they were changed */
    int signals;                   /* descriptor */
    sigset_t mask;                 /* what it gets */
    sigset_t old_mask;             /* of this process, before */
    bool is_ended;                 /* somebody has seen enough */
    enum exit_code code;           /* of the newest frame */
};

/* The screen */

static void put(const char *text)
{
    fputs(text, stdout);
    fflush(stdout); /* output_flush() tells of an error in the end */
}

static void screen_begin(struct watch *watch)
{
    struct termios modes;
    if (!watch->terminal.is_terminal) {
        return;
    }
    if (tcgetattr(STDIN_FILENO, &watch->modes) == 0) {
        modes = watch->modes;
        modes.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
        watch->has_modes = tcsetattr(STDIN_FILENO, TCSANOW, &modes) == 0;
    }
    put(SCREEN_BEGIN);
}

static void screen_end(struct watch *watch)
{
    if (!watch->terminal.is_terminal) {
        return;
    }
    put(SCREEN_END);
    if (watch->has_modes) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &watch->modes);
        watch->has_modes = false;
    }
}

/* Frames */

/* Copies the lines that fit the screen; each clears the rest of its own. The
 * last line of the screen is for the keys. */
static void frame_write(const struct watch *watch, const char *text)
{
    const struct terminal *terminal = &watch->terminal;
    unsigned left = terminal->height - 1;
    fputs("\x1b[H", stdout);
    while (*text != '\0' && left-- > 0) {
        size_t size = strcspn(text, "\n");
        fprintf(stdout, "%.*s\x1b[K\n", (int)size, text);
        text += size;
        text += *text == '\n';
    }
    fprintf(stdout, "%sq ends, Ctrl-L redraws%s\x1b[K",
            terminal_begin(terminal, TERMINAL_DIM),
            terminal_end(terminal, TERMINAL_DIM));
    put("\x1b[J");
}

static void frame_fill(struct watch *watch, FILE *out)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    bool is_fine;
    struct terminal terminal = watch->terminal;
    terminal.out = out;
    watch->options.height = terminal.is_terminal ? terminal.height - 1 : 0;
    watch->code =
        status_print(&terminal, &watch->options, &is_fine, why, sizeof why);
    if (watch->code != EXIT_CODE_FINE) {
        fprintf(out, "%s%s%s\n", terminal_begin(&terminal, TERMINAL_BAD), why,
                terminal_end(&terminal, TERMINAL_BAD));
    }
}

static void print_json(struct watch *watch)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    bool is_fine;
    watch->code = status_print_json(&watch->options, &is_fine, why, sizeof why);
    if (watch->code != EXIT_CODE_FINE) {
        log_line(LOG_LEVEL_ERROR, "%s", why);
    }
}

/* The next one may be drawn again. */
static void frame_lost(struct watch *watch)
{
    watch->code = EXIT_CODE_FAILED;
    log_line(LOG_LEVEL_ERROR, "status: out of memory");
}

static void draw(struct watch *watch)
{
    char *text = NULL;
    size_t size;
    FILE *out = watch->is_json ? NULL : open_memstream(&text, &size);
    if (watch->is_json) {
        print_json(watch);
    } else if (out != NULL) {
        frame_fill(watch, out);
        if (fclose(out) != 0 || text == NULL) {
            frame_lost(watch);
        } else if (watch->terminal.is_terminal) {
            frame_write(watch, text);
        } else {
            fputs(text, stdout);
            fputc('\n', stdout);
        }
        free(text);
    } else {
        frame_lost(watch);
    }
    watch->is_ended |= fflush(stdout) != 0;
}

/* Waiting */

/* Ctrl-Z: the shell wants its screen. */
static void suspend(struct watch *watch)
{
    screen_end(watch);
    raise(SIGSTOP);
    terminal_measure(&watch->terminal);
    screen_begin(watch);
}

static void take_signal(struct watch *watch)
{
    struct signalfd_siginfo info;
    if (read(watch->signals, &info, sizeof info) != sizeof info) {
        return;
    }
    switch (info.ssi_signo) {
    case SIGWINCH:
        terminal_measure(&watch->terminal);
        break;
    case SIGTSTP:
        suspend(watch);
        break;
    default:
        watch->is_ended = true;
        break;
    }
}

static void take_key(struct watch *watch)
{
    char key;
    if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q') {
        watch->is_ended = true;
    } else if (key == '\f') {
        put("\x1b[H\x1b[J");
    }
}

static void wait_for_next(struct watch *watch)
{
    struct pollfd events[] = {{.fd = watch->signals, .events = POLLIN},
                              {.fd = STDIN_FILENO, .events = POLLIN}};
    nfds_t count = watch->has_modes ? 2 : 1; /* keys of a terminal only */
    if (poll(events, count, INTERVAL_MS) <= 0) {
        return;
    }
    if (events[0].revents != 0) {
        take_signal(watch);
    }
    if (events[1].revents != 0) {
        take_key(watch);
    }
}

/* The command */

/* Returns 0, or -1 after logging. */
static int signals_open(struct watch *watch)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP};
    sigemptyset(&watch->mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        sigaddset(&watch->mask, signals[i]);
    }
    sigprocmask(SIG_BLOCK, &watch->mask, &watch->old_mask);
    watch->signals = signalfd(-1, &watch->mask, SFD_CLOEXEC);
    if (watch->signals < 0) {
        log_line(LOG_LEVEL_ERROR, "signals cannot be received");
        sigprocmask(SIG_SETMASK, &watch->old_mask, NULL);
        return -1;
    }
    return 0;
}

enum exit_code status_watch(const struct status_options *options, bool is_json)
{
    struct watch watch = {.options = *options, .is_json = is_json};
    if (signals_open(&watch) != 0) {
        return EXIT_CODE_FAILED;
    }
    terminal_init(&watch.terminal, stdout);
    if (is_json) {
        watch.terminal.is_terminal = false;
    }
    screen_begin(&watch);
    while (!watch.is_ended) {
        draw(&watch);
        if (!watch.is_ended) {
            wait_for_next(&watch);
        }
    }
    screen_end(&watch);
    close(watch.signals);
    sigprocmask(SIG_SETMASK, &watch.old_mask, NULL);
    return watch.code;
}
