#include "sim/options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/faults.h"
#include "sim/path.h"
#include "sim/settings.h"

#define MEMBER(type, name) offsetof(struct type, name)
#define ARRAY(type, name) \
    offsetof(struct type, name), sizeof(((struct type *)0)->name)
#define MANY 1e15 /* effectively unlimited, and exact as a double */

static const char fault_names[] =
#define X(NAME, name, done, help) name "|"
    SIM_FAULT_MAP(X)
#undef X
    ;

/* clang-format off */
static const struct sim_option rows[] = {
    {SIM_SCOPE_COMMAND, SIM_TYPE_COUNT, "apps", MEMBER(sim_command, apps), 0, 0, 10000, NULL, NULL, "applications to create: app1, app2 ...; 1 without --script", true},
    {SIM_SCOPE_COMMAND, SIM_TYPE_TEXT, "dir", ARRAY(sim_command, dir), 0, 0, NULL, NULL, "directory for ca.pem, keys/APP-QUEUE and ready", true},
    {SIM_SCOPE_COMMAND, SIM_TYPE_TEXT, "control", ARRAY(sim_command, control), 0, 0, "127.0.0.1:0", NULL, "loopback address:port of the control port", true},
    {SIM_SCOPE_COMMAND, SIM_TYPE_TEXT, "write-config", ARRAY(sim_command, write_config), 0, 0, NULL, NULL, "file for a haplo-poll configuration that polls all queues", true},
    {SIM_SCOPE_COMMAND, SIM_TYPE_TEXT, "script", ARRAY(sim_command, script), 0, 0, NULL, NULL, "scenario file; - is standard input", true},
    {SIM_SCOPE_COMMAND, SIM_TYPE_YES, "until-stdin-closes", MEMBER(sim_command, until_stdin_closes), 0, 0, 0, "no", NULL, "stop when standard input ends", true},
    {SIM_SCOPE_COMMAND, SIM_TYPE_YES, "one-port", MEMBER(sim_command, one_port), 0, 0, 0, "no", NULL, "one port for all, with the host names app1.localhost ...", true},
    {SIM_SCOPE_COMMAND, SIM_TYPE_COUNT, "events", MEMBER(sim_command, events), 0, 1, 1e8, "262144", NULL, "newest events to keep in the log", true},

    {SIM_SCOPE_SERVER, SIM_TYPE_COUNT, "seed", MEMBER(sim_settings, seed), 0, 0, MANY, "1", NULL, "for keys, messages, ties and random faults", false},
    {SIM_SCOPE_SERVER, SIM_TYPE_COUNT, "throttle-after", MEMBER(sim_settings, throttle_after), 0, 1, MANY, "50", NULL, "failed logins after which an address is throttled", false},
    {SIM_SCOPE_SERVER, SIM_TYPE_DURATION, "throttle", MEMBER(sim_settings, throttle_ms), 0, 0, MANY, "300s", NULL, "how long it stays throttled after the last counted failure", false},

    {SIM_SCOPE_APP, SIM_TYPE_CHOICE, "revision", MEMBER(sim_settings, revision), 0, 0, 0, "2020-07", "2019|mid-2020|2020-07", "revision of the server software", false},
    {SIM_SCOPE_APP, SIM_TYPE_YES, "tls", MEMBER(sim_settings, tls), 0, 0, 0, "no", NULL, "https instead of http", true},
    {SIM_SCOPE_APP, SIM_TYPE_TEXT, "port", ARRAY(sim_settings, port), 0, 0, "0", NULL, "number; 0: any free one; NAME: share that application's", true},
    {SIM_SCOPE_APP, SIM_TYPE_TEXT, "host", ARRAY(sim_settings, host), 0, 0, "localhost", NULL, "primary host name", true},
    {SIM_SCOPE_APP, SIM_TYPE_TEXT, "alias", ARRAY(sim_settings, alias), 0, 0, NULL, NULL, "additional host names, comma-separated; they redirect to host", true},
    {SIM_SCOPE_APP, SIM_TYPE_TEXT, "path", ARRAY(sim_settings, path), 0, 0, NULL, NULL, "path of the URL, such as /haplo, as a reverse proxy gives it", true},
    {SIM_SCOPE_APP, SIM_TYPE_TEXT, "fetch-path", ARRAY(sim_settings, fetch_path), 0, 0, SIM_PATH_PREFIX "{queue}/fetch", NULL, "path of a fetch, after that of the URL", true},
    {SIM_SCOPE_APP, SIM_TYPE_TEXT, "mark-path", ARRAY(sim_settings, mark_path), 0, 0, SIM_PATH_PREFIX "{queue}/mark", NULL, "path of a mark, likewise", true},
    {SIM_SCOPE_APP, SIM_TYPE_TEXT, "user", ARRAY(sim_settings, user), 0, 0, "haplo", NULL, "user that logs in with API keys", true},
    {SIM_SCOPE_APP, SIM_TYPE_TEXT, "token-field", ARRAY(sim_settings, token_field), 0, 0, "token", NULL, "field of the form that carries a token", true},
    {SIM_SCOPE_APP, SIM_TYPE_CHOICE, "certificate", MEMBER(sim_settings, certificate), 0, 0, 0, "good", "good|expired|unknown-ca|wrong-name", "certificate of the port", false},
    {SIM_SCOPE_APP, SIM_TYPE_DURATION, "certificate-lifetime", MEMBER(sim_settings, certificate_ms), 0, 1000, 36500 * 86400e3, "365d", NULL, "until it expires; a change issues a new one", false},
    {SIM_SCOPE_APP, SIM_TYPE_YES, "active", MEMBER(sim_settings, active), 0, 0, 0, "yes", NULL, "no: respond 404 to everything", false},
    {SIM_SCOPE_APP, SIM_TYPE_YES, "http-redirect", MEMBER(sim_settings, http_redirect), 0, 0, 0, "no", NULL, "open a plain port as well, which redirects to https", true},
    {SIM_SCOPE_APP, SIM_TYPE_COUNT, "running-max", MEMBER(sim_settings, running_max), 0, 1, MANY, "8", NULL, "concurrent requests; others wait, first come, first served", false},
    {SIM_SCOPE_APP, SIM_TYPE_DURATION, "latency", MEMBER(sim_settings, latency_ms), 0, 0, MANY, "0", NULL, "delay of each request", false},
    {SIM_SCOPE_APP, SIM_TYPE_DURATION, "latency-jitter", MEMBER(sim_settings, latency_jitter_ms), 0, 0, MANY, "0", NULL, "random delay of up to this, added to latency", false},
    {SIM_SCOPE_APP, SIM_TYPE_DURATION, "keep-alive", MEMBER(sim_settings, keep_alive_ms), 0, 1, MANY, "30s", NULL, "close connections idle for this long", false},
    {SIM_SCOPE_APP, SIM_TYPE_YES, "gzip", MEMBER(sim_settings, gzip), 0, 0, 0, "yes", NULL, "compress bodies of 128 bytes and more if the client accepts it", false},
    {SIM_SCOPE_APP, SIM_TYPE_BYTES, "chunked", MEMBER(sim_settings, chunked_bytes), 0, 1, MANY, "32k", NULL, "send bodies of this size and more chunked", false},
    {SIM_SCOPE_APP, SIM_TYPE_COUNT, "limit", MEMBER(sim_settings, limit), 0, 1, MANY, "16", NULL, "messages per fetch; revision 2019 has no limit", false},
    {SIM_SCOPE_APP, SIM_TYPE_COUNT, "queues", MEMBER(sim_settings, queue_count), 0, 0, 100000, "0", NULL, "queues to create: q1, q2 ...; 1 without --script", true},

    {SIM_SCOPE_QUEUE, SIM_TYPE_CHOICE, "method", MEMBER(sim_settings, method), 0, 0, 0, "poll", "poll|send", "a queue of method send cannot be polled", false},
    {SIM_SCOPE_QUEUE, SIM_TYPE_CHOICE, "formatter", MEMBER(sim_settings, formatter), 0, 0, 0, "none", "none|csv|xml|xml-without-token|json-other|string", "custom format of fetch responses", false},
    {SIM_SCOPE_QUEUE, SIM_TYPE_CHOICE, "shape", MEMBER(sim_settings, shape), 0, 0, 0, "auto", "auto|plain|global", "generated messages; auto: global if that is the queue's name", false},
    {SIM_SCOPE_QUEUE, SIM_TYPE_COUNT, "objects", MEMBER(sim_settings, object_count), 0, 1, 1e8, "1000", NULL, "shape global: objects that change", false},
    {SIM_SCOPE_QUEUE, SIM_TYPE_COUNT, "messages", MEMBER(sim_settings, message_count), 0, 0, 1e8, "0", NULL, "messages to create with the queue", true},
    {SIM_SCOPE_QUEUE, SIM_TYPE_BYTES, "size", MEMBER(sim_settings, message_bytes), 0, 0, 1e9, "0", NULL, "pad the data of generated messages to about this size", false},
    {SIM_SCOPE_QUEUE, SIM_TYPE_RATE, "rate", MEMBER(sim_settings, rate), 0, 0, 1e6, "0", NULL, "new messages, such as 5/s or 30/min", false},
    {SIM_SCOPE_QUEUE, SIM_TYPE_COUNT, "ties", MEMBER(sim_settings, ties), 0, 1, MANY, "1", NULL, "successive messages with the same date", false},
    {SIM_SCOPE_QUEUE, SIM_TYPE_YES, "shuffle", MEMBER(sim_settings, shuffle), 0, 0, 0, "no", NULL, "return messages with the same date in random order", false},
    {SIM_SCOPE_QUEUE, SIM_TYPE_YES, "edge", MEMBER(sim_settings, edge), 0, 0, 0, "no", NULL, "start with one message for each quirk", true},

    {SIM_SCOPE_KEY, SIM_TYPE_CHOICE, "status", MEMBER(sim_key_words, status), 0, 0, 0, "good", "good|blocked|unpermitted|revoked", "how the server treats the key", false},
    {SIM_SCOPE_KEY, SIM_TYPE_TEXT, "text", ARRAY(sim_key_words, text), 0, 0, NULL, NULL, "set a new key and revoke the old one", false},
    {SIM_SCOPE_KEY, SIM_TYPE_YES, "rotate", MEMBER(sim_key_words, rotate), 0, 0, 0, "no", NULL, "the same with a generated key", false},
    {SIM_SCOPE_KEY, SIM_TYPE_YES, "store", MEMBER(sim_key_words, store), 0, 0, 0, "yes", NULL, "write the new key to its file", false},

    {SIM_SCOPE_MESSAGE, SIM_TYPE_COUNT, "count", MEMBER(sim_message_words, count), 0, 1, 1e8, "1", NULL, "messages to generate", false},
    {SIM_SCOPE_MESSAGE, SIM_TYPE_TEXT, "date", ARRAY(sim_message_words, date), 0, 0, NULL, NULL, "creation date, such as 2019-02-15T10:32:01Z", false},

    {SIM_SCOPE_FAULT, SIM_TYPE_TEXT, "app", ARRAY(sim_fault, app), 0, 0, "*", NULL, "pattern for application names", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_TEXT, "queue", ARRAY(sim_fault, queue), 0, 0, "*", NULL, "pattern for queue names", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_CHOICE, "on", MEMBER(sim_fault, on), 0, 0, 0, "any", "any|fetch|mark", "which requests it strikes", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_CHOICE, "do", MEMBER(sim_fault, kind), 0, 0, 0, NULL, fault_names, "what happens; see below", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_CHOICE, "done", MEMBER(sim_fault, done), 0, 0, 0, "auto", "auto|no|yes", "does a mark take effect although its response fails?", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_COUNT, "times", MEMBER(sim_fault, times), 0, 0, MANY, "1", NULL, "how often; 0: always", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_COUNT, "skip", MEMBER(sim_fault, skip), 0, 0, MANY, "0", NULL, "matching requests to let pass first", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_REAL, "probability", MEMBER(sim_fault, probability), 0, 0, 1, "1", NULL, "chance that it strikes a request", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_COUNT, "seed", MEMBER(sim_fault, seed), 0, 0, MANY, "1", NULL, "for the probability", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_BYTES, "at", MEMBER(sim_fault, at), 0, 0, MANY, "0", NULL, "bytes of the response to send", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_BYTES, "bytes", MEMBER(sim_fault, bytes), 0, 1, MANY, "16", NULL, "drip: bytes to send at a time", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_DURATION, "every", MEMBER(sim_fault, every_ms), 0, 1, MANY, "100ms", NULL, "drip: pause in between", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_COUNT, "code", MEMBER(sim_fault, code), 0, 100, 999, "503", NULL, "HTTP status", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_TEXT, "retry-after", ARRAY(sim_fault, retry_after), 0, 0, NULL, NULL, "value of the Retry-After header", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_TEXT, "to", ARRAY(sim_fault, to), 0, 0, "https://elsewhere.example/", NULL, "redirect: target URL", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_BYTES, "size", MEMBER(sim_fault, size), 0, 0, 1e9, "64m", NULL, "huge: size of the body", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_DURATION, "for", MEMBER(sim_fault, for_ms), 0, 0, MANY, "0", NULL, "duration of delay or refuse (0: until cleared)", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_SIGNED, "by", MEMBER(sim_fault, by), 0, -MANY, MANY, "100", NULL, "length: added to Content-Length", false},
    {SIM_SCOPE_FAULT, SIM_TYPE_YES, "drop", MEMBER(sim_fault, drop), 0, 0, 0, "yes", NULL, "refuse: reset open connections too", false},
};
/* clang-format on */

