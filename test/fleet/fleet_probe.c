/*
 * fleet_probe.c - a host of a fleet for tests: an inbox in PostgreSQL, driven
 * by lines on standard input, each answered by a line of JSON.
 *
 *   fleet-probe CONNINFO NAME INSTANCE TTL_MS GRACE_MS LIMIT_MS [CHANNEL]
 *
 *   join | renew TERM MOVE... | leave TERM MOVE...
 *       A request; MOVE is SLOT:TERM:HOST, or SLOT:TERM:- for nobody.
 *   open SERVER QUEUE | state SERVER QUEUE | refresh SERVER...
 *       Queues of the inbox, and their states in hexadecimal digits.
 *   outlet NAME START_MS | lanes SLOT...
 *       The stored progress of an outlet; the lanes of these slots that have
 *       messages for it, and how often it was woken so far.
 *   failed SITE SAME_AS COUNT | cleared SITE COUNT | refused SERVER QUEUE |
 *   worked SERVER QUEUE | pause SERVER QUEUE BY REASON | resume SERVER QUEUE
 *       What hosts tell each other. A reply has it if it has changed.
 *   view | drain HOST | undrain HOST
 *       What commands do; these block.
 *   run | stop | stop-now
 *       The product's fleet from now on; what it does with slots is written,
 *       with the time of the machine. It leaves.
 *   close
 *       Closes the inbox; the process ends.
 *
 * It ends with its standard input.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "base/boot_clock.h"
#include "fleet/fleet.h"
#include "inbox/inbox_fleet.h"
#include "inbox/postgres/postgres_inbox.h"
#include "must.h"

#define WORD_COUNT_MAX 1100

static struct postgres_inbox_options own = {.schema = "haplo",
                                            .timeout_ms = 60000};
static uv_loop_t *loop;
static struct inbox *inbox;
static struct inbox_fleet_host self;
static struct fleet_policy policy;
static struct inbox_fleet_request request;
static struct fleet_move moves[WORD_COUNT_MAX];
static struct inbox_refresh refresh;
static const char *servers[WORD_COUNT_MAX];
static struct fleet fleet;
static bool is_running; /* the product's fleet, which has been started */
static uv_timer_t timer;
static uv_pipe_t input;
static char line[1 << 16];
static size_t line_size;

/* Output */

static void print_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }
        putchar(*text);
    }
    putchar('"');
}

static void print_error(const char *event, int error, const char *why)
{
    printf("{\"event\":\"%s\",\"error\":\"%s\",\"why\":", event,
           error == 0 ? "" : haplo_error_name(error));
    print_text(why);
}

static void print_tables(const struct fleet_member *members, size_t count,
                         const struct inbox_fleet_detail *details,
                         const struct fleet_slot *slots)
{
    printf(",\"members\":[");
    for (size_t i = 0; i < count; i++) {
        const struct fleet_member *member = &members[i];
        const struct inbox_fleet_detail *detail = &details[i];

        printf("%s{\"host\":\"%s\",\"term\":%" PRIu64 ",\"left_ms\":%" PRId64
               ",\"weight\":%u,\"is_draining\":%s,\"version\":\"%s\","
               "\"digest\":\"%s\",\"joined_at\":%" PRIu64
               ",\"renewed_at\":%" PRIu64 "}",
               i > 0 ? "," : "", member->host, member->term, member->left_ms,
               member->weight, member->is_draining ? "true" : "false",
               detail->version, detail->digest, detail->joined_at_ms,
               detail->renewed_at_ms);
    }
    printf("],\"slots\":[");
    for (size_t i = 0; i < FLEET_SLOT_COUNT; i++) {
        const struct fleet_slot *slot = &slots[i];

        printf("%s[", i > 0 ? "," : "");
        print_text(slot->owner == FLEET_NOBODY ? ""
                                               : members[slot->owner].host);
        printf(",%" PRIu64 "]", slot->term);
    }
    printf("]");
}

