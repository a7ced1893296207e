#include <stdarg.h>
#include <stdio.h>

#include "base/wall_clock.h"
#include "daemon/log/expiry.h"
#include "daemon/log/span_text.h"

#define WHEN_SIZE 96
#define SERVERS_SIZE 256

/* A text that is written piece by piece; what does not fit is cut. */
struct line {
    char *text;  /* borrowed */
    size_t size; /* so far */
};

static void add(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    size_t left = EXPIRY_TEXT_SIZE - line->size;
    va_start(arguments, format);
    int size = vsnprintf(line->text + line->size, left, format, arguments);
    va_end(arguments);
    if (size > 0) {
        line->size += (size_t)size < left ? (size_t)size : left - 1;
    }
}

static bool is_one(const struct expiry_report *report)
{
    return report->certificate_count == 1;
}

/* Parts */

/* "in 13 d 4 h, at 2026-12-14T10:00:00Z", "at 2026-12-14T10:00:00Z" */
static const char *when(const struct expiry_report *report, uint64_t now_ms,
                        char text[WHEN_SIZE])
{
    char span[SPAN_TEXT_SIZE];
    char at[WALL_CLOCK_TEXT_SIZE];
    bool is_ahead = report->expires_ms > now_ms;
    (void)snprintf(text, WHEN_SIZE, "%s%s%sat %s", is_ahead ? "in " : "",
                   is_ahead ? span_text(report->expires_ms - now_ms, span) : "",
                   is_ahead ? ", " : "",
                   wall_clock_text(report->expires_ms, at));
    return text;
}

/* "example", "12 servers, such as example" */
static const char *servers(const struct expiry_report *report,
                           char text[SERVERS_SIZE])
{
    if (report->server_count == 1) {
        (void)snprintf(text, SERVERS_SIZE, "%s", report->server);
    } else {
        (void)snprintf(text, SERVERS_SIZE, "%zu servers, such as %s",
                       report->server_count, report->server);
    }
    return text;
}

/* "expires in ...", "expired at ...", or for several: "expire within 14 days,
 * that of example first, in ..." */
static void add_when(struct line *line, const struct expiry_report *report,
                     const char *first_of, uint64_t now_ms)
{
    static const unsigned days[EXPIRY_STAGE_COUNT] = {
        [EXPIRY_30_DAYS] = 30, [EXPIRY_14_DAYS] = 14, [EXPIRY_7_DAYS] = 7,
        [EXPIRY_3_DAYS] = 3,   [EXPIRY_1_DAY] = 1,
    };
    char text[WHEN_SIZE];
    const char *at = when(report, now_ms, text);
    const char *name = report->name[0] != '\0' ? report->name : "the system's";
    bool has_expired = report->stage == EXPIRY_EXPIRED;
    if (is_one(report)) {
        add(line, has_expired ? "expired %s" : "expires %s", at);
    } else if (report->is_same_time) {
        add(line,
            has_expired ? "expired %s, such as that %s %s"
                        : "expire %s, such as that %s %s",
            at, first_of, name);
    } else if (has_expired) {
        add(line, "have expired, that %s %s first, %s", first_of, name, at);
    } else {
        add(line, "expire within %u day%s, that %s %s first, %s",
            days[report->stage], report->stage == EXPIRY_1_DAY ? "" : "s",
            first_of, name, at);
    }
}

/* Kinds */

