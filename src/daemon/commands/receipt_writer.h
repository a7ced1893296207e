/*
 * receipt_writer.h - how a receipt looks: a table with a row for each event, or
 * one line of JSON. First the message, then outlets, then replays.
 */
#ifndef DAEMON_RECEIPT_WRITER_H
#define DAEMON_RECEIPT_WRITER_H

#include <stdbool.h>

#include "daemon/commands/trace_story.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/table.h"
#include "daemon/text/terminal.h"
#include "inbox/inbox_replay.h"

struct receipt_writer {
    bool is_json;             /* one line of JSON instead of a table */
    struct terminal terminal; /* of the table */
    struct table table;       /* a row for each event */
    struct json_writer json;  /* the line */
};

/* For standard output. receipt_writer_end() must follow. */
void receipt_writer_begin(struct receipt_writer *writer, bool is_json);

/* The message itself, or what became of it. */
void receipt_writer_message(struct receipt_writer *writer, const char *inbox,
                            const struct inbox_trace *row);

void receipt_writer_outlet(struct receipt_writer *writer,
                           const struct trace_outlet *outlet);

/* No outlets follow, but replays. */
void receipt_writer_replays(struct receipt_writer *writer);

/* is_done: it has passed the message. */
void receipt_writer_replay(struct receipt_writer *writer,
                           const struct inbox_replay *replay, bool is_done);

/* Prints what is not printed yet. is_whole: nothing is missing; otherwise no
 * JSON is printed. Returns 0, or HAPLO_E* if memory ran out. */
int receipt_writer_end(struct receipt_writer *writer, bool is_whole);

#endif
