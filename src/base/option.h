/*
 * option.h - one option of the configuration file, as declared by the module it
 * belongs to: servers and queues of the library, an inbox type, an outlet type.
 * Parsing, checks, `haplo-poll help config` and haplo-poll.yaml(5) are all
 * driven by these rows. To add an option, add a row.
 *
 *     static const struct option_row options[] = {
 *         {.name = "path", .value = OPTION_FOLDER,
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

/* The type stored at the offset of the row. */
enum option_value {
    OPTION_BOOL,         /* bool */
    OPTION_COUNT_32,     /* unsigned; "none" is 0 */
    OPTION_DURATION,     /* uint64_t, milliseconds: "10s"; "none" is 0 */
    OPTION_SIZE,         /* size_t, bytes: "64M"; "none" is 0 */
    OPTION_CHOICE,       /* int: index of the word in choices */
    OPTION_TEXT,         /* const char *; "none" is NULL, here and below */
    OPTION_SECRET,       /* the same, but never shown: may be a password */
    OPTION_PATH,         /* the same, relative to the folder of the file: a
                            file that is written */
    OPTION_FOLDER,       /* the same; a folder, created if it does not exist */
    OPTION_FILE,         /* the same; a file that is read */
    OPTION_PRIVATE_FILE, /* the same; must not be readable by others */
    OPTION_TEXT_LIST,    /* const char *const *, ends in NULL; NULL: none */
    /* Only for src/config, which reads these itself; their fallback is shown
     * and never parsed. */
    OPTION_REFERENCE, /* one value: the name of something else in the file */
    OPTION_GROUP      /* a list or mapping */
};

/* Checks a value beyond its type. Returns 0, or HAPLO_EINVAL with why set to
 * what is wrong and what to do, without the value: "no scheme: write
 * https://HOST". */
typedef int (*option_check_cb)(const char *value, char *why, size_t why_size);

struct option_row {
    const char *name;        /* of the option */
    enum option_value value; /* its type */
    uint64_t min;            /* for a count, duration or size */
    uint64_t max;            /* likewise */
    const char *fallback;    /* default, as a user would write it; "none":
                                unset; NULL: the option is required */
    size_t offset;           /* in the struct of the module */
    const char *choices;     /* OPTION_CHOICE: "json raw" */
    const char *word;        /* name of the value in help: "URL"; NULL: from
                                its type */
    option_check_cb check;   /* for a text, or each text of a list; or NULL */
    const char *help;        /* sentences; the first one should be short */
};

#endif