static void print_name(const char *before, const char *name)
{
    printf("%s", before);
    print_text(name);
}

static void print_shared(const struct inbox_shared *shared)
{
    printf(",\"logins\":{");
    for (size_t i = 0; i < shared->login_count; i++) {
        const struct inbox_shared_logins *logins = &shared->logins[i];

        print_name(i > 0 ? "," : "", logins->site);
        print_name(":[", logins->same_as == NULL ? "" : logins->same_as);
        printf(",%" PRIu64 ",%" PRIu64 "]", logins->count, logins->age_ms);
    }
    printf("},\"keys\":[");
    for (size_t i = 0; i < shared->key_count; i++) {
        print_name(i > 0 ? ",[" : "[", shared->keys[i].server);
        print_name(",", shared->keys[i].queue);
        printf("]");
    }
    printf("],\"pauses\":[");
    for (size_t i = 0; i < shared->pause_count; i++) {
        const struct inbox_shared_pause *pause = &shared->pauses[i];

        print_name(i > 0 ? ",[" : "[", pause->server);
        print_name(",", pause->queue);
        print_name(",", pause->by);
        print_name(",", pause->reason);
        printf(",%" PRIu64 "]", pause->at_ms);
    }
    printf("]");
}

static void print_reply(const struct fleet_reply *reply)
{
    printf(",\"is_member\":%s,\"term\":%" PRIu64 ",\"moved\":%" PRIu64
           ",\"refused\":%" PRIu64,
           reply->is_member ? "true" : "false", reply->term,
           request.moved_count, request.refused_count);
    print_tables(reply->members, reply->member_count, request.details,
                 reply->slots);
    if (request.shared != NULL) {
        print_shared(request.shared);
        request.shared_version = request.found_version;
    }
}

static void end_line(void)
{
    printf("}\n");
    fflush(stdout);
}

/* The fleet */

static void plan(void);

static void on_tick(uv_timer_t *handle)
{
    (void)handle;
    fleet_tick(&fleet, boot_clock_ms());
    plan();
}

static void plan(void)
{
    uint64_t now_ms = boot_clock_ms();
    uint64_t due_ms = fleet_due_ms(&fleet);

    if (fleet.state == FLEET_LEFT) {
        print_error("left", 0, "");
        end_line();
    }
    if (due_ms != FLEET_NEVER) {
        MUST(uv_timer_start(&timer, on_tick,
                            due_ms > now_ms ? due_ms - now_ms : 0, 0) == 0);
    }
}

static void on_replied(struct inbox_fleet_request *done, int error,
                       const char *why)
{
    (void)done;
    if (!is_running) {
        print_error("reply", error, why);
        if (error == 0) {
            print_reply(&request.reply);
        }
        end_line();
        return;
    }
    if (error == 0) {
        fleet_replied(&fleet, boot_clock_ms(), &request.reply);
    } else {
        fleet_failed(&fleet, boot_clock_ms());
    }
    print_error("asked", error, why);
    printf(",\"at\":%" PRIu64 ",\"deadline\":%" PRIu64, boot_clock_ms(),
           fleet.deadline_ms);
    end_line();
    plan();
}

static void ask(const struct fleet_request *what)
{
    request.ask = *what;
    MUST(inbox_fleet_ask(inbox, &request) == 0);
}

static void on_ask(void *data, const struct fleet_request *what)
{
    (void)data;
    ask(what);
}

static void tell(const char *event, unsigned slot)
{
    print_error(event, 0, "");
    printf(",\"slot\":%u,\"at\":%" PRIu64, slot, boot_clock_ms());
    end_line();
}

static void on_gain(void *data, unsigned slot)
{
    (void)data;
    tell("gain", slot);
}

/* Nothing is ever under way here. */
static uv_timer_t drained;

static void on_drained(uv_timer_t *handle)
{
    (void)handle;
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        if (fleet.slot_states[slot] == FLEET_SLOT_DRAINING) {
            fleet_drained(&fleet, boot_clock_ms(), slot);
        }
    }
    plan();
}

