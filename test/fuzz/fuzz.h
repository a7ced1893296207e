/*
 * fuzz.h - what the fuzz targets have in common. A target is a file fuzz_*.c
 * with the one function below; it traps where a promise does not hold.
 *
 * libFuzzer calls it (`make fuzz`), and so does replay.c with the inputs that
 * are kept in corpus/ (`make test`).
 */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An assert that is there in every build. */
#define FUZZ_CHECK(condition)                                          \
    do {                                                               \
        if (!(condition)) {                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, \
                    #condition);                                       \
            abort();                                                   \
        }                                                              \
    } while (0)

/* What is left of an input. What it lacks at its end is taken for zeros. */
struct fuzz_input {
    const uint8_t *at; /* next byte */
    size_t size;       /* bytes left */
};

uint8_t input_byte(struct fuzz_input *input);
uint32_t input_number(struct fuzz_input *input);

/* Up to the next line feed, which is taken too; NUL ends it for C, so the
 * line is cut there. To be freed. */
char *input_line(struct fuzz_input *input);

/* All that is left, in a block of just that size, so that reading past it is
 * noticed. To be freed. */
char *input_rest(struct fuzz_input *input, size_t *size);

/* One pseudo-random number after the other; state is the seed. */
uint32_t random_next(uint32_t *state);

/* A line for operators: it ends within its size, has no control characters,
 * and is UTF-8, so that a terminal and a journal show it. */
void check_line(const char *text, size_t text_size);

/* A folder of this process alone, in memory if possible; made by the first
 * call, and gone with the process. */
const char *folder_path(void);

/* Writes a file into it, mode 0600. */
void file_write(const char *name, const void *data, size_t size);

#endif
