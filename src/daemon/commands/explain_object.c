#include "daemon/commands/explain_object.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/command_hint.h"
#include "daemon/commands/advice.h"
#include "daemon/commands/certificate_note.h"
#include "daemon/commands/explain_print.h"
#include "daemon/commands/explain_stored.h"
#include "daemon/commands/remote.h"
#include "daemon/log/log.h"
#include "daemon/text/human.h"

/* What is to be explained. */
struct subject {
    const struct config *config;   /* borrowed */
    const char *name;              /* of the queue or outlet */
    bool is_json;                  /* a map instead of lines */
    struct json_tree *detail;      /* owned; of the object */
    struct json_tree *server;      /* owned; of a queue's server; or NULL */
    uint64_t now_ms;               /* of the process */
    char why[HAPLO_TEXT_SIZE_MAX]; /* why it cannot be asked */
};

static const char *text_or(const char *text, const char *other)
{
    return text != NULL && text[0] != '\0' ? text : other;
}

static bool has_health(const struct json_tree *item, const char *health)
{
    return strcmp(text_or(json_tree_text(item, "health"), ""), health) == 0;
}

/* Asking */

static enum exit_code ask(struct subject *subject, const char *folder,
                          const char *name, struct json_tree **out)
{
    char path[REMOTE_PATH_SIZE];
    int size = snprintf(path, sizeof path, "/api/v1/%s/%s", folder, name);
    if (size < 0 || (size_t)size >= sizeof path) {
        snprintf(subject->why, sizeof subject->why, "the name is too long");
        return EXIT_CODE_USAGE;
    }
    return remote_ask(subject->config, NULL, path, NULL, out, subject->why,
                      sizeof subject->why);
}

static enum exit_code ask_time(struct subject *subject)
{
    struct json_tree *status;
    enum exit_code code =
        remote_ask(subject->config, NULL, "/api/v1/status", NULL, &status,
                   subject->why, sizeof subject->why);
    if (code == EXIT_CODE_FINE) {
        subject->now_ms = json_tree_time(status, "now");
        json_tree_free(status);
    }
    return code;
}

/* Lines that queues and outlets have */

static void tell_since(const struct subject *subject,
                       const struct json_tree *item)
{
    char text[EXPLAIN_TIME_SIZE];
    uint64_t since_ms = json_tree_time(item, "since");
    if (since_ms != 0) {
        explain_line("since", "%s",
                     explain_time(since_ms, subject->now_ms, text));
    }
}

static void tell_success(const struct subject *subject,
                         const struct json_tree *item, const char *label)
{
    char text[EXPLAIN_TIME_SIZE];
    uint64_t at_ms = json_tree_time(item, "last_success_at");
    /* The process was asked for its time before. */
    uint64_t now_ms = at_ms > subject->now_ms ? at_ms : subject->now_ms;
    explain_line(label, "%s",
                 at_ms != 0 ? explain_time(at_ms, now_ms, text)
                            : "not since the process started");
}

/* The commands of an advice, one after the other; then NULL. The first one
 * shows whether it was followed; reload is for a change of the configuration,
 * and harmless without. */
static const char *command_at(const struct subject *subject,
                              const struct advice *advice, size_t index,
                              char hint[COMMAND_HINT_SIZE])
{
    if (index == 0 && advice->command != NULL) {
        return command_hint(hint, advice->command,
                            advice->takes_name ? subject->name : NULL, NULL);
    }
    return index == (advice->command != NULL) && advice->needs_reload
               ? command_hint(hint, "reload", NULL)
               : NULL;
}

static void tell_advice(const struct subject *subject,
                        const struct advice *advice)
{
    char hint[COMMAND_HINT_SIZE];
    const char *command;
    if (advice == NULL) {
        return;
    }
    explain_line("to fix it", "%s", advice->text);
    for (size_t i = 0; (command = command_at(subject, advice, i, hint)) != NULL;
         i++) {
        explain_command(i == 0 ? "then run" : "", command);
    }
}