static void on_drain(void *data, unsigned slot)
{
    (void)data;
    tell("drain", slot);
    MUST(uv_timer_start(&drained, on_drained, 0, 0) == 0);
}

static void on_lose(void *data, unsigned slot)
{
    (void)data;
    tell("lose", slot);
}

static const struct fleet_calls calls = {
    .ask_cb = on_ask,
    .gain_cb = on_gain,
    .drain_cb = on_drain,
    .lose_cb = on_lose,
};

static void run_fleet(void)
{
    MUST(fleet_init(&fleet, &policy, &calls, NULL, self.name) == 0);
    is_running = true;
    fleet_tick(&fleet, boot_clock_ms());
    plan();
}

/* What hosts tell each other */

static struct inbox_shared_write writing;
static struct inbox_change change;

static void on_written(struct inbox_shared_write *write, int error,
                       const char *why)
{
    (void)write;
    print_error("written", error, why);
    end_line();
}

static void write_change(enum inbox_change_kind kind)
{
    change.kind = kind;
    writing = (struct inbox_shared_write){
        .changes = &change, .change_count = 1, .written_cb = on_written};
    MUST(inbox_shared_write(inbox, &writing) == 0);
}

static void write_logins(enum inbox_change_kind kind, const char *site,
                         const char *same_as, const char *count)
{
    change.logins = (struct inbox_shared_logins){
        .site = strdup(site),
        .same_as = strcmp(same_as, "-") == 0 ? NULL : strdup(same_as),
        .count = strtoull(count, NULL, 10),
    };
    write_change(kind);
}

static void write_queue(enum inbox_change_kind kind, char **words)
{
    bool is_pause = kind == INBOX_QUEUE_PAUSED;

    change.logins.site = NULL;
    change.pause = (struct inbox_shared_pause){
        .server = strdup(words[1]),
        .queue = strdup(words[2]),
        .by = is_pause ? strdup(words[3]) : NULL,
        .reason = is_pause ? strdup(words[4]) : NULL,
        .at_ms = 1234,
    };
    write_change(kind);
}

/* False if it is no such command. */
static bool obey_change(char **words)
{
    static const char *const kinds[] = {
        [INBOX_KEY_REFUSED] = "refused",
        [INBOX_KEY_WORKED] = "worked",
        [INBOX_QUEUE_PAUSED] = "pause",
        [INBOX_QUEUE_RESUMED] = "resume",
    };

    if (strcmp(words[0], "failed") == 0) {
        write_logins(INBOX_LOGINS_FAILED, words[1], words[2], words[3]);
        return true;
    }
    if (strcmp(words[0], "cleared") == 0) {
        write_logins(INBOX_LOGINS_CLEARED, words[1], "-", words[2]);
        return true;
    }
    for (size_t i = INBOX_KEY_REFUSED; i <= INBOX_QUEUE_RESUMED; i++) {
        if (strcmp(words[0], kinds[i]) == 0) {
            write_queue((enum inbox_change_kind)i, words);
            return true;
        }
    }
    return false;
}

/* Commands */

static void view(void)
{
    static struct inbox_fleet_view tables;
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    int error =
        inbox_fleet_view(&inbox_postgres_type, &own, &tables, why, sizeof why);

    print_error("view", error, why);
    if (error == 0) {
        printf(",\"now\":%" PRIu64, tables.now_ms);
        print_tables(tables.members, tables.member_count, tables.details,
                     tables.slots);
        inbox_fleet_view_free(&tables);
    }
    end_line();
}

static void drain_host(const char *host, bool is_draining)
{
    char text[HAPLO_TEXT_SIZE_MAX];
    int error = inbox_fleet_drain(&inbox_postgres_type, &own, host, is_draining,
                                  text, sizeof text);

    print_error("told", error, text);
    end_line();
}

/* Queues */

