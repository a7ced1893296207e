#include "sim/options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/faults.h"
#include "sim/settings.h"

#define MEMBER(type, name) offsetof(struct type, name)
#define ARRAY(type, name) \
    offsetof(struct type, name), sizeof(((struct type *)0)->name)
#define MANY 1e15 /* no limit to speak of, and exact as a double */

static const char fault_names[] =
#define X(NAME, name, done, help) name "|"
    SIM_FAULT_MAP(X)
#undef X
    ;

/* clang-format off */
static const struct sim_option rows[] = {
    {SIM_SCOPE_COMMAND, "apps", SIM_TYPE_COUNT, MEMBER(sim_command, apps), 0, 0, 10000, NULL, NULL, true, "applications to make, app1 ...; 1 unless there is a script"},
    {SIM_SCOPE_COMMAND, "dir", SIM_TYPE_TEXT, ARRAY(sim_command, dir), 0, 0, NULL, NULL, true, "directory for ca.pem, keys/APP-QUEUE and ready"},
    {SIM_SCOPE_COMMAND, "control", SIM_TYPE_TEXT, ARRAY(sim_command, control), 0, 0, "127.0.0.1:0", NULL, true, "loopback address:port of the control port"},
    {SIM_SCOPE_COMMAND, "write-config", SIM_TYPE_TEXT, ARRAY(sim_command, write_config), 0, 0, NULL, NULL, true, "file for a haplo-poll configuration of all of it"},
    {SIM_SCOPE_COMMAND, "script", SIM_TYPE_TEXT, ARRAY(sim_command, script), 0, 0, NULL, NULL, true, "scenario file, - for standard input"},
    {SIM_SCOPE_COMMAND, "until-stdin-closes", SIM_TYPE_YES, MEMBER(sim_command, until_stdin_closes), 0, 0, 0, "no", NULL, true, "stop when standard input ends"},
    {SIM_SCOPE_COMMAND, "one-port", SIM_TYPE_YES, MEMBER(sim_command, one_port), 0, 0, 0, "no", NULL, true, "hosts app1.localhost ... on the port of the first"},
    {SIM_SCOPE_COMMAND, "events", SIM_TYPE_COUNT, MEMBER(sim_command, events), 0, 1, 1e8, "262144", NULL, true, "events kept in the log"},

    {SIM_SCOPE_SERVER, "seed", SIM_TYPE_COUNT, MEMBER(sim_settings, seed), 0, 0, MANY, "1", NULL, false, "of keys, messages, ties, random faults"},
    {SIM_SCOPE_SERVER, "throttle-after", SIM_TYPE_COUNT, MEMBER(sim_settings, throttle_after), 0, 1, MANY, "50", NULL, false, "failed logins of one address that throttle it"},
    {SIM_SCOPE_SERVER, "throttle", SIM_TYPE_DURATION, MEMBER(sim_settings, throttle_ms), 0, 0, MANY, "300s", NULL, false, "how long, since the last counted failure"},

    {SIM_SCOPE_APP, "revision", SIM_TYPE_CHOICE, MEMBER(sim_settings, revision), 0, 0, 0, "2020-07", "2019|mid-2020|2020-07", false, "of the server software"},
    {SIM_SCOPE_APP, "tls", SIM_TYPE_YES, MEMBER(sim_settings, tls), 0, 0, 0, "no", NULL, true, "https rather than http"},
    {SIM_SCOPE_APP, "port", SIM_TYPE_TEXT, ARRAY(sim_settings, port), 0, 0, "0", NULL, true, "number, 0 for any free one, or the application to share it with"},
    {SIM_SCOPE_APP, "host", SIM_TYPE_TEXT, ARRAY(sim_settings, host), 0, 0, "localhost", NULL, true, "primary host name"},
    {SIM_SCOPE_APP, "alias", SIM_TYPE_TEXT, ARRAY(sim_settings, alias), 0, 0, NULL, NULL, true, "other host names, with commas; they redirect"},
    {SIM_SCOPE_APP, "certificate", SIM_TYPE_CHOICE, MEMBER(sim_settings, certificate), 0, 0, 0, "good", "good|expired|unknown-ca|wrong-name", false, "what the port shows"},
    {SIM_SCOPE_APP, "active", SIM_TYPE_YES, MEMBER(sim_settings, active), 0, 0, 0, "yes", NULL, false, "no: 404 for everything"},
    {SIM_SCOPE_APP, "http-redirect", SIM_TYPE_YES, MEMBER(sim_settings, http_redirect), 0, 0, 0, "no", NULL, true, "a plain port too, which redirects to the https one"},
    {SIM_SCOPE_APP, "running-max", SIM_TYPE_COUNT, MEMBER(sim_settings, running_max), 0, 1, MANY, "8", NULL, false, "requests at a time, the others wait in a fair queue"},
    {SIM_SCOPE_APP, "latency", SIM_TYPE_DURATION, MEMBER(sim_settings, latency_ms), 0, 0, MANY, "0", NULL, false, "of each request"},
    {SIM_SCOPE_APP, "latency-jitter", SIM_TYPE_DURATION, MEMBER(sim_settings, latency_jitter_ms), 0, 0, MANY, "0", NULL, false, "random, on top of latency"},
    {SIM_SCOPE_APP, "keep-alive", SIM_TYPE_DURATION, MEMBER(sim_settings, keep_alive_ms), 0, 1, MANY, "30s", NULL, false, "idle limit of connections"},
    {SIM_SCOPE_APP, "gzip", SIM_TYPE_YES, MEMBER(sim_settings, gzip), 0, 0, 0, "yes", NULL, false, "compress when asked for, from 128 bytes on"},
    {SIM_SCOPE_APP, "chunked", SIM_TYPE_BYTES, MEMBER(sim_settings, chunked_bytes), 0, 1, MANY, "32k", NULL, false, "bodies of this size are chunked"},
    {SIM_SCOPE_APP, "limit", SIM_TYPE_COUNT, MEMBER(sim_settings, limit), 0, 1, MANY, "16", NULL, false, "messages of a fetch; revision 2019 has none"},
    {SIM_SCOPE_APP, "queues", SIM_TYPE_COUNT, MEMBER(sim_settings, queue_count), 0, 0, 100000, "0", NULL, true, "queues to make, q1 ...; 1 without a script"},

    {SIM_SCOPE_QUEUE, "method", SIM_TYPE_CHOICE, MEMBER(sim_settings, method), 0, 0, 0, "poll", "poll|send", false, "a queue of method send cannot be polled"},
    {SIM_SCOPE_QUEUE, "formatter", SIM_TYPE_CHOICE, MEMBER(sim_settings, formatter), 0, 0, 0, "none", "none|csv|xml|xml-without-token|json-other|string", false, "custom format of a fetch"},
    {SIM_SCOPE_QUEUE, "messages", SIM_TYPE_COUNT, MEMBER(sim_settings, message_count), 0, 0, 1e8, "0", NULL, true, "made with the queue"},
    {SIM_SCOPE_QUEUE, "size", SIM_TYPE_BYTES, MEMBER(sim_settings, message_bytes), 0, 0, 1e9, "0", NULL, false, "pad made-up message data to about this"},
    {SIM_SCOPE_QUEUE, "rate", SIM_TYPE_RATE, MEMBER(sim_settings, rate), 0, 0, 1e6, "0", NULL, false, "new messages, 5/s or 30/min"},
    {SIM_SCOPE_QUEUE, "ties", SIM_TYPE_COUNT, MEMBER(sim_settings, ties), 0, 1, MANY, "1", NULL, false, "successive messages of one date"},
    {SIM_SCOPE_QUEUE, "shuffle", SIM_TYPE_YES, MEMBER(sim_settings, shuffle), 0, 0, 0, "no", NULL, false, "order messages of one date anew for each fetch"},
    {SIM_SCOPE_QUEUE, "edge", SIM_TYPE_YES, MEMBER(sim_settings, edge), 0, 0, 0, "no", NULL, true, "start with messages of every quirk"},

    {SIM_SCOPE_KEY, "status", SIM_TYPE_CHOICE, MEMBER(sim_key_words, status), 0, 0, 0, "good", "good|blocked|unpermitted|revoked", false, "what the server thinks of the key"},
    {SIM_SCOPE_KEY, "text", SIM_TYPE_TEXT, ARRAY(sim_key_words, text), 0, 0, NULL, NULL, false, "a new key; the one before is revoked"},
    {SIM_SCOPE_KEY, "rotate", SIM_TYPE_YES, MEMBER(sim_key_words, rotate), 0, 0, 0, "no", NULL, false, "the same with made-up text"},
    {SIM_SCOPE_KEY, "store", SIM_TYPE_YES, MEMBER(sim_key_words, store), 0, 0, 0, "yes", NULL, false, "write a new key into its file"},

    {SIM_SCOPE_MESSAGE, "count", SIM_TYPE_COUNT, MEMBER(sim_message_words, count), 0, 1, 1e8, "1", NULL, false, "how many to make up"},
    {SIM_SCOPE_MESSAGE, "date", SIM_TYPE_TEXT, ARRAY(sim_message_words, date), 0, 0, NULL, NULL, false, "creation date, 2019-02-15T10:32:01Z"},

    {SIM_SCOPE_FAULT, "app", SIM_TYPE_TEXT, ARRAY(sim_fault, app), 0, 0, "*", NULL, false, "pattern of application names"},
    {SIM_SCOPE_FAULT, "queue", SIM_TYPE_TEXT, ARRAY(sim_fault, queue), 0, 0, "*", NULL, false, "pattern of queue names"},
    {SIM_SCOPE_FAULT, "on", SIM_TYPE_CHOICE, MEMBER(sim_fault, on), 0, 0, 0, "any", "any|fetch|mark", false, "which requests"},
    {SIM_SCOPE_FAULT, "do", SIM_TYPE_CHOICE, MEMBER(sim_fault, kind), 0, 0, 0, NULL, fault_names, false, "what happens, see below"},
    {SIM_SCOPE_FAULT, "done", SIM_TYPE_CHOICE, MEMBER(sim_fault, done), 0, 0, 0, "auto", "auto|no|yes", false, "is a mark done although the answer fails?"},
    {SIM_SCOPE_FAULT, "times", SIM_TYPE_COUNT, MEMBER(sim_fault, times), 0, 0, MANY, "1", NULL, false, "how often, 0 for always"},
    {SIM_SCOPE_FAULT, "skip", SIM_TYPE_COUNT, MEMBER(sim_fault, skip), 0, 0, MANY, "0", NULL, false, "requests let through first"},
    {SIM_SCOPE_FAULT, "probability", SIM_TYPE_REAL, MEMBER(sim_fault, probability), 0, 0, 1, "1", NULL, false, "chance of each request"},
    {SIM_SCOPE_FAULT, "seed", SIM_TYPE_COUNT, MEMBER(sim_fault, seed), 0, 0, MANY, "1", NULL, false, "of that chance"},
    {SIM_SCOPE_FAULT, "at", SIM_TYPE_BYTES, MEMBER(sim_fault, at), 0, 0, MANY, "0", NULL, false, "bytes of the answer that are sent"},
    {SIM_SCOPE_FAULT, "bytes", SIM_TYPE_BYTES, MEMBER(sim_fault, bytes), 0, 1, MANY, "16", NULL, false, "of a drop"},
    {SIM_SCOPE_FAULT, "every", SIM_TYPE_DURATION, MEMBER(sim_fault, every_ms), 0, 1, MANY, "100ms", NULL, false, "between drops"},
    {SIM_SCOPE_FAULT, "code", SIM_TYPE_COUNT, MEMBER(sim_fault, code), 0, 100, 999, "503", NULL, false, "status to answer"},
    {SIM_SCOPE_FAULT, "retry-after", SIM_TYPE_TEXT, ARRAY(sim_fault, retry_after), 0, 0, NULL, NULL, false, "value of that header"},
    {SIM_SCOPE_FAULT, "to", SIM_TYPE_TEXT, ARRAY(sim_fault, to), 0, 0, "https://elsewhere.example/", NULL, false, "URL to redirect to"},
    {SIM_SCOPE_FAULT, "size", SIM_TYPE_BYTES, MEMBER(sim_fault, size), 0, 0, 1e9, "64m", NULL, false, "of a huge body"},
    {SIM_SCOPE_FAULT, "for", SIM_TYPE_DURATION, MEMBER(sim_fault, for_ms), 0, 0, MANY, "0", NULL, false, "of a delay, or of refusing (0: until cleared)"},
    {SIM_SCOPE_FAULT, "by", SIM_TYPE_SIGNED, MEMBER(sim_fault, by), 0, -MANY, MANY, "100", NULL, false, "added to Content-Length"},
    {SIM_SCOPE_FAULT, "drop", SIM_TYPE_YES, MEMBER(sim_fault, drop), 0, 0, 0, "yes", NULL, false, "refusing closes open connections too"},
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
    const char *text; /* after the number */
    double factor;    /* */
};

static const struct unit *units_of(enum sim_type type)
{
    static const struct unit none[] = {{"", 1}, {NULL, 0}};
    static const struct unit bytes[] = {
        {"", 1}, {"k", 1024}, {"m", 1024 * 1024}, {NULL, 0}};
    static const struct unit durations[] = {
        {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {NULL, 0}};
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
        snprintf(to, size, "text below %zu bytes", option->size);
        break;
    case SIM_TYPE_DURATION:
        snprintf(to, size, "a time like 20ms, 2s or 5m");
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
    snprintf(error, error_size, "%s: \"%s\" is not %s", option->name,
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