/* What a health, or the state of an outlet, means for "it": a verb. */
static const char *verb_of(const char *word)
{
    static const struct {
        const char *word;
        const char *verb;
    } verbs[] = {
        {"ok", "works"},
        {"working", "works"},
        {"failing", "fails"},
        {"waiting", "waits"},
        {"paused", "is paused"},
        {"refused", "is refused"},
        {"blocked", "is blocked"},
        {"broken", "is broken"},
        {"held", "is held"},
        {"closed", "does not run"},
        {"not_tried", "is not tried"},
        {"elsewhere", "is polled by another host"},
    };
    for (size_t i = 0; word != NULL && i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].word, word) == 0) {
            return verbs[i].verb;
        }
    }
    return text_or(word, "?");
}

/* Queues */

static bool is_operator_pause(const struct json_tree *queue)
{
    return json_tree_text(json_tree_member(queue, "pause"), "by") != NULL;
}

static const struct advice *queue_advice(const struct subject *subject)
{
    const struct json_tree *queue = json_tree_member(subject->detail, "queue");
    const struct json_tree *server =
        json_tree_member(subject->server, "server");
    const struct advice_facts facts = {
        .health = json_tree_text(queue, "health"),
        .error = json_tree_text(queue, "error"),
        .server_state = json_tree_text(server, "state"),
        .change = json_tree_text(subject->detail, "change"),
        .server_error = json_tree_text(server, "error"),
        .is_operator_pause = is_operator_pause(queue),
        .logins_held = json_tree_bool(server, "logins_held"),
    };
    return advice_for_queue(&facts);
}

static void tell_next(const struct subject *subject,
                      const struct json_tree *queue)
{
    char text[EXPLAIN_TIME_SIZE];
    uint64_t at_ms = json_tree_time(queue, "next_at");
    explain_line("next", "%s%s%s",
                 text_or(json_tree_text(queue, "next"), "not known"),
                 at_ms != 0 ? "; at " : "",
                 at_ms != 0 ? explain_time(at_ms, subject->now_ms, text) : "");
}

static void tell_pause(const struct subject *subject,
                       const struct json_tree *queue)
{
    const struct json_tree *pause = json_tree_member(queue, "pause");
    const char *reason = json_tree_text(pause, "reason");
    char text[EXPLAIN_TIME_SIZE];
    if (json_tree_text(pause, "by") != NULL) {
        explain_line(
            "paused by", "%s, at %s%s%s", json_tree_text(pause, "by"),
            explain_time(json_tree_time(pause, "at"), subject->now_ms, text),
            reason != NULL ? ": " : "", reason != NULL ? reason : "");
    }
}

static void tell_server(const struct subject *subject)
{
    const struct json_tree *server =
        json_tree_member(subject->server, "server");
    const struct json_tree *queues = json_tree_member(server, "queues");
    const char *cause = json_tree_text(server, "cause");
    if (server == NULL) {
        return;
    }
    explain_line(
        "server",
        "%s (%s) is %s: %s%s%s; %" PRIu64 " of its %" PRIu64 " queues work%s",
        text_or(json_tree_text(server, "name"), "?"),
        text_or(json_tree_text(server, "url"), "?"),
        text_or(json_tree_text(server, "state"), "?"),
        text_or(json_tree_text(server, "state_text"), "?"),
        cause != NULL ? ": " : "", cause != NULL ? cause : "",
        json_tree_count(queues, "ok"), json_tree_count(queues, "total"),
        json_tree_bool(server, "logins_held")
            ? "; its budget of failed logins is exhausted"
            : "");
}

static void tell_certificate(const struct subject *subject)
{
    const struct json_tree *server =
        json_tree_member(subject->server, "server");
    struct certificate_note note;
    if (certificate_note_read(&note, server, subject->now_ms)) {
        explain_line("certificate", "%s: %s", note.text, note.advice);
    }
}