static void print_state(const char *server, const char *queue)
{
    struct haplo_slice state = inbox_stored_state(inbox, server, queue);

    print_error("state", 0, "");
    printf(",\"state\":\"");
    for (size_t i = 0; i < state.size; i++) {
        printf("%02x", (unsigned char)state.data[i]);
    }
    printf("\"");
    end_line();
}

static void on_refreshed(struct inbox_refresh *done, int error, const char *why)
{
    (void)done;
    print_error("refreshed", error, why);
    end_line();
}

/* Outlets */

static struct inbox_outlet *outlet;
static bool slots[FLEET_SLOT_COUNT]; /* that lanes were asked for */
static unsigned woken_count;

static void on_outlet(struct inbox_outlet *opened, int error, const char *why,
                      void *data)
{
    (void)data;
    outlet = opened;
    print_error("outlet", error, why);
    printf(",\"is_new\":%s", error == 0 && outlet->is_new ? "true" : "false");
    end_line();
}

static void on_lanes(struct inbox_outlet *asked, int error, const char *why,
                     const struct inbox_deferred_lane *lanes, size_t count,
                     void *data)
{
    (void)asked;
    (void)data;
    print_error("lanes", error, why);
    printf(",\"woken\":%u,\"lanes\":[", woken_count);
    for (size_t i = 0; i < count; i++) {
        printf("%s[\"%s\",\"%s\"]", i > 0 ? "," : "", lanes[i].server,
               lanes[i].queue);
    }
    printf("]");
    end_line();
}

static void ask_lanes(char **words, size_t count)
{
    memset(slots, 0, sizeof slots);
    for (size_t i = 1; i < count; i++) {
        slots[strtoul(words[i], NULL, 10)] = true;
    }
    MUST(inbox_outlet_lanes(outlet, slots, on_lanes, NULL) == 0);
}

/* Of what this process stores, it would be told which queue has it. */
static void on_stored(struct inbox *changed, const struct inbox_queue *queue,
                      uint64_t last_arrival, size_t count, void *data)
{
    (void)changed;
    (void)last_arrival;
    (void)count;
    (void)data;
    woken_count += queue == NULL;
}

/* Input */

static void on_closed(void *data)
{
    (void)data;
    exit(0);
}

static struct fleet_move read_move(char *word)
{
    char *term = strchr(word, ':');
    char *to;

    MUST(term != NULL);
    to = strchr(term + 1, ':');
    MUST(to != NULL);
    return (struct fleet_move){
        .slot = (unsigned)strtoul(word, NULL, 10),
        .term = strtoull(term + 1, NULL, 10),
        .to = strcmp(to + 1, "-") == 0 ? NULL : to + 1,
    };
}

static void send_request(enum fleet_request_kind kind, char **words,
                         size_t count)
{
    size_t move_count = count > 2 ? count - 2 : 0;

    for (size_t i = 0; i < move_count; i++) {
        moves[i] = read_move(words[i + 2]);
    }
    ask(&(struct fleet_request){
        .kind = kind,
        .term = count > 1 ? strtoull(words[1], NULL, 10) : 0,
        .moves = moves,
        .move_count = move_count,
    });
}

static void start_refresh(char **words, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        servers[i - 1] = strdup(words[i]);
    }
    refresh = (struct inbox_refresh){.servers = servers,
                                     .server_count = count - 1,
                                     .refreshed_cb = on_refreshed};
    MUST(inbox_refresh_start(inbox, &refresh) == 0);
}