#define ROW_COUNT (sizeof rows / sizeof *rows)

const struct sim_option *sim_option_at(size_t index)
{
    return index < ROW_COUNT ? &rows[index] : NULL;
}

const struct sim_option *sim_option_find(int scopes, const char *name,
                                         size_t size)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if ((rows[i].scope & (unsigned)scopes) != 0 &&
            strlen(rows[i].name) == size &&
            memcmp(rows[i].name, name, size) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

struct unit {
    const char *text; /* suffix of the number */
    double factor;
};

static const struct unit *units_of(enum sim_type type)
{
    static const struct unit none[] = {{"", 1}, {NULL, 0}};
    static const struct unit bytes[] = {
        {"", 1}, {"k", 1024}, {"m", 1024 * 1024}, {NULL, 0}};
    static const struct unit durations[] = {
        {"", 1},       {"ms", 1},      {"s", 1000}, {"m", 60000},
        {"h", 3600e3}, {"d", 86400e3}, {NULL, 0}};
    static const struct unit rates[] = {
        {"", 1}, {"/s", 1}, {"/min", 1.0 / 60}, {NULL, 0}};
    switch (type) {
    case SIM_TYPE_BYTES:
        return bytes;
    case SIM_TYPE_DURATION:
        return durations;
    case SIM_TYPE_RATE:
        return rates;
    default:
        return none;
    }
}

static bool number_parse(const struct sim_option *option, const char *value,
                         double *number)
{
    char *end;
    *number = strtod(value, &end);
    if (end == value || !isfinite(*number)) {
        return false;
    }
    for (const struct unit *unit = units_of(option->type); unit->text; unit++) {
        if (strcmp(end, unit->text) == 0) {
            *number *= unit->factor;
            return *number >= option->min && *number <= option->max;
        }
    }
    return false;
}

static bool set_number(const struct sim_option *option, char *member,
                       const char *value)
{
    double number;
    if (!number_parse(option, value, &number)) {
        return false;
    }
    switch (option->type) {
    case SIM_TYPE_RATE:
    case SIM_TYPE_REAL:
        *(double *)(void *)member = number;
        return true;
    case SIM_TYPE_SIGNED:
    case SIM_TYPE_DURATION:
        *(int64_t *)(void *)member = (int64_t)number;
        return (double)(int64_t)number == number;
    default:
        *(uint64_t *)(void *)member = (uint64_t)number;
        return (double)(uint64_t)number == number;
    }
}

static bool set_choice(const struct sim_option *option, char *member,
                       const char *value)
{
    size_t size = strlen(value);
    const char *at = option->choices;
    for (int i = 0; *at != '\0'; i++) {
        size_t word = strcspn(at, "|");
        if (word == size && size > 0 && memcmp(at, value, size) == 0) {
            *(int *)(void *)member = i;
            return true;
        }
        at += word + (at[word] == '|');
    }
    return false;
}

static bool set_yes(char *member, const char *value)
{
    bool yes = value == NULL || strcmp(value, "yes") == 0;
    if (!yes && strcmp(value, "no") != 0) {
        return false;
    }
    *(bool *)(void *)member = yes;
    return true;
}

static bool set_text(const struct sim_option *option, char *member,
                     const char *value)
{
    if (strlen(value) >= option->size) {
        return false;
    }
    strcpy(member, value);
    return true;
}

static bool set_any(const struct sim_option *option, char *member,
                    const char *value)
{
    if (option->type == SIM_TYPE_YES) {
        return set_yes(member, value);
    }
    if (value == NULL) {
        return false;
    }
    switch (option->type) {
    case SIM_TYPE_CHOICE:
        return set_choice(option, member, value);
    case SIM_TYPE_TEXT:
        return set_text(option, member, value);
    default:
        return set_number(option, member, value);
    }
}

static void describe_values(const struct sim_option *option, char *to,
                            size_t size)
{
    switch (option->type) {
    case SIM_TYPE_YES:
        snprintf(to, size, "yes or no");
        break;
    case SIM_TYPE_CHOICE:
        snprintf(to, size, "one of %s", option->choices);
        break;
    case SIM_TYPE_TEXT:
        snprintf(to, size, "text shorter than %zu bytes", option->size);
        break;
    case SIM_TYPE_DURATION:
        snprintf(to, size, "a time like 20ms, 2s, 5m or 30d");
        break;
    case SIM_TYPE_RATE:
        snprintf(to, size, "a rate like 5/s or 30/min");
        break;
    default:
        snprintf(to, size, "a number from %.15g to %.15g", option->min,
                 option->max);
        break;
    }
}

bool sim_option_set(const struct sim_option *option, void *base,
                    const char *value, char *error, size_t error_size)
{
    if (set_any(option, (char *)base + option->offset, value)) {
        return true;
    }
    char values[512];
    describe_values(option, values, sizeof values);
    snprintf(error, error_size, "%s: \"%s\": expected %s", option->name,
             value == NULL ? "" : value, values);
    return false;
}

void sim_options_default(int scopes, void *base)
{
    char error[8];
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if ((rows[i].scope & (unsigned)scopes) != 0 &&
            rows[i].default_text != NULL) {
            sim_option_set(&rows[i], base, rows[i].default_text, error,
                           sizeof error);
        }
    }
}

