/*
 * line.h - one line of a script: splits it into words and resolves names.
 */
#ifndef SIM_LINE_H
#define SIM_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/options.h"
#include "sim/script.h"
#include "sim/world.h"

#define SIM_WORD_COUNT_MAX 64 /* in one line */

struct sim_line {
    char *words[SIM_WORD_COUNT_MAX]; /* point into the line */
    size_t count;
    struct sim_world *world;          /* borrowed */
    struct sim_script_result *result; /* borrowed */
};

/* Splits text in place into words at blanks. "Double quotes" keep blanks in a
 * value; data= and raw= take the rest of the line; a line that starts with #
 * has no words. */
bool sim_line_split(struct sim_line *line, char *text);

/* Records an error, followed by word if not NULL. Always returns false. */
bool sim_line_fail(struct sim_line *line, const char *what, const char *word);

/* Does the name contain wildcards? */
bool sim_name_is_pattern(const char *name);

bool sim_name_is_good(const char *name);

/* Finds the option that a word sets; *value is NULL for a bare word. */
const struct sim_option *sim_line_option(struct sim_line *line, int scopes,
                                         const char *word, const char **value);

/* Sets the member of base that a word names. */
bool sim_line_set(struct sim_line *line, int scopes, void *base,
                  const char *word);

/* The same for all words from index first on. */
bool sim_line_set_from(struct sim_line *line, size_t first, int scopes,
                       void *base);

typedef bool (*sim_queue_visit_cb)(struct sim_line *line,
                                   struct sim_queue *queue);

/* Calls visit for each queue that the second and third words select. */
bool sim_line_visit(struct sim_line *line, sim_queue_visit_cb visit);

#endif