static void tell_place(const struct json_tree *detail)
{
    const struct json_tree *place = json_tree_member(detail, "place");
    const struct json_tree *key = json_tree_member(detail, "api_key");
    if (json_tree_text(place, "path") != NULL) {
        explain_line(
            "defined at", "%s:%" PRIu64 ":%" PRIu64 "%s%s%s%s",
            json_tree_text(place, "path"), json_tree_count(place, "line"),
            json_tree_count(place, "column"),
            key != NULL ? "; its API key: " : "",
            text_or(json_tree_text(key, "from"), ""), key != NULL ? " " : "",
            text_or(json_tree_text(key, "name"), ""));
    }
}

/* What the verb does not say already: "held: not polled because ...". */
static const char *rest_of_state(const char *health, const char *text)
{
    size_t size = strlen(health);
    if (strncmp(text, health, size) == 0) {
        text += size;
        text += strspn(text, ": ");
    }
    return text;
}

/* A queue that is fine, but whose key is not tried, as others have failed. */
static bool waits_for_logins(const struct subject *subject,
                             const struct json_tree *queue)
{
    return has_health(queue, "ok") &&
           json_tree_time(queue, "last_success_at") == 0 &&
           json_tree_bool(json_tree_member(subject->server, "server"),
                          "logins_held");
}

/* The first line. */
static void print_queue_state(const struct subject *subject,
                              const struct json_tree *queue, const char *health)
{
    const char *change = json_tree_text(subject->detail, "change");
    const char *text = text_or(json_tree_text(queue, "state_text"), "?");
    if (change != NULL) {
        printf("%s is about to be %s: %s\n", subject->name, change, text);
    } else if (has_health(queue, "elsewhere")) {
        printf("%s is polled by %s\n", subject->name,
               text_or(json_tree_text(queue, "polled_by"), "nobody just now"));
    } else if (has_health(queue, "not_tried")) {
        printf("%s is not tried: its server does not work\n", subject->name);
    } else if (waits_for_logins(subject, queue)) {
        printf("%s is not tried: too many logins to its server have failed\n",
               subject->name);
    } else {
        text = rest_of_state(health, text);
        printf("%s %s%s%s\n", subject->name, verb_of(health),
               text[0] != '\0' ? ": " : "", text);
    }
}

static void print_queue(const struct subject *subject)
{
    const struct json_tree *queue = json_tree_member(subject->detail, "queue");
    const char *cause = json_tree_text(queue, "cause");
    const char *health = text_or(json_tree_text(queue, "health"), "?");
    print_queue_state(subject, queue, health);
    tell_since(subject, queue);
    tell_pause(subject, queue);
    if (cause != NULL && !is_operator_pause(queue)) {
        explain_line("cause", "%s", cause);
    }
    if (json_tree_count(queue, "failures") > 0) {
        explain_line("failures", "%" PRIu64 " in a row",
                     json_tree_count(queue, "failures"));
    }
    tell_success(subject, queue, "last worked");
    if (json_tree_is_number(json_tree_member(queue, "unread"))) {
        explain_line("unread",
                     "%" PRIu64 " on the server, when it was last "
                     "asked",
                     json_tree_count(queue, "unread"));
    }
    tell_next(subject, queue);
    if (!has_health(queue, "elsewhere")) {
        tell_server(subject);
        tell_certificate(subject);
    }
    explain_line("inbox", "%s", text_or(json_tree_text(queue, "inbox"), ""));
    tell_place(subject->detail);
    tell_advice(subject, queue_advice(subject));
    explain_transitions(json_tree_member(subject->detail, "transitions"));
}

/* Outlets */

static const struct advice *outlet_advice(const struct subject *subject)
{
    const struct json_tree *outlet =
        json_tree_member(subject->detail, "outlet");
    const struct advice_facts facts = {
        .health = json_tree_text(outlet, "health"),
        .outlet_state = json_tree_text(outlet, "state"),
    };
    return advice_for_outlet(&facts);
}