static const char *value_name(const struct sim_option *option)
{
    static const char *const names[] = {
        [SIM_TYPE_YES] = "yes|no",    [SIM_TYPE_COUNT] = "N",
        [SIM_TYPE_BYTES] = "BYTES",   [SIM_TYPE_SIGNED] = "N",
        [SIM_TYPE_DURATION] = "TIME", [SIM_TYPE_RATE] = "RATE",
        [SIM_TYPE_REAL] = "X",        [SIM_TYPE_TEXT] = "TEXT",
    };
    return option->type == SIM_TYPE_CHOICE ? option->choices
                                           : names[option->type];
}

static void help_rows(FILE *to, int scope, const char *dashes)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct sim_option *row = &rows[i];
        if ((int)row->scope != scope) {
            continue;
        }
        fprintf(to, "  %s%s=%s\n        %s", dashes, row->name,
                row->choices == fault_names ? "KIND" : value_name(row),
                row->help);
        if (row->default_text != NULL) {
            fprintf(to, " (%s)", row->default_text);
        }
        fputs("\n", to);
    }
}

void sim_options_help(FILE *to)
{
    fputs("Command line:\n", to);
    help_rows(to, SIM_SCOPE_COMMAND, "--");
    fputs("  --help\n  --version\n\nFor the command line and `set`:\n", to);
    help_rows(to, SIM_SCOPE_SERVER, "--");
    fputs("\nFor the command line, `set` and `app`:\n", to);
    help_rows(to, SIM_SCOPE_APP, "--");
    fputs("\nFor the command line, `set`, `app` and `queue`:\n", to);
    help_rows(to, SIM_SCOPE_QUEUE, "--");
    fputs("\nFor `key`:\n", to);
    help_rows(to, SIM_SCOPE_KEY, "");
    fputs("\nFor `message`:\n", to);
    help_rows(to, SIM_SCOPE_MESSAGE, "");
    fputs("\nFor `fault`:\n", to);
    help_rows(to, SIM_SCOPE_FAULT, "");
    fputs("\nKinds of faults:\n", to);
#define X(NAME, name, done, help) fputs("  " name ": " help "\n", to);
    SIM_FAULT_MAP(X)
#undef X
}
