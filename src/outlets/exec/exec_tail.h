/*
 * exec_tail.h - the end of what a command writes to standard error, as part of
 * a line for operators. Pure.
 */
#ifndef OUTLETS_EXEC_TAIL_H
#define OUTLETS_EXEC_TAIL_H

#include <stddef.h>

#define EXEC_TAIL_SIZE 240 /* bytes that are kept */
/* Each byte becomes at most four characters: \x1b. */
#define EXEC_TAIL_TEXT_SIZE (4 * EXEC_TAIL_SIZE + 1)

/* Zeroed: empty. */
struct exec_tail {
    char bytes[EXEC_TAIL_SIZE]; /* the newest, oldest first */
    size_t size;                /* of them */
    size_t dropped;             /* bytes before them */
};

void exec_tail_add(struct exec_tail *tail, const char *bytes, size_t size);

/* The last lines, as many as are kept whole, or the end of one that is longer:
 * "first | second". Control characters are written like \x1b. Returns text. */
const char *exec_tail_text(const struct exec_tail *tail,
                           char text[EXEC_TAIL_TEXT_SIZE]);

#endif