/* Whose they are: what comes before "expires" or "expire". */
static void add_subject(struct line *line, const struct expiry_report *report)
{
    char text[SERVERS_SIZE];
    size_t count = report->certificate_count;
    const char *verb = report->server_count == 1 ? "is" : "are";
    switch (report->kind) {
    case EXPIRY_CA:
        if (is_one(report)) {
            add(line, "%s%s: the certificate that %s %s verified with ",
                report->name[0] != '\0' ? "tls_ca_file "
                                        : "the system's CA file",
                report->name, servers(report, text), verb);
        } else {
            add(line,
                "the certificates in %zu CA files that %s %s verified "
                "with ",
                count, servers(report, text), verb);
        }
        break;
    case EXPIRY_CLIENT:
        if (is_one(report)) {
            add(line, "tls_certificate_file %s ", report->name);
        } else {
            add(line, "%zu client certificates ", count);
        }
        break;
    default:
        if (is_one(report)) {
            add(line, "%s: its certificate ", report->name);
        } else {
            add(line, "the certificates of %zu servers ", count);
        }
    }
}

/* What to do, and what happens otherwise. */
static void add_advice(struct line *line, const struct expiry_report *report)
{
    char text[SERVERS_SIZE];
    bool is_single = is_one(report);
    bool is_past = report->stage == EXPIRY_EXPIRED;
    switch (report->kind) {
    case EXPIRY_CA:
        add(line, ": add the %s to the file%s, %s; changes take effect at once",
            is_single ? "CA's new one" : "CAs' new ones", is_single ? "" : "s",
            is_past ? "as nothing can be fetched"
                    : "or nothing can be fetched from then on");
        break;
    case EXPIRY_CLIENT:
        add(line,
            ": renew %s, %s %s may be refused%s by %s; changes take "
            "effect at once",
            is_single ? "it" : "them", is_past ? "as" : "or",
            is_single ? "it" : "they", is_past ? "" : " from then on",
            servers(report, text));
        break;
    default:
        if (is_past) {
            add(line,
                ": nothing can be fetched until %s renewed on the "
                "server%s",
                is_single ? "it is" : "they are", is_single ? "" : "s");
        } else {
            add(line,
                ": have %s renewed on the server%s, or nothing can be "
                "fetched from then on",
                is_single ? "it" : "them", is_single ? "" : "s");
        }
    }
}

static void tell_expiry(struct line *line, const struct expiry_report *report,
                        uint64_t now_ms)
{
    add_subject(line, report);
    add_when(line, report, report->kind == EXPIRY_SERVER ? "of" : "in", now_ms);
    add_advice(line, report);
}

static void tell_renewed(struct line *line, const struct expiry_report *report,
                         uint64_t now_ms)
{
    static const struct {
        const char *one;  /* in front of its name */
        const char *what; /* of it */
        const char *many; /* after their number */
    } words[EXPIRY_KIND_COUNT] = {
        [EXPIRY_SERVER] = {"", "its certificate", "certificates of servers"},
        [EXPIRY_CA] = {"CA file ", "the CA certificate", "CA certificates"},
        [EXPIRY_CLIENT] = {"tls_certificate_file ", "the certificate",
                           "client certificates"},
    };
    char text[WHEN_SIZE];
    if (is_one(report)) {
        add(line, "%s%s: %s was renewed, and expires %s",
            words[report->kind].one,
            report->name[0] != '\0' ? report->name : "of the system",
            words[report->kind].what, when(report, now_ms, text));
    } else {
        add(line, "%zu %s were renewed; the first expires %s",
            report->certificate_count, words[report->kind].many,
            when(report, now_ms, text));
    }
}

const char *expiry_text(const struct expiry_report *report, uint64_t now_ms,
                        char text[EXPIRY_TEXT_SIZE])
{
    struct line line = {.text = text};
    text[0] = '\0';
    if (report->stage == EXPIRY_NONE) {
        tell_renewed(&line, report, now_ms);
    } else {
        tell_expiry(&line, report, now_ms);
    }
    return text;
}

/* What is renewed automatically usually is 30 days ahead, so that is no
 * warning yet. */
enum log_level expiry_level(const struct expiry_report *report)
{
    return report->stage <= EXPIRY_30_DAYS   ? LOG_LEVEL_INFO
           : report->stage == EXPIRY_EXPIRED ? LOG_LEVEL_ERROR
                                             : LOG_LEVEL_WARNING;
}
