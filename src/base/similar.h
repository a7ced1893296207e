/*
 * similar.h - finds the name that somebody may have meant, for "did you mean".
 *
 *     struct similar similar;
 *     similar_begin(&similar, "intervall");
 *     for each name there is: similar_consider(&similar, name);
 *     similar.best is "interval", or NULL if none is similar
 *
 * Pure. Names are compared byte by byte, without regard to case.
 */
#ifndef BASE_SIMILAR_H
#define BASE_SIMILAR_H

#include <stdbool.h>
#include <stddef.h>

#define SIMILAR_SIZE_MAX 64 /* longer names resemble nothing */

struct similar {
    const char *wanted; /* as written; borrowed */
    size_t size;        /* of wanted; 0: nothing resembles it */
    const char *best;   /* the most similar name so far, borrowed; or NULL */
    size_t distance;    /* that of best; initially the limit */
};

void similar_begin(struct similar *similar, const char *wanted);

/* True if the name is the most similar one so far. */
bool similar_consider(struct similar *similar, const char *name);

/* The number of insertions, deletions, replacements and swaps of neighbours
 * that turn one name into the other. Neither may be longer than
 * SIMILAR_SIZE_MAX. */
size_t similar_distance(const char *a, const char *b);

#endif