/* The commands that release a queue. */
static void tell_decisions(const char *outlet, const char *server,
                           const char *queue)
{
    static const char *const words[] = {"outlet retry", "outlet dead-letter",
                                        "outlet skip"};
    char name[2 * HAPLO_NAME_SIZE_MAX + 2];
    char hint[COMMAND_HINT_SIZE];
    snprintf(name, sizeof name, "%s/%s", server, queue);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        explain_command(i == 0 ? "  decide" : "",
                        command_hint(hint, words[i], outlet, name, NULL));
    }
}

/* A queue that is held up, and what can be done about it. */
static void tell_lane(const struct subject *subject,
                      const struct json_tree *lane)
{
    const char *server = text_or(json_tree_text(lane, "server"), "?");
    const char *queue = text_or(json_tree_text(lane, "queue"), "?");
    uint64_t arrival = json_tree_count(lane, "arrival");
    char number[24];
    char hint[COMMAND_HINT_SIZE];
    bool is_blocked =
        strcmp(text_or(json_tree_text(lane, "state"), ""), "blocked") == 0;
    explain_line("held up", "%s/%s %s: %s", server, queue,
                 is_blocked ? "is blocked" : "waits",
                 text_or(json_tree_text(lane, "cause"), "no cause is known"));
    if (is_blocked && arrival != 0) {
        snprintf(number, sizeof number, "%" PRIu64, arrival);
        explain_command("  look",
                        command_hint(hint, "inbox show", number, NULL));
    }
    if (is_blocked) {
        tell_decisions(subject->name, server, queue);
    }
}

static void tell_lanes(const struct subject *subject)
{
    const struct json_tree *lanes = json_tree_member(subject->detail, "lanes");
    const struct json_tree *lane;
    for (size_t i = 0; (lane = json_tree_item(lanes, i)) != NULL; i++) {
        tell_lane(subject, lane);
    }
}

static void tell_lag(const struct json_tree *outlet)
{
    char text[HUMAN_TEXT_SIZE];
    uint64_t count = json_tree_count(outlet, "lag_messages");
    uint64_t ms = json_tree_duration(outlet, "lag_seconds");
    bool is_known =
        json_tree_is_number(json_tree_member(outlet, "lag_messages"));
    if (json_tree_bool(outlet, "is_caught_up")) {
        explain_line("behind", "nothing: it has passed everything");
    } else if (!is_known || count == 0) {
        explain_line("behind", "it has messages to forward");
    } else {
        explain_line(
            "behind", "%" PRIu64 " message%s%s%s%s", count,
            count == 1 ? "" : "s", ms > 0 ? ", the oldest one received " : "",
            ms > 0 ? human_duration(ms, text) : "", ms > 0 ? " ago" : "");
    }
}

static void print_outlet(const struct subject *subject)
{
    const struct json_tree *outlet =
        json_tree_member(subject->detail, "outlet");
    char text[EXPLAIN_TIME_SIZE];
    bool is_closed =
        strcmp(text_or(json_tree_text(outlet, "state"), ""), "closed") == 0;
    uint64_t next_ms = json_tree_time(outlet, "next_at");
    char hint[COMMAND_HINT_SIZE];
    uint64_t dead_count = json_tree_count(outlet, "dead_letters_total");
    printf("outlet %s (%s, from inbox %s) %s\n", subject->name,
           text_or(json_tree_text(outlet, "type"), "?"),
           text_or(json_tree_text(outlet, "inbox"), "?"),
           verb_of(json_tree_text(outlet, has_health(outlet, "ok") ? "health"
                                                                   : "state")));
    tell_since(subject, outlet);
    explain_line("cause", "%s", text_or(json_tree_text(outlet, "cause"), ""));
    if (json_tree_time(outlet, "last_success_at") != 0) {
        tell_success(subject, outlet, "delivered");
    }
    if (next_ms != 0) {
        explain_line("next", "it is tried again; at %s",
                     explain_time(next_ms, subject->now_ms, text));
    }
    if (!is_closed) {
        tell_lag(outlet);
    }
    tell_lanes(subject);
    if (dead_count > 0) {
        explain_line("dead",
                     "%" PRIu64 " dead letters since the process started",
                     dead_count);
        explain_command("  look", command_hint(hint,
                                               "dead-letters list "
                                               "--outlet",
                                               subject->name, NULL));
    }
    tell_advice(subject, outlet_advice(subject));
    explain_transitions(json_tree_member(subject->detail, "transitions"));
}