static void obey(char **words, size_t count)
{
    struct inbox_queue *queue;

    if (obey_change(words)) {
        return;
    }
    if (strcmp(words[0], "join") == 0) {
        send_request(FLEET_JOIN, words, count);
    } else if (strcmp(words[0], "renew") == 0) {
        send_request(FLEET_RENEW, words, count);
    } else if (strcmp(words[0], "leave") == 0) {
        send_request(FLEET_LEAVE, words, count);
    } else if (strcmp(words[0], "run") == 0) {
        run_fleet();
    } else if (strcmp(words[0], "stop") == 0) {
        fleet_leave(&fleet, boot_clock_ms());
        plan();
    } else if (strcmp(words[0], "stop-now") == 0) {
        fleet_leave_now(&fleet, boot_clock_ms());
        plan();
    } else if (strcmp(words[0], "outlet") == 0) {
        MUST(inbox_outlet_open(inbox, words[1], strtoull(words[2], NULL, 10),
                               on_outlet, NULL) == 0);
    } else if (strcmp(words[0], "lanes") == 0) {
        ask_lanes(words, count);
    } else if (strcmp(words[0], "view") == 0) {
        view();
    } else if (strcmp(words[0], "drain") == 0) {
        drain_host(words[1], true);
    } else if (strcmp(words[0], "undrain") == 0) {
        drain_host(words[1], false);
    } else if (strcmp(words[0], "open") == 0) {
        MUST(inbox_queue_open(inbox, words[1], words[2], &queue) == 0);
        print_state(words[1], words[2]);
    } else if (strcmp(words[0], "state") == 0) {
        print_state(words[1], words[2]);
    } else if (strcmp(words[0], "refresh") == 0) {
        start_refresh(words, count);
    } else {
        MUST(strcmp(words[0], "close") == 0);
        inbox_close(inbox, on_closed, NULL);
    }
}

static void obey_line(char *text)
{
    char *words[WORD_COUNT_MAX];
    size_t count = 0;

    for (char *word = strtok(text, " "); word != NULL;
         word = strtok(NULL, " ")) {
        MUST(count < WORD_COUNT_MAX);
        words[count++] = word;
    }
    obey(words, count);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer =
        uv_buf_init(line + line_size, (unsigned)(sizeof line - line_size));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    char *end;

    (void)stream;
    (void)buffer;
    if (size < 0) {
        _exit(0);
    }
    line_size += (size_t)size;
    while ((end = memchr(line, '\n', line_size)) != NULL) {
        size_t taken = (size_t)(end - line) + 1;

        *end = '\0';
        obey_line(line);
        line_size -= taken;
        memmove(line, line + taken, line_size);
    }
}

static void on_opened(struct inbox *opened, int error, const char *why,
                      void *data)
{
    (void)data;
    inbox = opened;
    print_error("open", error, why);
    end_line();
    if (error == 0) {
        inbox_listen(inbox, on_stored, NULL);
        MUST(uv_read_start((uv_stream_t *)&input, on_allocate, on_read) == 0);
    }
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
    struct inbox_options options = {
        .name = "inbox", .type = &inbox_postgres_type, .type_options = &own};

    MUST(argc == 7 || argc == 8);
    own.conninfo = argv[1];
    own.notify = argv[7];
    self = (struct inbox_fleet_host){.name = argv[2],
                                     .instance = argv[3],
                                     .version = "1.0",
                                     .digest = "d1",
                                     .weight = 100};
    policy = (struct fleet_policy){
        .ttl_ms = number(argv[4]),
        .renew_ms = number(argv[4]) / 6,
        .soon_ms = number(argv[4]) / 30,
        .retry_ms = number(argv[4]) / 30,
        .margin_ms = number(argv[4]) / 6,
        .grace_ms = number(argv[5]),
        .jitter_ms = number(argv[4]) / 6,
        .moves_per_s = 500,
    };
    request.host = &self;
    request.policy = &policy;
    request.limit_ms = number(argv[6]);
    request.replied_cb = on_replied;
    loop = uv_default_loop();
    MUST(uv_timer_init(loop, &timer) == 0);
    MUST(uv_timer_init(loop, &drained) == 0);
    MUST(uv_pipe_init(loop, &input, 0) == 0);
    MUST(uv_pipe_open(&input, 0) == 0);
    MUST(inbox_open(loop, &options, on_opened, NULL) != NULL);
    return uv_run(loop, UV_RUN_DEFAULT) == 0 ? 0 : 1;
}
