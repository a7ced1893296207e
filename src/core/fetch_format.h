/*
 * fetch_format.h - how a queue's batches look: Haplo's own JSON, JSON of
 * another shape, or anything with a token that a pattern finds.
 */
#ifndef CORE_FETCH_FORMAT_H
#define CORE_FETCH_FORMAT_H

#include <stdbool.h>

#include "base/reason.h"
#include "core/json_pointer.h"
#include "core/token_pattern.h"
#include "haplopoll.h"

struct fetch_format {
    enum haplo_format kind;              /* of its answers */
    bool is_default_shape;               /* JSON with no pointers given: require
                                            version 0, and maps as messages */
    struct json_pointer version;         /* JSON, default shape: where it is */
    struct json_pointer token;           /* JSON: where the token is */
    struct json_pointer messages;        /* JSON: where the messages are */
    struct token_pattern *token_pattern; /* owned; RAW */
    char *content_type; /* owned; NULL: the format's default rule */
};

/* Copies what it needs of the options: 0, HAPLO_EINVAL with why set, or
 * HAPLO_ENOMEM. On error there is nothing to free. */
int fetch_format_init(struct fetch_format *format,
                      const struct haplo_queue_options *options,
                      struct reason *why);

void fetch_format_free(struct fetch_format *format);

#endif
