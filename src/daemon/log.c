#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    /* The levels of syslog(3) that systemd reads: err, warning, info, debug */
    static const int journal_levels[] = {3, 4, 6, 7};
    if (is_journal_now) {
        fprintf(stderr, "<%d>", journal_levels[level]);
        return;
    }
    if (is_timed_now) {
        char text[32];
        struct timespec now;
        struct tm tm;
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &tm);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
        fprintf(stderr, "%s.%03ldZ ", text, now.tv_nsec / 1000000);
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
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
    print_prefix(level);
    fprintf(stderr, "%s\n", text);
}
