/*
 * receipt.c - one message, as an inbox, its replays and the configuration know
 * it.
 *
 *   - The inbox says when it was fetched, stored and marked, how far each
 *     outlet has got, and what it has refused.
 *   - The configuration says which outlets take it.
 *   - The replays say what was sent again.
 *   - Where the message is not any more, what is known is told instead: purged,
 *     with time and reason, or deleted.
 */
#include "daemon/commands/receipt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/commands/receipt_writer.h"
#include "daemon/log/log.h"
#include "outlets/preview.h"

struct receipt {
    struct inbox_reading *reading; /* borrowed; its current inbox has it */
    struct inbox_find find;        /* which message */
    struct receipt_writer writer;  /* prints what is known */
    enum inbox_trace_state state;  /* what became of it */
    uint64_t received_at_ms;       /* when it was fetched */
    char queue[INBOX_REPLAY_QUEUE_SIZE]; /* "server/queue" */
    bool *is_wanted;                     /* owned; by each outlet of the
                                            configuration, as it is now */
    bool *is_seen;                       /* owned; each outlet has a row */
    bool is_failed;                      /* memory ran out */
};

static const struct config_outlet *outlet_at(const struct receipt *receipt,
                                             size_t index)
{
    return &receipt->reading->config->outlets[index];
}

/* The index of an outlet of this inbox; outlet_count: not configured. */
static size_t outlet_index(const struct receipt *receipt, const char *name)
{
    size_t count = receipt->reading->config->outlet_count;
    size_t i = 0;
    while (i < count &&
           (outlet_at(receipt, i)->inbox != receipt->reading->inbox ||
            strcmp(outlet_at(receipt, i)->forward.name, name) != 0)) {
        i++;
    }
    return i;
}

/* The message */

static void note_wanted(struct receipt *receipt,
                        const struct inbox_message *message)
{
    for (size_t i = 0; i < receipt->reading->config->outlet_count; i++) {
        struct preview *preview = preview_new(&outlet_at(receipt, i)->forward);
        int accepts =
            preview == NULL ? HAPLO_ENOMEM : preview_accepts(preview, message);
        receipt->is_failed |= accepts < 0;
        receipt->is_wanted[i] = accepts > 0;
        if (preview != NULL) {
            preview_free(preview);
        }
    }
}

/* An identity may also be that of a batch, which has the arrival of its first
 * message. */
static void check_identity(const struct receipt *receipt,
                           const struct inbox_message *message)
{
    if (receipt->find.uuid[0] != '\0' && receipt->find.hash != message->hash) {
        log_line(LOG_LEVEL_WARNING,
                 "this is not the identity of message %" PRIu64
                 ": maybe that of a parcel which begins with it",
                 message->arrival);
    }
}

static void take_stored(struct receipt *receipt, const struct inbox_trace *row)
{
    receipt->received_at_ms = row->message.received_at_ms;
    check_identity(receipt, &row->message);
    snprintf(receipt->queue, sizeof receipt->queue, "%s/%s",
             row->message.server, row->message.queue);
    note_wanted(receipt, &row->message);
}

static void on_trace(const struct inbox_trace *row, void *data)
{
    struct receipt *receipt = data;
    receipt->state = row->state;
    if (row->state == INBOX_TRACE_STORED) {
        take_stored(receipt, row);
    }
    receipt_writer_message(&receipt->writer, receipt->reading->inbox->name,
                           row);
}

/* Outlets */

/* "beginning" is the default. */
static bool begins_late(const struct config_outlet *config)
{
    return config->forward.start != NULL &&
           strcmp(config->forward.start, "beginning") != 0;
}

static bool on_outlet(const struct inbox_trace_outlet *row, void *data)
{
    struct receipt *receipt = data;
    size_t index = outlet_index(receipt, row->name);
    bool is_configured = index < receipt->reading->config->outlet_count;
    const struct trace_outlet outlet = {
        .row = row,
        .name = row->name,
        .is_configured = is_configured,
        .is_wanted = is_configured && receipt->is_wanted[index],
        .is_late = is_configured && begins_late(outlet_at(receipt, index)),
    };
    if (receipt->state != INBOX_TRACE_STORED) {
        return false;
    }
    if (is_configured) {
        receipt->is_seen[index] = true;
    }
    receipt_writer_outlet(&receipt->writer, &outlet);
    return true;
}

