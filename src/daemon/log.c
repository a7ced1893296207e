#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/reason.h"
#include "base/wall_clock.h"

#define LINE_SIZE_MAX 1024

static bool is_verbose_now;
static bool is_timed_now;
static bool is_journal_now;

void log_open(bool is_verbose, bool is_timed)
{
    is_verbose_now = is_verbose;
    is_journal_now = is_timed && getenv("JOURNAL_STREAM") != NULL;
    is_timed_now = is_timed && !is_journal_now;
}

bool log_takes(enum log_level level)
{
    return level != LOG_LEVEL_TRACE || is_verbose_now;
}

static void print_prefix(enum log_level level)
{
    /* syslog(3) levels, which systemd reads: err, warning, info, debug */
    static const int journal_levels[] = {3, 4, 6, 7};
    if (is_journal_now) {
        fprintf(stderr, "<%d>", journal_levels[level]);
        return;
    }
    if (is_timed_now) {
        char text[WALL_CLOCK_TEXT_SIZE];
        fprintf(stderr, "%s ", wall_clock_text_ms(wall_clock_ms(), text));
    }
    fputs("haplo-poll: ", stderr);
}

void log_line(enum log_level level, const char *format, ...)
{
    char text[LINE_SIZE_MAX];
    va_list arguments;
    if (!log_takes(level)) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    reason_clean(text);
    print_prefix(level);
    fprintf(stderr, "%s\n", text);
}
