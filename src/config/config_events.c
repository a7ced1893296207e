/*
 * config_events.c - turns the file into events. libyaml parses it, one event
 * at a time:
 *
 *   - Events of the stream and the document are checked and dropped. A second
 *     document is an error.
 *   - While a node with an anchor is open, its events are recorded.
 *   - An alias replays the events recorded under its name. A replay inside
 *     another anchored node is recorded as well, so a recording never contains
 *     an alias.
 *
 * Recording and replaying are limited, because a short file can ask for
 * billions of events. The first error ends the stream.
 */
#include "config/config_events.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "base/errno_reason.h"
#include "base/name_table.h"

#define RECORDED_MAX 262144  /* events */
#define REPLAYED_MAX 2097152 /* events; enough for 350,000 queues */

/* A name for a node. */
struct anchor {
    struct anchor *next;  /* in the list of all, which owns it */
    struct anchor *outer; /* the open one that contains it, or NULL */
    size_t first;         /* index of its first recorded event */
    size_t count;         /* number of events; 0: its node is open */
    int depth;            /* its node is open at greater depths */
    char name[];          /* as in the file, without the "&" */
};

struct config_events {
    yaml_parser_t parser;           /* of libyaml */
    int fd;                         /* borrowed; the file */
    uint16_t file;                  /* its index, for positions */
    size_t size;                    /* bytes read so far */
    int read_error;                 /* errno, or 0 */
    int depth;                      /* open lists and mappings */
    struct config_place file_place; /* position of the newest libyaml event */
    int document_count;             /* documents begun */
    bool has_ended;                 /* no more events */
    bool has_failed;                /* it ended with an error */
    char *error;                    /* owned; NULL: out of memory */
    enum diagnostic_code code;      /* of the error */
    struct config_place place;      /* position of the error */
    struct config_event *recorded;  /* owned */
    size_t recorded_count;          /* number of recorded events */
    size_t recorded_capacity;       /* allocated */
    struct anchor *anchors;         /* list of all */
    struct anchor *open;            /* innermost one with an open node */
    struct name_table names;        /* the anchors by name */
    size_t replay_next;             /* next event to replay */
    size_t replay_end;              /* end of the replay */
    size_t replayed_count;          /* events replayed so far */
};

static const char *anchor_name(const void *anchor)
{
    return ((const struct anchor *)anchor)->name;
}

static uint16_t column_of(size_t column)
{
    return (uint16_t)(column < UINT16_MAX ? column : UINT16_MAX);
}

static struct config_place place_of(const struct config_events *events,
                                    const yaml_mark_t *mark)
{
    return (struct config_place){(uint32_t)mark->line + 1,
                                 column_of(mark->column + 1), events->file};
}

/* Ends the stream with an error. Returns -1. */
__attribute__((format(printf, 4, 5))) static int events_fail(
    struct config_events *events, enum diagnostic_code code,
    struct config_place place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&events->error, format, arguments) < 0) {
        events->error = NULL;
    }
    va_end(arguments);
    events->has_ended = true;
    events->has_failed = true;
    events->code = code;
    events->place = place;
    return -1;
}

static int memory_fail(struct config_events *events)
{
    events->code = HP_NO_MEMORY;
    events->has_ended = true;
    events->has_failed = true;
    return -1;
}

/* The read handler of libyaml. */
static int file_read(void *data, unsigned char *buffer, size_t size,
                     size_t *size_read)
{
    struct config_events *events = data;
    ssize_t count;
    do {
        count = read(events->fd, buffer, size);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        events->read_error = errno;
        return 0;
    }
    *size_read = (size_t)count;
    events->size += (size_t)count;
    return events->size <= CONFIG_FILE_SIZE_MAX;
}

/* A read error has no position, only an offset in bytes. So the file is read
 * again up to there, if possible. */
static struct config_place place_at(const struct config_events *events,
                                    size_t offset)
{
    unsigned char bytes[4096];
    size_t column = 1;
    struct config_place place = {.line = 1, .file = events->file};
    for (size_t done = 0; done < offset;) {
        size_t left = offset - done;
        ssize_t count =
            pread(events->fd, bytes, left < sizeof bytes ? left : sizeof bytes,
                  (off_t)done);
        if (count <= 0) {
            return (struct config_place){.file = events->file};
        }
        for (ssize_t i = 0; i < count; i++) {
            /* Do not count continuation bytes as columns. */
            column += (bytes[i] & 0xc0) != 0x80;
            if (bytes[i] == '\n') {
                place.line++;
                column = 1;
            }
        }
        done += (size_t)count;
    }
    place.column = column_of(column);
    return place;
}

