#include "daemon/text/terminal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log/log.h"

#define WIDTH_DEFAULT 80
#define HEIGHT_DEFAULT 24
#define PROGRESS_INTERVAL_MS 100
#define PROGRESS_SIZE_MAX 256

/* The stream */

static bool wants_color(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return (no_color == NULL || no_color[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

void terminal_measure(struct terminal *terminal)
{
    struct winsize size = {0};
    if (!terminal->is_terminal) {
        return;
    }
    if (ioctl(fileno(terminal->out), TIOCGWINSZ, &size) != 0) {
        size = (struct winsize){0};
    }
    terminal->width = size.ws_col > 0 ? size.ws_col : WIDTH_DEFAULT;
    terminal->height = size.ws_row > 0 ? size.ws_row : HEIGHT_DEFAULT;
}

void terminal_init(struct terminal *terminal, FILE *out)
{
    bool is_terminal = isatty(fileno(out)) != 0;
    *terminal = (struct terminal){
        .out = out,
        .is_terminal = is_terminal,
        .has_color = is_terminal && wants_color(),
    };
    terminal_measure(terminal);
}

/* Styles */

const char *terminal_begin(const struct terminal *terminal,
                           enum terminal_style style)
{
    static const char *const sequences[TERMINAL_STYLE_COUNT] = {
        [TERMINAL_PLAIN] = "",           [TERMINAL_GOOD] = "\x1b[32m",
        [TERMINAL_WARNING] = "\x1b[33m", [TERMINAL_BAD] = "\x1b[31m",
        [TERMINAL_DIM] = "\x1b[2m",      [TERMINAL_HEADING] = "\x1b[1m",
    };
    return terminal->has_color ? sequences[style] : "";
}

const char *terminal_end(const struct terminal *terminal,
                         enum terminal_style style)
{
    return terminal->has_color && style != TERMINAL_PLAIN ? "\x1b[0m" : "";
}

/* Columns */

static bool begins_character(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

unsigned terminal_columns(const char *text)
{
    unsigned columns = 0;
    for (; *text != '\0'; text++) {
        columns += begins_character(*text);
    }
    return columns;
}

size_t terminal_prefix(const char *text, unsigned columns)
{
    size_t size = 0;
    while (text[size] != '\0' &&
           (columns > 0 || !begins_character(text[size]))) {
        columns -= begins_character(text[size]);
        size++;
    }
    return size;
}

/* Progress */

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now); /* cannot fail */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_line_start(struct progress_line *progress, bool is_quiet)
{
    *progress = (struct progress_line){
        .is_on = !is_quiet && isatty(STDERR_FILENO) != 0,
        .next_ms = now_ms() + PROGRESS_INTERVAL_MS,
    };
}

bool progress_line_is_due(struct progress_line *progress)
{
    return progress->is_on && now_ms() >= progress->next_ms;
}

void progress_line_show(struct progress_line *progress, const char *format, ...)
{
    char text[PROGRESS_SIZE_MAX];
    char line[PROGRESS_SIZE_MAX + 32];
    va_list arguments;
    if (!progress->is_on) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(line, sizeof line, "\rhaplo-poll: %s\x1b[K", text);
    log_text(line);
    progress->is_shown = true;
    progress->next_ms = now_ms() + PROGRESS_INTERVAL_MS;
}

void progress_line_clear(struct progress_line *progress)
{
    if (progress->is_shown) {
        log_text("\r\x1b[K");
        progress->is_shown = false;
    }
}
