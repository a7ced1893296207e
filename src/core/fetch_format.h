/*
 * fetch_format.h - the format of a queue's batches: Haplo's default JSON, JSON
 * of any other shape, or anything else in which a regular expression finds the
 * token.
 */
#ifndef CORE_FETCH_FORMAT_H
#define CORE_FETCH_FORMAT_H

#include <stdbool.h>

#include "base/reason.h"
#include "core/json_pointer.h"
#include "core/token_pattern.h"
#include "haplopoll.h"

struct fetch_format {
    enum haplo_format kind;       /* JSON or raw */
    bool is_default_shape;        /* JSON without pointers: requires
                                     version 0 and maps as messages */
    struct json_pointer version;  /* default shape: path of the version */
    struct json_pointer token;    /* JSON: path of the token */
    struct json_pointer messages; /* JSON: path of the messages */
    struct token_pattern *token_pattern; /* owned; RAW only */
    char *content_type; /* owned; NULL: the default of the format */
};

/* Copies what it needs from the options. Returns 0, HAPLO_EINVAL with why set,
 * or HAPLO_ENOMEM. On error there is nothing to free. */
int fetch_format_init(struct fetch_format *format,
                      const struct haplo_queue_options *options,
                      struct reason *why);

void fetch_format_free(struct fetch_format *format);

#endif