/* Those that have not begun. */
static void tell_new_outlets(struct receipt *receipt)
{
    for (size_t i = 0; i < receipt->reading->config->outlet_count; i++) {
        const struct trace_outlet outlet = {
            .name = outlet_at(receipt, i)->forward.name,
            .is_configured = true,
            .is_wanted = receipt->is_wanted[i],
        };
        if (outlet_at(receipt, i)->inbox == receipt->reading->inbox &&
            !receipt->is_seen[i]) {
            receipt_writer_outlet(&receipt->writer, &outlet);
        }
    }
}

/* Replays */

/* True if the replay has come to the message, or will. A dead letter that was
 * delivered is not recorded as one. */
static bool concerns(const struct receipt *receipt,
                     const struct inbox_replay *replay)
{
    const struct inbox_filter filter = {.queue = replay->queue,
                                        .since_ms = replay->since_ms,
                                        .until_ms = replay->until_ms};
    const char *slash = strchr(receipt->queue, '/');
    char server[sizeof receipt->queue];
    size_t index = outlet_index(receipt, replay->outlet);
    if (index == receipt->reading->config->outlet_count ||
        replay->is_of_letters || !receipt->is_wanted[index] ||
        replay->last < receipt->find.arrival) {
        return false;
    }
    snprintf(server, sizeof server, "%.*s", (int)(slash - receipt->queue),
             receipt->queue);
    return inbox_filter_takes_queue(&filter, server, slash + 1) &&
           inbox_filter_takes_time(&filter, receipt->received_at_ms) &&
           (replay->state != INBOX_REPLAY_STOPPED ||
            replay->cursor >= receipt->find.arrival);
}

static bool on_replay(const struct inbox_replay *replay, void *data)
{
    struct receipt *receipt = data;
    bool is_done = replay->cursor >= receipt->find.arrival ||
                   replay->state == INBOX_REPLAY_DONE;
    if (concerns(receipt, replay)) {
        receipt_writer_replay(&receipt->writer, replay, is_done);
    }
    return true;
}

/* The receipt */

static enum exit_code view_message(struct receipt *receipt)
{
    struct inbox_view view = {
        .filter = receipt->reading->selection.filter,
        .trace_cb = on_trace,
        .trace_outlet_cb = on_outlet,
        .data = receipt,
    };
    view.filter.arrival = receipt->find.arrival;
    enum exit_code code = inbox_reading_view(receipt->reading, &view);
    if (code == EXIT_CODE_FINE && receipt->state == INBOX_TRACE_STORED) {
        tell_new_outlets(receipt);
    }
    return code;
}

static enum exit_code view_replays(struct receipt *receipt)
{
    const struct inbox_view view = {
        .filter = receipt->reading->selection.filter,
        .replay_cb = on_replay,
        .data = receipt,
    };
    receipt_writer_replays(&receipt->writer);
    return receipt->state == INBOX_TRACE_STORED
               ? inbox_reading_view(receipt->reading, &view)
               : EXIT_CODE_FINE;
}

/* What is not there is told, but is no success for a script. */
static enum exit_code result(const struct receipt *receipt, enum exit_code code)
{
    if (receipt->is_failed) {
        return exit_code_worse(code, inbox_reading_no_memory());
    }
    return exit_code_worse(code, receipt->state == INBOX_TRACE_STORED
                                     ? EXIT_CODE_FINE
                                     : EXIT_CODE_FAILED);
}

static enum exit_code print_receipt(struct receipt *receipt, bool is_json)
{
    receipt_writer_begin(&receipt->writer, is_json);
    enum exit_code code = view_message(receipt);
    if (code == EXIT_CODE_FINE) {
        code = view_replays(receipt);
    }
    receipt->is_failed |=
        receipt_writer_end(&receipt->writer, code == EXIT_CODE_FINE) != 0;
    return result(receipt, code);
}

enum exit_code receipt_print(struct inbox_reading *reading,
                             const struct inbox_find *find, bool is_json)
{
    size_t count = reading->config->outlet_count + 1;
    struct receipt receipt = {
        .reading = reading,
        .find = *find,
        .is_wanted = calloc(count, sizeof(bool)),
        .is_seen = calloc(count, sizeof(bool)),
    };
    enum exit_code code = receipt.is_wanted == NULL || receipt.is_seen == NULL
                              ? inbox_reading_no_memory()
                              : print_receipt(&receipt, is_json);
    free(receipt.is_wanted);
    free(receipt.is_seen);
    return code;
}
