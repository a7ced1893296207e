/* options.h - reads an object with options into a struct of haplopoll.h. Each
 * struct has a table, whose rows name its options in camelCase. */
#ifndef HAPLO_NODE_OPTIONS_H
#define HAPLO_NODE_OPTIONS_H

#include "js.h"

#define OPTION_TEXTS_MAX 16 /* strings and bytes that one struct has */

enum option_kind {
    OPTION_STRING,
    OPTION_BOOL,
    OPTION_UNSIGNED, /* unsigned */
    OPTION_SIZE,     /* size_t */
    OPTION_UINT64,
    OPTION_BYTES, /* struct haplo_slice */
    OPTION_FORMAT /* enum haplo_format: "json" or "raw" */
};

struct option {
    const char *name; /* NULL: the end of the table */
    enum option_kind kind;
    size_t offset; /* of the member that it sets */
};

/* What the members of an options struct point to. */
struct option_texts {
    struct option_text {
        char *data;  /* allocated */
        size_t size; /* of it */
    } texts[OPTION_TEXTS_MAX];
    size_t count; /* of those in use */
};

/* Sets the members that from has properties for, and leaves alone all others.
 * What is undefined or null counts as missing. False, with an exception
 * pending that names the option, if from has an option that is wrong or is not
 * in the table. In any case the caller frees texts, once the library has copied
 * them. */
bool options_read(napi_env env, napi_value from, const struct option *table,
                  void *into, struct option_texts *texts);

/* Adds a text, which is allocated. */
void options_keep(struct option_texts *texts, char *text);

/* Wipes them as well, since one is an API key. */
void options_free(struct option_texts *texts);

#endif
