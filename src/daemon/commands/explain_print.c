#include "daemon/commands/explain_print.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/reason.h"
#include "base/wall_clock.h"
#include "daemon/text/human.h"

#define LABEL_WIDTH 12
#define LINE_WIDTH 79
#define TRANSITIONS_SHOWN 8

/* The bytes of the text that fit a line, up to a space. */
static size_t fitting_size(const char *text)
{
    size_t size = strcspn(text, " ");
    while (text[size] == ' ') {
        size_t next = size + 1 + strcspn(text + size + 1, " ");
        if (next > LINE_WIDTH - LABEL_WIDTH) {
            break;
        }
        size = next;
    }
    return size;
}

void explain_line(const char *label, const char *format, ...)
{
    char text[EXPLAIN_LINE_SIZE];
    const char *at = text;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    reason_clean(text);
    while (*at != '\0') {
        size_t size = fitting_size(at);
        printf("%-*s%.*s\n", LABEL_WIDTH, label, (int)size, at);
        at += size;
        at += strspn(at, " ");
        label = "";
    }
}

void explain_command(const char *label, const char *command)
{
    printf("%-*s%s\n", LABEL_WIDTH, label, command);
}

const char *explain_time(uint64_t at_ms, uint64_t now_ms,
                         char text[EXPLAIN_TIME_SIZE])
{
    char at[WALL_CLOCK_TEXT_SIZE];
    char duration[HUMAN_TEXT_SIZE];
    if (at_ms > now_ms) {
        snprintf(text, EXPLAIN_TIME_SIZE, "%s, in %s",
                 wall_clock_text(at_ms, at),
                 human_duration(at_ms - now_ms, duration));
    } else {
        snprintf(text, EXPLAIN_TIME_SIZE, "%s, %s ago",
                 wall_clock_text(at_ms, at),
                 human_duration(now_ms - at_ms, duration));
    }
    return text;
}

static void print_transition(const struct json_tree *item)
{
    const char *from = json_tree_text(item, "from");
    const char *to = json_tree_text(item, "to");
    const char *cause = json_tree_text(item, "cause");
    char at[WALL_CLOCK_TEXT_SIZE];
    printf("  %s  %s -> %s%s%s\n",
           wall_clock_text(json_tree_time(item, "at"), at),
           from != NULL ? from : "?", to != NULL ? to : "?",
           cause != NULL ? ": " : "", cause != NULL ? cause : "");
}

void explain_transitions(const struct json_tree *transitions)
{
    size_t count = 0;
    while (json_tree_item(transitions, count) != NULL) {
        count++;
    }
    if (count == 0) {
        return;
    }
    printf("\nWhat happened, newest last:\n");
    for (size_t i = count > TRANSITIONS_SHOWN ? count - TRANSITIONS_SHOWN : 0;
         i < count; i++) {
        print_transition(json_tree_item(transitions, i));
    }
}
