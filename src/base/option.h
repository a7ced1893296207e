/*
 * option.h - one key of the configuration file, as the module that it belongs
 * to declares it: the library's servers and queues, an inbox type, an outlet
 * type. Parsing, checks, `haplo-poll help config` and haplo-poll.yaml(5) all
 * come from these rows. To add an option is to add a row.
 *
 *     static const struct option_row options[] = {
 *         {.name = "path", .value = OPTION_PATH,
 *          .offset = offsetof(struct files_options, path),
 *          .help = "The folder that the files are written to."},
 *         {.name = "fsync", .value = OPTION_BOOL, .fallback = "true",
 *          .offset = offsetof(struct files_options, has_fsync),
 *          .help = "Whether a file is durable before it counts."},
 *     };
 */
#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is stored at the row's offset. */
enum option_value {
    OPTION_BOOL,         /* bool */
    OPTION_COUNT_32,     /* unsigned; "none" is 0 */
    OPTION_DURATION,     /* uint64_t, milliseconds: "10s"; "none" is 0 */
    OPTION_SIZE,         /* size_t, bytes: "64M"; "none" is 0 */
    OPTION_CHOICE,       /* int: index of the word in choices */
    OPTION_TEXT,         /* const char *; "none" is NULL, here and below */
    OPTION_SECRET,       /* the same, never shown: it may hold a password */
    OPTION_PATH,         /* the same, made relative to the file's folder */
    OPTION_FILE,         /* the same; it must be readable */
    OPTION_PRIVATE_FILE, /* the same; nobody else may read it */
    OPTION_TEXT_LIST,    /* const char *const *, ends in NULL; NULL: none */
    /* Only for src/config, which reads these itself; their fallback is shown
     * and never parsed. */
    OPTION_REFERENCE, /* one value: the name of something else in the file */
    OPTION_GROUP      /* a list or mapping */
};

/* 0, or HAPLO_EINVAL with why: what one value must be besides its kind. why
 * says what is wrong and what to do, without the value: "no scheme: write
 * https://HOST". */
typedef int (*option_check_cb)(const char *value, char *why, size_t why_size);

struct option_row {
    const char *name;        /* of the key */
    enum option_value value; /* its kind */
    uint64_t min;            /* of a count, duration or size */
    uint64_t max;            /* the same */
    const char *fallback;    /* the default, as it would be written; "none":
                                not set; NULL: the key is required */
    size_t offset;           /* in the struct that the module fills */
    const char *choices;     /* OPTION_CHOICE: "json raw" */
    const char *word;        /* what help calls the value: "URL"; NULL: by its
                                kind */
    option_check_cb check;   /* of a text or of each text of a list; or NULL */
    const char *help;        /* sentences, the first one short */
};

#endif
