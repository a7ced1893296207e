#include "daemon/log/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/reason.h"
#include "base/wall_clock.h"
#include "daemon/log/log_queue.h"
#include "daemon/log/log_writer.h"

#define TEXT_SIZE_MAX 1024
#define PREFIX_SIZE_MAX 64
static_assert(PREFIX_SIZE_MAX + TEXT_SIZE_MAX + 1 <= LOG_LINE_SIZE_MAX,
              "a line of text with its prefix and newline");

static bool is_verbose_now;
static bool is_timed_now;
static bool is_journal_now;
static enum log_format format_now;

/* Lines */

/* The journal reads the level, and knows the name and the time. */
static size_t format_journal(char line[LOG_LINE_SIZE_MAX], enum log_level level,
                             const struct log_record *record)
{
    /* syslog(3) levels, which systemd reads: err, warning, info, debug */
    static const int levels[] = {3, 4, 6, 7};
    size_t size =
        (size_t)snprintf(line, PREFIX_SIZE_MAX, "<%d>", levels[level]);
    size_t room = LOG_LINE_SIZE_MAX - size;
    if (format_now == LOG_FORMAT_TEXT) {
        return size + (size_t)snprintf(line + size, room, "%s\n", record->text);
    }
    return size + log_format_line(format_now, record, line + size, room);
}

/* Returns the size of the line. */
static size_t format_record(char line[LOG_LINE_SIZE_MAX], enum log_level level,
                            const char *text, const struct log_field *fields,
                            size_t field_count)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    char time[WALL_CLOCK_TEXT_SIZE];
    const struct log_record record = {
        .time = is_timed_now ? wall_clock_text_ms(wall_clock_ms(), time) : "",
        .level = levels[level],
        .text = text,
        .fields = fields,
        .field_count = field_count,
    };
    return is_journal_now
               ? format_journal(line, level, &record)
               : log_format_line(format_now, &record, line, LOG_LINE_SIZE_MAX);
}

static size_t format_line(char line[LOG_LINE_SIZE_MAX], enum log_level level,
                          const char *text)
{
    return format_record(line, level, text, NULL, 0);
}

static size_t format_notice(char *line, uint64_t missing_count)
{
    char text[TEXT_SIZE_MAX];
    snprintf(text, sizeof text,
             "%" PRIu64 " log line%s missing here: stderr was not read, or "
             "could not be written",
             missing_count, missing_count == 1 ? " is" : "s are");
    return format_line(line, LOG_LEVEL_WARNING, text);
}

/* Settings */

/* A service may start us with stderr redirected to a file: then the variable
 * is inherited, but names another stream. See systemd.exec(5). */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device;
    uintmax_t inode;
    struct stat status;
    int size = 0;
    return stream != NULL &&
           sscanf(stream, "%ju:%ju%n", &device, &inode, &size) == 2 &&
           stream[size] == '\0' && fstat(STDERR_FILENO, &status) == 0 &&
           status.st_dev == device && status.st_ino == inode;
}

void log_open(bool is_verbose, bool is_timed)
{
    is_verbose_now = is_verbose;
    is_journal_now = is_timed && stderr_is_journal();
    is_timed_now = is_timed && !is_journal_now;
    log_writer_open(format_notice);
}

void log_use_format(enum log_format format)
{
    format_now = format;
}

int log_start(void)
{
    return log_writer_start();
}

void log_close(void)
{
    log_writer_close();
}

/* Printing */

bool log_takes(enum log_level level)
{
    return level != LOG_LEVEL_TRACE || is_verbose_now;
}

void log_line(enum log_level level, const char *format, ...)
{
    char text[TEXT_SIZE_MAX];
    char line[LOG_LINE_SIZE_MAX];
    va_list arguments;
    if (!log_takes(level)) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    reason_clean(text);
    log_writer_put(line, format_line(line, level, text));
}

void log_fields(enum log_level level, const struct log_field *fields,
                size_t field_count, const char *text)
{
    char clean[TEXT_SIZE_MAX];
    char line[LOG_LINE_SIZE_MAX];
    if (!log_takes(level)) {
        return;
    }
    (void)snprintf(clean, sizeof clean, "%s", text);
    reason_clean(clean);
    log_writer_put(line,
                   format_record(line, level, clean, fields, field_count));
}

void log_text(const char *text)
{
    log_writer_put(text, strlen(text));
}
