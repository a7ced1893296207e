/*
 * name_template.h - names of topics and subjects from a template such as
 * "haplo.{server}.{queue}", in which {server} and {queue} stand for the names
 * of a message's server and queue.
 *
 * Carriers allow fewer characters in a name than Haplo does. A letter, a digit
 * and "-" stay what they are; "_" becomes "__"; any other character becomes "_"
 * and two hexadecimal digits: "a.b:c" is "a_2eb_3ac". A value that is too long
 * for its share of the name ends in "_-" and a hash instead. So two queues have
 * the same name only if the template leaves out what tells them apart. Pure.
 */
#ifndef OUTLETS_NAME_TEMPLATE_H
#define OUTLETS_NAME_TEMPLATE_H

#include <stddef.h>

#define NAME_TEMPLATE_SIZE_MAX 1025 /* of any carrier's names, NUL included */

/* What a carrier allows. */
struct name_carrier {
    const char *noun;       /* what it calls such a name: "topic" */
    const char *characters; /* allowed besides letters and digits */
    size_t length_max;      /* of a name */
};

extern const struct name_carrier name_kafka_topic;
extern const struct name_carrier name_nats_subject;

/* Checks a template. Returns 0, or HAPLO_EINVAL with why set to what is wrong
 * and what to do. */
int name_template_check(const char *text, const struct name_carrier *carrier,
                        char *why, size_t why_size);

/* Writes the name of a queue, by a template that was checked; returns its
 * length. */
size_t name_template_write(char name[NAME_TEMPLATE_SIZE_MAX], const char *text,
                           const struct name_carrier *carrier,
                           const char *server, const char *queue);

#endif
