/*
 * option.h - one key of the configuration file, as the module that it belongs
 * to declares it: the library's servers and queues, an inbox type, an outlet
 * type. Parsing, checks, `haplo-poll help config` and haplo-poll.yaml(5) all
 * come from these rows.
 */
#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <stddef.h>
#include <stdint.h>

/* What is stored at the row's offset. */
enum option_value {
    OPTION_BOOL,         /* bool */
    OPTION_COUNT_32,     /* unsigned */
    OPTION_DURATION,     /* uint64_t, milliseconds: "10s" */
    OPTION_SIZE,         /* size_t, bytes: "64M" */
    OPTION_CHOICE,       /* int: index of the word in choices */
    OPTION_TEXT,         /* const char * */
    OPTION_PATH,         /* const char *, made relative to the file's folder */
    OPTION_FILE,         /* the same; it must be readable */
    OPTION_PRIVATE_FILE, /* the same; nobody else may read it */
    OPTION_TEXT_LIST     /* const char **, ends in NULL */
};

/* "0, or HAPLO_EINVAL with why": what one value must be besides its kind. */
typedef int (*option_check_cb)(const char *value, char *why, size_t why_size);

struct option_row {
    const char *name;        /* of the key */
    enum option_value value; /* */
    uint64_t min;            /* of a count, duration or size */
    uint64_t max;            /* the same */
    const char *fallback;    /* the default; "none": not set; NULL: required */
    size_t offset;           /* in the struct that the module fills */
    const char *choices;     /* OPTION_CHOICE: "json raw" */
    option_check_cb check;   /* or NULL */
    const char *help;        /* sentences */
};

#endif