static int reader_fail(struct config_events *events, const char *problem)
{
    const struct config_place whole_file = {.file = events->file};
    if (events->read_error != 0) {
        return events_fail(
            events, HP_FILE_UNREADABLE, whole_file, "cannot be read: %s: %s",
            strerror(events->read_error),
            events->read_error == EISDIR ? "give the path of a file"
                                         : "try again");
    }
    if (events->size > CONFIG_FILE_SIZE_MAX) {
        return events_fail(events, HP_FILE_TOO_LARGE, whole_file,
                           "larger than %d bytes: split it",
                           CONFIG_FILE_SIZE_MAX);
    }
    return events_fail(events, HP_FILE_NOT_TEXT,
                       place_at(events, events->parser.problem_offset),
                       "%s: save the file as UTF-8 text", problem);
}

/* True if something is still open where the file ends: where it begins is more
 * to the point. */
static bool is_unclosed(const yaml_parser_t *parser)
{
    return parser->problem != NULL && parser->context != NULL &&
           strstr(parser->problem, "unexpected end of stream") != NULL;
}

/* What to do about invalid YAML. The parser's own words say where it gave up,
 * which means little to those who write YAML by example. */
static const char *syntax_advice(const yaml_parser_t *parser)
{
    static const struct {
        const char *problem; /* part of the parser's words */
        const char *advice;
    } rows[] = {
        {"unexpected end of stream",
         "it begins here and is never closed: add what closes it"},
        {"found a tab", "indent with blanks, not with tabs"},
        {"found character that cannot start any token",
         "put the text in quotes; indent with blanks, not with tabs"},
        {"mapping values are not allowed",
         "here and in the line above, write a blank behind each colon, "
         "indent the keys of one mapping alike, and put a text with \": \" in "
         "quotes"},
        {"could not find expected ':'",
         "write KEY: VALUE, with a blank behind the colon"},
        {"did not find expected ',' or",
         "close the bracket in front of it, or write a comma between entries"},
        {"did not find expected",
         "indent the keys of one mapping, and the dashes of one list, alike; "
         "close quotes and brackets above"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (parser->problem != NULL &&
            strstr(parser->problem, rows[i].problem) != NULL) {
            return rows[i].advice;
        }
    }
    return "check the indentation (no tabs), colons and quotes here and above";
}

static int syntax_fail(struct config_events *events)
{
    const yaml_parser_t *parser = &events->parser;
    const char *problem = parser->problem ? parser->problem : "invalid YAML";
    switch (parser->error) {
    case YAML_NO_ERROR: /* libyaml sometimes does not set it */
    case YAML_MEMORY_ERROR:
        return memory_fail(events);
    case YAML_READER_ERROR:
        return reader_fail(events, problem);
    default:
        return events_fail(
            events, HP_YAML_SYNTAX,
            place_of(events, is_unclosed(parser) ? &parser->context_mark
                                                 : &parser->problem_mark),
            "%s%s%s: %s", problem, parser->context ? " " : "",
            parser->context ? parser->context : "", syntax_advice(parser));
    }
}

/* Makes room for another recorded event. */
static int recorded_grow(struct config_events *events)
{
    size_t capacity =
        events->recorded_capacity == 0 ? 64 : 2 * events->recorded_capacity;
    struct config_event *larger =
        realloc(events->recorded, capacity * sizeof *larger);
    if (larger == NULL) {
        return memory_fail(events);
    }
    events->recorded = larger;
    events->recorded_capacity = capacity;
    return 0;
}

static int event_record(struct config_events *events,
                        const struct config_event *event)
{
    if (events->recorded_count == RECORDED_MAX) {
        return events_fail(events, HP_ALIAS_FLOOD, events->file_place,
                           "more than %d values have an anchor: write out what "
                           "is large",
                           RECORDED_MAX);
    }
    if (events->recorded_count == events->recorded_capacity &&
        recorded_grow(events) != 0) {
        return -1;
    }
    struct config_event copy = *event;
    if (event->kind == CONFIG_EVENT_VALUE) {
        assert(event->text != NULL);
        copy.text = strdup(event->text);
        if (copy.text == NULL) {
            return memory_fail(events);
        }
    }
    events->recorded[events->recorded_count++] = copy;
    return 0;
}

static int anchor_open(struct config_events *events, const yaml_char_t *text,
                       struct config_place place)
{
    const char *name = (const char *)text;
    size_t size = strlen(name) + 1;
    if (name_table_find(&events->names, name) != NULL) {
        return events_fail(events, HP_ANCHOR_TWICE, place,
                           "this anchor is already defined: give it another "
                           "name");
    }
    struct anchor *anchor = calloc(1, sizeof *anchor + size);
    if (anchor == NULL) {
        return memory_fail(events);
    }
    memcpy(anchor->name, name, size);
    anchor->first = events->recorded_count;
    anchor->depth = events->depth;
    anchor->next = events->anchors;
    anchor->outer = events->open;
    events->anchors = anchor;
    events->open = anchor;
    return name_table_add(&events->names, anchor) == 0 ? 0
                                                       : memory_fail(events);
}

/* Closes the anchors whose nodes are complete. */
static void anchors_close(struct config_events *events)
{
    while (events->open != NULL && events->open->depth == events->depth) {
        events->open->count = events->recorded_count - events->open->first;
        events->open = events->open->outer;
    }
}

static int alias_replay(struct config_events *events, const yaml_event_t *from)
{
    struct config_place place = place_of(events, &from->start_mark);
    const struct anchor *anchor =
        name_table_find(&events->names, (const char *)from->data.alias.anchor);
    if (anchor == NULL || anchor->count == 0) {
        return events_fail(events, HP_ALIAS_UNDEFINED, place,
                           "undefined alias: define it above with &");
    }
    events->replay_next = anchor->first;
    events->replay_end = anchor->first + anchor->count;
    events->replayed_count += anchor->count;
    if (events->replayed_count > REPLAYED_MAX) {
        return events_fail(events, HP_ALIAS_FLOOD, place,
                           "aliases stand for more than %d values: write out "
                           "fewer",
                           REPLAYED_MAX);
    }
    return 0;
}

/* Takes the text from libyaml, which allocates it with malloc(). */
static int value_take(struct config_events *events, yaml_event_t *from,
                      struct config_event *event)
{
    event->kind = CONFIG_EVENT_VALUE;
    event->text = (char *)from->data.scalar.value;
    from->data.scalar.value = NULL;
    if (memchr(event->text, '\0', from->data.scalar.length) != NULL) {
        free(event->text);
        return events_fail(events, HP_FILE_NOT_TEXT, event->place,
                           "a value holds a NUL character: remove it");
    }
    return 0;
}

/* Returns 1: an event; 0: none yet; -1: the end. */
static int event_take(struct config_events *events, yaml_event_t *from,
                      struct config_event *event)
{
    const yaml_char_t *anchor = NULL;
    *event =
        (struct config_event){.place = place_of(events, &from->start_mark)};
    events->file_place = event->place;
    switch (from->type) {
    case YAML_ALIAS_EVENT:
        return alias_replay(events, from);
    case YAML_SCALAR_EVENT:
        anchor = from->data.scalar.anchor;
        break;
    case YAML_SEQUENCE_START_EVENT:
        event->kind = CONFIG_EVENT_LIST;
        anchor = from->data.sequence_start.anchor;
        break;
    case YAML_MAPPING_START_EVENT:
        event->kind = CONFIG_EVENT_MAPPING;
        anchor = from->data.mapping_start.anchor;
        break;
    case YAML_SEQUENCE_END_EVENT:
        event->kind = CONFIG_EVENT_LIST_END;
        break;
    case YAML_MAPPING_END_EVENT:
        event->kind = CONFIG_EVENT_MAPPING_END;
        break;
    case YAML_DOCUMENT_START_EVENT:
        return events->document_count++ == 0
                   ? 0
                   : events_fail(events, HP_SECOND_DOCUMENT, event->place,
                                 "a second document begins: keep one in the "
                                 "file");
    default: /* stream events, end of a document */
        return 0;
    }
    if (anchor != NULL && anchor_open(events, anchor, event->place) != 0) {
        return -1;
    }
    if (from->type == YAML_SCALAR_EVENT &&
        value_take(events, from, event) != 0) {
        return -1;
    }
    return 1;
}

/* Gets the next event from the file; returns the same as event_take(). */
static int event_parse(struct config_events *events, struct config_event *event)
{
    yaml_event_t from;
    if (!yaml_parser_parse(&events->parser, &from)) {
        return syntax_fail(events);
    }
    int result = event_take(events, &from, event);
    if (from.type == YAML_STREAM_END_EVENT) {
        events->has_ended = true;
        result = -1;
    }
    yaml_event_delete(&from);
    return result;
}

static int event_replay(struct config_events *events,
                        struct config_event *event)
{
    const struct config_event *from = &events->recorded[events->replay_next++];
    event->kind = from->kind;
    event->place = from->place;
    event->text = NULL;
    if (from->kind == CONFIG_EVENT_VALUE) {
        event->text = strdup(from->text);
        if (event->text == NULL) {
            return memory_fail(events);
        }
    }
    return 1;
}

/* By how much an event changes the number of open lists and mappings. */
static int depth_change(const struct config_event *event)
{
    switch (event->kind) {
    case CONFIG_EVENT_LIST:
    case CONFIG_EVENT_MAPPING:
        return 1;
    case CONFIG_EVENT_LIST_END:
    case CONFIG_EVENT_MAPPING_END:
        return -1;
    default:
        return 0;
    }
}

/* Updates what is open, and records the event. */
static int event_deliver(struct config_events *events,
                         struct config_event *event)
{
    if (events->open != NULL && event_record(events, event) != 0) {
        free(event->text);
        return -1;
    }
    events->depth += depth_change(event);
    anchors_close(events);
    return 0;
}

void config_events_next(struct config_events *events,
                        struct config_event *event)
{
    int result = 0;
    *event = (struct config_event){.kind = CONFIG_EVENT_END};
    while (result == 0 && !events->has_ended) {
        result = events->replay_next < events->replay_end
                     ? event_replay(events, event)
                     : event_parse(events, event);
    }
    if (result != 1 || event_deliver(events, event) != 0) {
        *event = (struct config_event){.kind = CONFIG_EVENT_END};
    }
}

void config_events_stop(struct config_events *events)
{
    events->has_ended = true;
    events->replay_end = events->replay_next;
}

void config_events_skip(struct config_events *events,
                        struct config_event *event)
{
    struct config_event next;
    int depth = depth_change(event);
    free(event->text);
    event->text = NULL;
    while (depth > 0) {
        config_events_next(events, &next);
        if (next.kind == CONFIG_EVENT_END) {
            return;
        }
        depth += depth_change(&next);
        free(next.text);
    }
}

bool config_events_failed(const struct config_events *events)
{
    return events->has_failed;
}

void config_events_tell(const struct config_events *events,
                        struct config_errors *errors)
{
    config_errors_add(errors, events->code, events->place, "%s",
                      events->error != NULL ? events->error : "out of memory");
}

bool config_events_is_outage(const struct config_events *events)
{
    return errno_is_outage(events->read_error);
}

struct config_events *config_events_new(int fd, size_t file)
{
    struct config_events *events = calloc(1, sizeof *events);
    if (events == NULL || !yaml_parser_initialize(&events->parser)) {
        free(events);
        return NULL;
    }
    events->fd = fd;
    events->file = (uint16_t)file;
    events->names.name_of = anchor_name;
    yaml_parser_set_input(&events->parser, file_read, events);
    return events;
}

void config_events_free(struct config_events *events)
{
    if (events == NULL) {
        return;
    }
    for (size_t i = 0; i < events->recorded_count; i++) {
        free(events->recorded[i].text);
    }
    while (events->anchors != NULL) {
        struct anchor *next = events->anchors->next;
        free(events->anchors);
        events->anchors = next;
    }
    name_table_free(&events->names);
    yaml_parser_delete(&events->parser);
    free(events->recorded);
    free(events->error);
    free(events);
}