/* JSON: what the API says, and the advice */

static enum exit_code print_json(const struct subject *subject,
                                 const struct advice *advice)
{
    struct json_writer json = {0};
    char hint[COMMAND_HINT_SIZE];
    const char *command;
    json_object(&json, NULL);
    json_bool(&json, "running", true);
    json_tree_write(subject->detail, &json, "detail");
    if (subject->server != NULL) {
        json_tree_write(json_tree_member(subject->server, "server"), &json,
                        "server");
    }
    json_text(&json, "advice", advice != NULL ? advice->text : NULL);
    json_array(&json, "commands");
    for (size_t i = 0; advice != NULL &&
                       (command = command_at(subject, advice, i, hint)) != NULL;
         i++) {
        json_text(&json, NULL, command);
    }
    json_array_end(&json);
    json_object_end(&json);
    json_end_line(&json);
    bool is_printed = json_writer_print(&json, stdout) == 0;
    json_writer_free(&json);
    return is_printed ? EXIT_CODE_FINE : EXIT_CODE_FAILED;
}

/* The command */

static enum exit_code explain_queue(struct subject *subject)
{
    char server[HAPLO_NAME_SIZE_MAX + 1];
    size_t size = strcspn(subject->name, "/");
    enum exit_code code =
        ask(subject, "queues", subject->name, &subject->detail);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    snprintf(server, sizeof server, "%.*s", (int)size, subject->name);
    (void)ask(subject, "servers", server, &subject->server); /* or without */
    if (subject->is_json) {
        return print_json(subject, queue_advice(subject));
    }
    print_queue(subject);
    return EXIT_CODE_FINE;
}

static enum exit_code explain_outlet(struct subject *subject)
{
    enum exit_code code =
        ask(subject, "outlets", subject->name, &subject->detail);
    if (code == EXIT_CODE_FINE && subject->is_json) {
        return print_json(subject, outlet_advice(subject));
    }
    if (code == EXIT_CODE_FINE) {
        print_outlet(subject);
    }
    return code;
}

enum exit_code explain_object(const struct command_options *options,
                              const char *name)
{
    struct subject subject = {.name = name, .is_json = options->is_json};
    struct config *config;
    log_open(options->is_verbose, false);
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    subject.config = config;
    code = ask_time(&subject);
    if (code == EXIT_CODE_FINE) {
        code = strchr(name, '/') != NULL ? explain_queue(&subject)
                                         : explain_outlet(&subject);
    }
    if (code == EXIT_CODE_NOT_RUNNING) {
        code = exit_code_worse(
            explain_stored(options, config, name, subject.why), code);
    } else if (code == EXIT_CODE_USAGE && strchr(name, '/') == NULL) {
        log_line(LOG_LEVEL_ERROR,
                 "explain takes a code such as HP0201, SERVER/QUEUE or an "
                 "outlet, and the running process has no %s",
                 name);
    } else if (code != EXIT_CODE_FINE) {
        log_line(LOG_LEVEL_ERROR, "explain %s: %s", name, subject.why);
    }
    json_tree_free(subject.detail);
    json_tree_free(subject.server);
    config_free(config);
    return code;
}
