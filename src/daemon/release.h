/*
 * release.h - what an operator decides of a message that holds up its lane, as
 * one line: "retry OUTLET SERVER/QUEUE"; or skip, or dead-letter.
 */
#ifndef DAEMON_RELEASE_H
#define DAEMON_RELEASE_H

#include <stddef.h>

#include "daemon/command.h"
#include "daemon/gather.h"

/* Such a line, understood. */
struct release {
    enum forwarder_release kind;          /* retry, skip, dead-letter */
    char outlet[HAPLO_NAME_SIZE_MAX + 1]; /* its name */
    char server[HAPLO_NAME_SIZE_MAX + 1]; /* of the lane */
    char queue[HAPLO_NAME_SIZE_MAX + 1];  /* the same */
};

/* 0, or -1 with why. */
int release_parse(struct release *release, const char *line, char *why,
                  size_t why_size);

/* Carries it out: EXIT_CODE_FINE, or EXIT_CODE_FAILED; in both cases text is
 * one line about it. */
enum exit_code release_do(const struct gather *gather,
                          const struct release *release, char *text,
                          size_t text_size);

/* Both. */
enum exit_code release_by_request(const struct gather *gather, const char *line,
                                  char *text, size_t text_size);

#endif
